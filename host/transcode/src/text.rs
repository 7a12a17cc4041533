//! Values written as text: in a path, in a query, in a string of JSON. Strict in one way only:
//! what two readers could read differently is refused.

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::schema::{FieldKind, JsonForm, Schema};
use crate::wellknown;
use crate::wire::{Layout, close, open, put_bytes, put_tag, put_varint, zigzag};

/// The expectation that a text missed.
pub(crate) type Expected = &'static str;

/// Largest integer below which every integer is a double.
const EXACT_MAX: i128 = 1 << 53;

/// Most names of an enum that a message lists.
const NAMES_MAX: usize = 16;

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// Writes field number and value of text that stands for a value of this kind.
pub(crate) fn put_field(
    schema: &Schema,
    out: &mut Vec<u8>,
    number: u32,
    kind: FieldKind,
    text: &str,
) -> Result<(), Expected> {
    put_tag(out, number, kind.layout());
    put_value(schema, out, kind, text)
}

/// Writes the value alone.
pub(crate) fn put_value(
    schema: &Schema,
    out: &mut Vec<u8>,
    kind: FieldKind,
    text: &str,
) -> Result<(), Expected> {
    match kind {
        FieldKind::String => put_bytes(out, text.as_bytes()),
        FieldKind::Bytes => put_bytes(out, &bytes(text)?),
        FieldKind::Bool => match text {
            "true" => out.push(1),
            "false" => out.push(0),
            _ => return Err("true or false"),
        },
        FieldKind::Enum(id) => {
            let number = schema.enumeration(id).by_name.get(text).copied();
            put_integer(out, kind, number.map_or_else(|| quoted_integer(text), |n| Ok(n.into()))?)?;
        }
        FieldKind::Double | FieldKind::Float => put_float(out, kind, text, true)?,
        FieldKind::Message(id) => {
            let start = open(out);
            let message = schema.message(id);
            if message.form == JsonForm::Wrapper {
                let inner = message.fields.first().ok_or("a field of primitive type")?;
                put_field(schema, out, inner.number, inner.kind, text)?;
            } else {
                wellknown::put(out, message.form, text)?;
            }
            close(out, start);
        }
        FieldKind::Int32
        | FieldKind::Int64
        | FieldKind::Uint32
        | FieldKind::Uint64
        | FieldKind::Sint32
        | FieldKind::Sint64
        | FieldKind::Fixed32
        | FieldKind::Fixed64
        | FieldKind::Sfixed32
        | FieldKind::Sfixed64 => put_integer(out, kind, quoted_integer(text)?)?,
    }

    Ok(())
}

/// Tells whether values of this kind have a text form at all.
pub(crate) fn has_form(schema: &Schema, kind: FieldKind) -> bool {
    let FieldKind::Message(id) = kind else { return true };
    matches!(
        schema.message(id).form,
        JsonForm::Wrapper | JsonForm::Timestamp | JsonForm::Duration | JsonForm::FieldMask
    )
}

/// Writes an integer of an integral kind, an enum's number included.
pub(crate) fn put_integer(out: &mut Vec<u8>, kind: FieldKind, value: i128) -> Result<(), Expected> {
    const NARROW: Expected = "a signed integer of 32 bits";
    const WIDE: Expected = "a signed integer of 64 bits";
    let narrow = i32::try_from(value).map_err(|_| NARROW);
    let wide = i64::try_from(value).map_err(|_| WIDE);
    let narrow_plain = u32::try_from(value).map_err(|_| "an unsigned integer of 32 bits");
    let wide_plain = u64::try_from(value).map_err(|_| "an unsigned integer of 64 bits");

    match kind {
        FieldKind::Int32 | FieldKind::Enum(_) => {
            put_varint(out, i64::from(narrow?).cast_unsigned())
        }
        FieldKind::Int64 => put_varint(out, wide?.cast_unsigned()),
        FieldKind::Uint32 => put_varint(out, narrow_plain?.into()),
        FieldKind::Uint64 => put_varint(out, wide_plain?),
        FieldKind::Sint32 => put_varint(out, zigzag(narrow?.into())),
        FieldKind::Sint64 => put_varint(out, zigzag(wide?)),
        FieldKind::Fixed32 => out.extend_from_slice(&narrow_plain?.to_le_bytes()),
        FieldKind::Fixed64 => out.extend_from_slice(&wide_plain?.to_le_bytes()),
        FieldKind::Sfixed32 => out.extend_from_slice(&narrow?.to_le_bytes()),
        FieldKind::Sfixed64 => out.extend_from_slice(&wide?.to_le_bytes()),
        FieldKind::Double
        | FieldKind::Float
        | FieldKind::Bool
        | FieldKind::String
        | FieldKind::Bytes
        | FieldKind::Message(_) => {
            return Err("another kind of value");
        }
    }

    Ok(())
}

/// Writes a number of floating point; in a string the three names that JSON lacks are allowed.
pub(crate) fn put_float(
    out: &mut Vec<u8>,
    kind: FieldKind,
    text: &str,
    quoted: bool,
) -> Result<(), Expected> {
    const EXPECTED: Expected = "a number in the range of its type";
    let named = match text {
        "NaN" => Some(f32::NAN),
        "Infinity" => Some(f32::INFINITY),
        "-Infinity" => Some(f32::NEG_INFINITY),
        _ => None,
    };

    if !quoted && named.is_some() || named.is_none() && !is_number(text) {
        return Err(EXPECTED);
    }

    if kind == FieldKind::Float {
        let value: f32 = named.map_or_else(|| text.parse(), Ok).map_err(|_| EXPECTED)?;
        if named.is_none() && value.is_infinite() {
            return Err(EXPECTED);
        }
        out.extend_from_slice(&value.to_le_bytes());
    } else {
        let named = named.map(f64::from);
        let value: f64 = named.map_or_else(|| text.parse(), Ok).map_err(|_| EXPECTED)?;
        if named.is_none() && value.is_infinite() {
            return Err(EXPECTED);
        }
        out.extend_from_slice(&value.to_le_bytes());
    }

    Ok(())
}

/// An integer in a string: digits, a minus at most, and no zero in front.
pub(crate) fn quoted_integer(text: &str) -> Result<i128, Expected> {
    const EXPECTED: Expected = "an integer";
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits.bytes().all(|b| b.is_ascii_digit());
    if digits.is_empty()
        || digits.len() > 20
        || !plain
        || digits.len() > 1 && digits.starts_with('0')
    {
        return Err(EXPECTED);
    }
    text.parse().map_err(|_| EXPECTED)
}

/// An integer of 32 bits in a string of JSON: with a point or an exponent too, as other readers of
/// protobuf's JSON take it. One of 64 bits may be an amount, and is written out.
pub(crate) fn narrow_integer(text: &str) -> Result<i128, Expected> {
    if text.contains(['.', 'e', 'E']) && is_number(text) {
        return bare_integer(text);
    }
    quoted_integer(text)
}

/// Completes what a value was expected to be: for an enum the names of its values.
pub(crate) fn expectation(
    schema: &Schema,
    kind: FieldKind,
    expected: Expected,
) -> Cow<'static, str> {
    let FieldKind::Enum(id) = kind else { return expected.into() };
    let mut names: Vec<_> = schema.enumeration(id).by_name.iter().collect();
    names.sort_by_key(|(name, number)| (**number, *name));

    let more = if names.len() > NAMES_MAX { ", …" } else { "" };
    let names: Vec<&str> = names.iter().take(NAMES_MAX).map(|(name, _)| &***name).collect();
    format!("one of {}{more}, or the number of one", names.join(", ")).into()
}

/// An integer as a number of JSON: `1`, also `1.0` and `1e3`, exactly. A value written with a
/// point or an exponent must be one that every reader through a double reads alike.
pub(crate) fn bare_integer(token: &str) -> Result<i128, Expected> {
    const EXPECTED: Expected = "an integer";

    if !token.contains(['.', 'e', 'E']) {
        return quoted_integer(token);
    }

    let (mantissa, exponent) = token.split_once(['e', 'E']).unwrap_or((token, "0"));
    let exponent: i32 = exponent.parse().map_err(|_| EXPECTED)?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let negative = whole.starts_with('-');
    let digits = format!("{}{fraction}", whole.trim_start_matches('-'));
    let shift = exponent.saturating_sub(i32::try_from(fraction.len()).map_err(|_| EXPECTED)?);
    let significant = digits.trim_end_matches('0');

    if significant.is_empty() {
        return Ok(0);
    }

    let zeros = i32::try_from(digits.len() - significant.len()).map_err(|_| EXPECTED)?;
    let zeros = u32::try_from(shift.saturating_add(zeros)).map_err(|_| EXPECTED)?;
    let scale = 10i128.checked_pow(zeros).ok_or(EXPECTED)?;
    let value: i128 = significant.parse().map_err(|_| EXPECTED)?;

    match value.checked_mul(scale) {
        Some(value) if value <= EXACT_MAX => Ok(if negative { -value } else { value }),
        _ => Err("an integer written without point and exponent, or at most 2^53"),
    }
}

/// Base64, standard or URL-safe, padded or not.
pub(crate) fn bytes(text: &str) -> Result<Vec<u8>, Expected> {
    let engine = if text.contains(['-', '_']) { &URL_SAFE } else { &STANDARD };
    engine.decode(text).map_err(|_| "base64")
}

/// Writes base64, standard and padded.
pub(crate) fn base64(bytes: &[u8], out: &mut String) {
    STANDARD.encode_string(bytes, out);
}

/// A tag and a string, for the messages that this crate writes itself.
pub(crate) fn put_string(out: &mut Vec<u8>, number: u32, text: &str) {
    put_tag(out, number, Layout::Bytes);
    put_bytes(out, text.as_bytes());
}

/// The grammar of numbers (RFC 8259 §6).
fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let whole = whole.strip_prefix('-').unwrap_or(whole);
    digits(whole)
        && !(whole.len() > 1 && whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent
            .is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)))
}
