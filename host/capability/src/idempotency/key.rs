//! The syntax of `Idempotency-Key`: a String of RFC 9651, or a bare token as older SDKs send.

use std::borrow::Cow;

use http::HeaderMap;
use sfv::{Item, Parser};
use tollgate_terms::headers::IDEMPOTENCY_KEY;

/// Longest key, in characters.
const LENGTH_MAX: usize = 255;

/// The idempotency key of a request. It is the caller's and opaque: it is never printed.
pub(super) enum KeyField<'a> {
    Absent,
    Valid(Cow<'a, str>),
    Malformed,
}

pub(super) fn read(headers: &HeaderMap) -> KeyField<'_> {
    let mut lines = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(line) = lines.next() else { return KeyField::Absent };
    if lines.next().is_some() {
        return KeyField::Malformed;
    }
    let key = line.to_str().ok().and_then(parse);
    key.filter(|key| (1..=LENGTH_MAX).contains(&key.len()))
        .map_or(KeyField::Malformed, KeyField::Valid)
}

/// Parses both forms: `"k1"` and `k1` are the same key. Parameters of a String are ignored.
fn parse(text: &str) -> Option<Cow<'_, str>> {
    let text = text.trim_matches([' ', '\t']);
    if let Some(rest) = text.strip_prefix('"') {
        // The usual form: nothing escaped, and nothing after the closing quote.
        let plain = rest.strip_suffix('"').filter(|key| key.bytes().all(is_token));
        return plain.map_or_else(|| parse_item(text).map(Cow::Owned), |key| Some(key.into()));
    }
    text.bytes().all(is_token).then_some(Cow::Borrowed(text))
}

fn parse_item(text: &str) -> Option<String> {
    let item: Item = Parser::new(text).parse().ok()?;
    item.bare_item.as_string().map(|string| string.as_str().to_owned())
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    /// Reads the key, or names the defect of the lines.
    fn key(lines: &[&[u8]]) -> Result<String, &'static str> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(IDEMPOTENCY_KEY, HeaderValue::from_bytes(line).expect("a value"));
        }
        match read(&headers) {
            KeyField::Absent => Err("absent"),
            KeyField::Valid(key) => Ok(key.into_owned()),
            KeyField::Malformed => Err("malformed"),
        }
    }

    #[test]
    fn both_forms_denote_the_same_key() {
        for line in [r#""k1""#, "k1", r#"  "k1";a=1 "#, r#""k1"; p"#] {
            assert_eq!(key(&[line.as_bytes()]).as_deref(), Ok("k1"), "{line}");
        }
        assert_eq!(key(&[br#""a\"b\\c d""#]).as_deref(), Ok(r#"a"b\c d"#));
        assert_eq!(key(&[b"8e03978e-40d5:x_y.z"]).as_deref(), Ok("8e03978e-40d5:x_y.z"));
    }

    #[test]
    fn what_is_neither_form_is_malformed() {
        for line in [
            "",
            r#""""#,
            r#""a", "b""#,
            "a, b",
            "a b",
            "a;p=1",
            r#""a"#,
            r#""a" b"#,
            "a\"b",
            "a/b",
            "?1",
            "ключ",
            "\"ключ\"",
            ":YQ==:",
            "(\"a\")",
        ] {
            assert_eq!(key(&[line.as_bytes()]), Err("malformed"), "{line}");
        }
    }

    #[test]
    fn a_key_has_1_to_255_characters() {
        for length in [1, 255] {
            let text = "k".repeat(length);
            assert_eq!(key(&[text.as_bytes()]), Ok(text.clone()));
            assert_eq!(key(&[format!("\"{text}\"").as_bytes()]), Ok(text));
        }
        let long = "k".repeat(256);
        assert_eq!(key(&[long.as_bytes()]), Err("malformed"));
        assert_eq!(key(&[format!("\"{long}\"").as_bytes()]), Err("malformed"));
    }

    #[test]
    fn no_line_is_absent_and_two_lines_are_malformed_though_equal() {
        assert_eq!(key(&[]), Err("absent"));
        assert_eq!(key(&[b"k1", b"k1"]), Err("malformed"));
    }
}
