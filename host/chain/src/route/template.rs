//! The path template of `google.api.http`: `/v1/{name=shelves/*/books/**}:verb`.
//!
//! Owns the grammar and the decoding of captured values; which template wins is decided in
//! `table.rs`. A template that cannot match any canonical path is refused, not ignored.

use percent_encoding::percent_decode_str;

use crate::path::{check_path, decoded};

/// Longest template, in bytes.
const TEXT_BYTES_MAX: usize = 2048;
/// Most segments of a template.
const SEGMENTS_MAX: usize = 64;

/// A path template is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("path template `{template}`, byte {at}: expected {expected}")]
pub struct TemplateError {
    /// The template, as written.
    pub template: Box<str>,
    /// Offset of the offending byte.
    pub at: usize,
    /// The syntax that was expected there.
    pub expected: &'static str,
}

/// A path template, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    text: Box<str>,
    segments: Box<[Segment]>,
    variables: Box<[Variable]>,
    verb: Option<Box<str>>,
}

/// One segment of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    /// This text, decoded: a segment matches however its characters are written.
    Literal(Box<str>),
    /// `*`: one segment that is not empty.
    One,
    /// `**`: any number of segments.
    Many,
}

/// A variable and the segments of the template that it spans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Variable {
    pub(super) field: Box<str>,
    pub(super) start: usize,
    pub(super) end: usize,
    /// True when reserved characters stay encoded (RFC 6570 §3.2.3).
    pub(super) multi: bool,
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// Names the offending byte and what was expected there.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        Parser { text, at: 0, segments: Vec::new(), variables: Vec::new() }.template()
    }

    /// The template, as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The field paths that the template binds, in order of appearance.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.variables.iter().map(|variable| &*variable.field)
    }

    /// The custom verb after the last colon.
    #[must_use]
    pub fn verb(&self) -> Option<&str> {
        self.verb.as_deref()
    }

    pub(super) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The values of the variables in a path of this shape, or nothing if one is not UTF-8.
    pub(super) fn capture(&self, path: &[&str]) -> Option<Vec<(Box<str>, String)>> {
        let many = self.segments.iter().position(|segment| *segment == Segment::Many);
        let place = |index: usize| match many {
            Some(many) if index > many => (index + path.len()).checked_sub(self.segments.len()),
            _ => Some(index),
        };
        let mut values = Vec::with_capacity(self.variables.len());
        for variable in &self.variables {
            let raw = path.get(place(variable.start)?..place(variable.end)?)?;
            let value = match raw {
                [one] => decode(one, variable.multi)?,
                _ => decode(&raw.join("/"), variable.multi)?,
            };
            values.push((variable.field.clone(), value));
        }
        Some(values)
    }
}

impl std::fmt::Display for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// Decodes percent-encoded bytes; in multi-segment values all but the reserved ones.
fn decode(raw: &str, keep_reserved: bool) -> Option<String> {
    if !raw.contains('%') {
        return Some(raw.to_owned());
    }
    if !keep_reserved {
        return percent_decode_str(raw).decode_utf8().ok().map(Into::into);
    }

    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        match encoded(rest) {
            Some(plain) if !b":/?#[]@!$&'()*+,;=".contains(&plain) => {
                bytes.push(plain);
                rest = rest.get(3..)?;
            }
            _ => {
                bytes.push(byte);
                rest = after;
            }
        }
    }

    String::from_utf8(bytes).ok()
}

/// The byte that `%XX` at the start of the text stands for.
fn encoded(text: &[u8]) -> Option<u8> {
    let &[b'%', high, low, ..] = text else { return None };
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    Some(digit(high)? * 16 + digit(low)?)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    segments: Vec<Segment>,
    variables: Vec<Variable>,
}

impl Parser<'_> {
    fn template(mut self) -> Result<Template, TemplateError> {
        if self.text.len() > TEXT_BYTES_MAX {
            return Err(self.expected("at most 2048 bytes"));
        }
        self.take(b'/', "`/`")?;

        let mut verb = None;
        if self.peek().is_some() {
            self.segments(false)?;
            if self.peek() == Some(b':') {
                self.at += 1;
                verb = Some(self.literal("a verb")?);
            }
        }
        if self.peek().is_some() {
            return Err(self.expected("`/`, `:` or the end"));
        }

        Ok(Template {
            text: self.text.into(),
            segments: self.segments.into(),
            variables: self.variables.into(),
            verb,
        })
    }

    fn segments(&mut self, within_variable: bool) -> Result<(), TemplateError> {
        loop {
            self.segment(within_variable)?;
            if self.segments.len() > SEGMENTS_MAX {
                return Err(self.expected("at most 64 segments"));
            }
            if self.peek() != Some(b'/') {
                return Ok(());
            }
            self.at += 1;
        }
    }

    fn segment(&mut self, within_variable: bool) -> Result<(), TemplateError> {
        match self.peek() {
            Some(b'*') => self.wildcard(),
            Some(b'{') if within_variable => Err(self.expected("no variable within a variable")),
            Some(b'{') => self.variable(),
            _ => {
                let literal = self.literal("a segment")?;
                if matches!(&*literal, "." | "..") {
                    return Err(self.expected("a segment other than `.` and `..`"));
                }
                self.segments.push(Segment::Literal(literal));
                Ok(())
            }
        }
    }

    fn wildcard(&mut self) -> Result<(), TemplateError> {
        if self.segments.contains(&Segment::Many) {
            return Err(self.expected("only literals after `**`"));
        }
        self.at += 1;
        if self.peek() == Some(b'*') {
            self.at += 1;
            self.segments.push(Segment::Many);
        } else {
            self.segments.push(Segment::One);
        }
        Ok(())
    }

    fn variable(&mut self) -> Result<(), TemplateError> {
        self.take(b'{', "`{`")?;
        let field = self.field_path()?;
        let start = self.segments.len();
        if self.peek() == Some(b'=') {
            self.at += 1;
            self.segments(true)?;
        } else {
            if self.segments.contains(&Segment::Many) {
                return Err(self.expected("only literals after `**`"));
            }
            self.segments.push(Segment::One);
        }
        self.take(b'}', "`}`")?;
        let end = self.segments.len();
        let spanned = self.segments.get(start..end).unwrap_or_default();
        let multi = spanned.len() > 1 || spanned.contains(&Segment::Many);
        self.variables.push(Variable { field, start, end, multi });
        Ok(())
    }

    fn field_path(&mut self) -> Result<Box<str>, TemplateError> {
        let start = self.at;
        loop {
            if !self.peek().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_') {
                return Err(self.expected("a field name"));
            }
            while self.peek().is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_') {
                self.at += 1;
            }
            if self.peek() != Some(b'.') {
                break;
            }
            self.at += 1;
        }
        let field = self.text.get(start..self.at).unwrap_or_default();
        if self.variables.iter().any(|variable| *variable.field == *field) {
            return Err(self.expected("each variable once"));
        }
        Ok(field.into())
    }

    /// Characters of a path segment (RFC 3986 §3.3) without those that mean something here and
    /// without `;`, which no canonical path has. Returns the text decoded.
    fn literal(&mut self, expected: &'static str) -> Result<Box<str>, TemplateError> {
        let start = self.at;
        while let Some(byte) = self.peek() {
            let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
            if byte == b'%' && encoded(rest).is_none() {
                return Err(self.expected("two hexadecimal digits after `%`"));
            }
            if !(byte.is_ascii_alphanumeric() || b"-._~!$&'()+,@%".contains(&byte)) {
                break;
            }
            self.at += 1;
        }

        let literal = self.text.get(start..self.at).unwrap_or_default();
        if literal.is_empty() {
            return Err(self.expected(expected));
        }
        if !literal.contains('%') {
            return Ok(literal.into());
        }

        let is_canonical = check_path(&format!("/{literal}")).is_ok();
        match decoded(literal) {
            Some(text) if is_canonical => Ok(text.into()),
            Some(_) | None => {
                self.at = start;
                Err(self.expected("percent-encoding only where it is needed, and of UTF-8"))
            }
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8, expected: &'static str) -> Result<(), TemplateError> {
        if self.peek() != Some(byte) {
            return Err(self.expected(expected));
        }
        self.at += 1;
        Ok(())
    }

    fn expected(&self, expected: &'static str) -> TemplateError {
        TemplateError { template: self.text.into(), at: self.at, expected }
    }
}
