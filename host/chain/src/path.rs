//! Canonical paths. A path that two parties could read differently is refused, never repaired, so
//! that matching, policies, receipts, the access record and the upstream all see the same bytes.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::Error;

/// Checks that a path has one reading only: no empty or dot segments, no parameters, and no
/// percent-encoding of a character that need not or must not be encoded.
///
/// # Errors
/// [`Error::PathNotCanonical`], saying what was expected.
pub fn check_path(path: &str) -> Result<(), Error> {
    let bytes = path.as_bytes();

    if bytes.first() != Some(&b'/') {
        return Err(not("it must start with `/`"));
    }

    let mut escaped = false;
    let mut special = false;
    let mut previous = 0;

    for &byte in bytes {
        match byte {
            b'%' => escaped = true,
            b'/' if previous == b'/' => return Err(not("empty segments are not accepted")),
            b'.' if previous == b'/' => special = true,
            b'\\' => return Err(not("backslashes are not accepted")),
            b';' => return Err(not("parameters after `;` are not accepted")),
            0..=0x20 | 0x7f.. => return Err(not("it must be visible ASCII")),
            _ => {}
        }
        previous = byte;
    }

    if special {
        no_dots(bytes)?;
    }

    if escaped { check_escapes(bytes) } else { Ok(()) }
}

/// Decodes a segment for comparison with a literal of a template; none where it is not UTF-8.
pub(crate) fn decoded(segment: &str) -> Option<Cow<'_, str>> {
    if segment.contains('%') {
        percent_decode_str(segment).decode_utf8().ok()
    } else {
        Some(Cow::Borrowed(segment))
    }
}

/// Decodes once; what remains must not become a forbidden character when it is decoded again.
fn check_escapes(path: &[u8]) -> Result<(), Error> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((&first, after)) = rest.split_first() {
        if first != b'%' {
            decoded.push(first);
            rest = after;
            continue;
        }

        let byte = escape(after).ok_or_else(|| not("`%` must be followed by two hex digits"))?;
        if let Some(reason) = forbidden(byte) {
            return Err(not(reason));
        }
        decoded.push(byte);
        rest = after.get(2..).unwrap_or_default();
    }

    let mut rest = decoded.as_slice();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%' && escape(after).is_some_and(|byte| forbidden(byte).is_some()) {
            return Err(not("doubly encoded characters are not accepted"));
        }
        rest = after;
    }
    Ok(())
}

/// Returns why a character must not be percent-encoded. Unreserved ones mean the same encoded or
/// not (RFC 3986 §6.2.2.2): an upstream that decodes them would find another resource than the
/// Route that was matched.
fn forbidden(byte: u8) -> Option<&'static str> {
    match byte {
        b'/' | b'\\' => Some("encoded separators are not accepted"),
        b';' => Some("an encoded `;` is not accepted"),
        0..=0x1f | 0x7f => Some("encoded control characters are not accepted"),
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            Some("letters, digits and `-._~` must not be percent-encoded")
        }
        _ => None,
    }
}

/// The value of two hex digits.
fn escape(after: &[u8]) -> Option<u8> {
    let digit = |byte: &u8| (*byte as char).to_digit(16);
    let value = digit(after.first()?)? * 16 + digit(after.get(1)?)?;
    u8::try_from(value).ok()
}

fn no_dots(path: &[u8]) -> Result<(), Error> {
    if path.split(|byte| *byte == b'/').any(|segment| matches!(segment, b"." | b"..")) {
        return Err(not("`.` and `..` segments are not accepted"));
    }
    Ok(())
}

fn not(detail: &'static str) -> Error {
    Error::PathNotCanonical { detail }
}

#[cfg(test)]
mod tests;
