//! Reads JSON into a [`Value`]. Settings have no fractions, so that a guest carries no code for
//! floating point: that, with the rest of a general JSON library, would be half of a component.

/// A JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Flag(bool),
    Whole(i64),
    /// A number with a fraction or an exponent, or too large to be of use.
    Fraction,
    Text(String),
    List(Vec<Self>),
    Table(Vec<(String, Self)>),
}

impl Value {
    /// Returns true if it is this text.
    pub(super) fn is(&self, text: &str) -> bool {
        matches!(self, Self::Text(own) if own == text)
    }

    /// The whole number, if it is one.
    pub(super) fn whole(&self) -> Option<i64> {
        if let Self::Whole(number) = self { Some(*number) } else { None }
    }

    /// The text, if it is one and not empty; else the value itself.
    pub(super) fn into_text(self) -> Result<String, Self> {
        if self.is("") {
            return Err(self);
        }
        if let Self::Text(text) = self { Ok(text) } else { Err(self) }
    }
}

/// Reads one value, and nothing after it.
///
/// # Errors
/// Says what was expected, and at which byte.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(DEPTH_MAX).and_then(|value| match reader.next_token() {
        None => Ok(value),
        Some(_) => Err("the end of the settings"),
    });
    value.map_err(|expected| format!("not JSON: expected {expected} at byte {}", reader.at))
}

/// Deepest nesting of lists and tables.
const DEPTH_MAX: u32 = 32;

struct Reader<'a> {
    text: &'a str,
    /// Index of the next byte.
    at: usize,
}

type Read<T> = Result<T, &'static str>;

impl Reader<'_> {
    fn value(&mut self, depth: u32) -> Read<Value> {
        let depth = depth.checked_sub(1).ok_or("less nesting")?;
        match self.next_token().ok_or("a value")? {
            b'{' => self.table(depth),
            b'[' => self.list(depth),
            b'"' => self.text().map(Value::Text),
            b't' => self.word("rue", Value::Flag(true)),
            b'f' => self.word("alse", Value::Flag(false)),
            b'n' => self.word("ull", Value::Null),
            first @ (b'-' | b'0'..=b'9') => self.number(first),
            _ => Err("a value"),
        }
    }

    fn table(&mut self, depth: u32) -> Read<Value> {
        let mut entries: Vec<(String, Value)> = Vec::new();
        if self.skip_token(b'}') {
            return Ok(Value::Table(entries));
        }

        loop {
            if !self.skip_token(b'"') {
                return Err("a key");
            }

            let key = self.text()?;
            if !self.skip_token(b':') {
                return Err("`:`");
            }
            if entries.iter().any(|(known, _)| *known == key) {
                return Err("each key once");
            }
            entries.push((key, self.value(depth)?));

            match self.next_token() {
                Some(b',') => {}
                Some(b'}') => return Ok(Value::Table(entries)),
                _ => return Err("`,` or `}`"),
            }
        }
    }

    fn list(&mut self, depth: u32) -> Read<Value> {
        let mut elements = Vec::new();
        if self.skip_token(b']') {
            return Ok(Value::List(elements));
        }
        loop {
            elements.push(self.value(depth)?);
            match self.next_token() {
                Some(b',') => {}
                Some(b']') => return Ok(Value::List(elements)),
                _ => return Err("`,` or `]`"),
            }
        }
    }

    /// The text after its opening quote.
    fn text(&mut self) -> Read<String> {
        let mut text = String::new();
        loop {
            let start = self.at;
            while self.peek().is_some_and(|byte| !matches!(byte, b'"' | b'\\' | 0..=0x1f)) {
                self.at += 1;
            }
            text.push_str(self.text.get(start..self.at).unwrap_or_default());
            match self.next().ok_or("`\"`")? {
                b'"' => return Ok(text),
                b'\\' => text.push(self.escaped()?),
                _ => return Err("an escaped control character"),
            }
        }
    }

    fn escaped(&mut self) -> Read<char> {
        match self.next() {
            Some(same @ (b'"' | b'\\' | b'/')) => Ok(char::from(same)),
            Some(b'b') => Ok('\u{8}'),
            Some(b'f') => Ok('\u{c}'),
            Some(b'n') => Ok('\n'),
            Some(b'r') => Ok('\r'),
            Some(b't') => Ok('\t'),
            Some(b'u') => self.code_point(),
            _ => Err("an escape"),
        }
    }

    /// RFC 8259 §7: beyond the basic plane, a pair of surrogates.
    fn code_point(&mut self) -> Read<char> {
        let first = self.four_digits()?;
        let code = if (0xd800..0xdc00).contains(&first) {
            if self.next() != Some(b'\\') || self.next() != Some(b'u') {
                return Err("the second half of a pair");
            }
            let second = self.four_digits()?;
            let low = second.checked_sub(0xdc00).filter(|low| *low < 0x400);
            0x10000 + (first - 0xd800) * 0x400 + low.ok_or("the second half of a pair")?
        } else {
            first
        };
        char::from_u32(code).ok_or("the first half of a pair")
    }

    fn four_digits(&mut self) -> Read<u32> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.next().and_then(|digit| char::from(digit).to_digit(16));
            code = code * 16 + digit.ok_or("a hexadecimal digit")?;
        }
        Ok(code)
    }

    fn number(&mut self, first: u8) -> Read<Value> {
        let negative = first == b'-';
        let first = if negative { self.next() } else { Some(first) };
        let mut whole = Some(digit(first).ok_or("a digit")?);
        let mut digits = 1;
        while let Some(next) = digit(self.peek()) {
            self.at += 1;
            digits += 1;
            whole = whole.and_then(|whole| whole.checked_mul(10)?.checked_add(next));
        }
        if digits > 1 && first == Some(b'0') {
            return Err("no leading zero");
        }
        while matches!(self.peek(), Some(b'.' | b'e' | b'E' | b'+' | b'-' | b'0'..=b'9')) {
            self.at += 1;
            whole = None;
        }
        let signed = whole.map(|whole| if negative { -whole } else { whole });
        Ok(signed.map_or(Value::Fraction, Value::Whole))
    }

    fn word(&mut self, rest: &str, value: Value) -> Read<Value> {
        if rest.bytes().all(|letter| self.next() == Some(letter)) {
            Ok(value)
        } else {
            Err("true, false or null")
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let next = self.peek()?;
        self.at += 1;
        Some(next)
    }

    /// The next byte that is no white space.
    fn next_token(&mut self) -> Option<u8> {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
        self.next()
    }

    /// Reads the next byte that is no white space if it is this one, and returns true if it was.
    fn skip_token(&mut self, token: u8) -> bool {
        let before = self.at;
        let is_next = self.next_token() == Some(token);
        if !is_next {
            self.at = before;
        }
        is_next
    }
}

fn digit(byte: Option<u8>) -> Option<i64> {
    byte.filter(u8::is_ascii_digit).map(|digit| i64::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    use super::{Value, parse};

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[test]
    fn every_kind_of_value_is_read() {
        let read = parse(" {\"a\" : [ 1 , -20,\ttrue,\nfalse, null ], \"b\":{}, \"c\":[] }\r\n");
        let numbers = [Value::Whole(1), Value::Whole(-20)];
        let words = [Value::Flag(true), Value::Flag(false), Value::Null];
        let expected = Value::Table(vec![
            ("a".to_owned(), Value::List([&numbers[..], &words].concat())),
            ("b".to_owned(), Value::Table(Vec::new())),
            ("c".to_owned(), Value::List(Vec::new())),
        ]);
        assert_eq!(read, Ok(expected));
    }

    #[test]
    fn escapes_and_pairs_are_resolved() {
        assert_eq!(parse(r#""\"\\\/\b\f\n\r\t""#), Ok(text("\"\\/\u{8}\u{c}\n\r\t")));
        assert_eq!(parse(r#""\u00e9\uD83D\uDE00é""#), Ok(text("é😀é")));
    }

    #[test]
    fn fractions_exponents_and_huge_numbers_are_no_whole_numbers() {
        for fraction in ["0.5", "1e3", "-1.0", "1E+2", "99999999999999999999"] {
            assert_eq!(parse(fraction), Ok(Value::Fraction), "{fraction}");
        }
        assert_eq!(parse("9223372036854775807"), Ok(Value::Whole(i64::MAX)));
    }

    #[test]
    fn what_is_not_json_is_refused_with_its_place() {
        let wrong = [
            "",
            "{",
            "[1",
            "[1,]",
            "{\"a\"}",
            "{\"a\":1,}",
            "{a:1}",
            "tru",
            "01",
            "-",
            "\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\ud800\"",
            "\"\\ud800\\u0041\"",
            "\"\\udc00\"",
            "\"\n\"",
            "1 2",
            "{\"a\":1,\"a\":2}",
            "nul",
            "[1 2]",
        ];

        for wrong in wrong {
            assert!(parse(wrong).is_err(), "{wrong}");
        }

        assert_eq!(parse("[1 2]"), Err("not JSON: expected `,` or `]` at byte 4".to_owned()));
    }

    #[test]
    fn nesting_is_bounded() {
        assert!(parse(&"[".repeat(1_000_000)).is_err());
        assert!(parse(&format!("{}{}", "[".repeat(31), "]".repeat(31))).is_ok());
    }
}
