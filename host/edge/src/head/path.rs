//! The canonical path check. A path that two parties could read differently is refused.

use tollgate_chain::Error;

/// Checks that a path has one reading only.
///
/// # Errors
/// [`Error::PathNotCanonical`], saying what was expected.
pub fn check(path: &str) -> Result<(), Error> {
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

/// Decodes once; what remains must neither hide separators nor become them when decoded again.
fn check_escapes(path: &[u8]) -> Result<(), Error> {
    let decoded = decode(path, |byte| match byte {
        b'/' | b'\\' => Err(not("encoded separators are not accepted")),
        0..=0x1f | 0x7f => Err(not("encoded control characters are not accepted")),
        _ => Ok(()),
    })?;
    no_dots(&decoded)?;
    let mut rest = decoded.as_slice();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%'
            && let Some(b'/' | b'\\' | b'.' | 0..=0x1f | 0x7f) = escape(after)
        {
            return Err(not("doubly encoded characters are not accepted"));
        }
        rest = after;
    }
    Ok(())
}

fn decode(path: &[u8], accept: impl Fn(u8) -> Result<(), Error>) -> Result<Vec<u8>, Error> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first != b'%' {
            decoded.push(first);
            continue;
        }
        let byte = escape(after).ok_or_else(|| not("`%` must be followed by two hex digits"))?;
        accept(byte)?;
        decoded.push(byte);
        rest = after.get(2..).unwrap_or_default();
    }
    Ok(decoded)
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
