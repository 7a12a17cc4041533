//! Timestamp, Duration and FieldMask: their text, and their bytes.

use std::fmt::Write;

use crate::schema::JsonForm;
use crate::text::{Expected, put_string};
use crate::wire::{Broken, Cursor, Layout, Raw, put_tag, put_varint};

const DAY: i64 = 86_400;
/// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z.
const SECONDS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
/// Ten thousand years.
const DURATION_SECONDS_MAX: i64 = 315_576_000_000;

/// Writes the content of a message of this form from its text.
pub(crate) fn put(out: &mut Vec<u8>, form: JsonForm, text: &str) -> Result<(), Expected> {
    match form {
        JsonForm::Timestamp => {
            let (seconds, nanos) = timestamp(text)
                .ok_or("a timestamp such as 2006-01-02T15:04:05.123Z, year 1 to 9999")?;
            put_time(out, seconds, nanos);
        }
        JsonForm::Duration => {
            let (seconds, nanos) = duration(text)
                .ok_or("a duration such as 1.5s, at most 315576000000.999999999s either way")?;
            put_time(out, seconds, nanos);
        }
        JsonForm::FieldMask => field_mask(out, text)?,
        JsonForm::Plain
        | JsonForm::Any
        | JsonForm::Struct
        | JsonForm::Value
        | JsonForm::ListValue
        | JsonForm::Wrapper => {
            return Err("a field of primitive type");
        }
    }
    Ok(())
}

/// Seconds and nanoseconds of a Timestamp's or Duration's bytes.
pub(crate) fn time(bytes: &[u8]) -> Result<(i64, i32), Broken> {
    let (mut seconds, mut nanos) = (0, 0);
    let mut cursor = Cursor(bytes);
    while let Some((number, raw)) = cursor.field()? {
        match (number, raw) {
            (1, Raw::Varint(value)) => seconds = value.cast_signed(),
            (2, Raw::Varint(value)) => {
                nanos = i32::try_from(value.cast_signed()).map_err(|_| Broken("nanoseconds"))?;
            }
            _ => {}
        }
    }
    Ok((seconds, nanos))
}

/// RFC 3339 in UTC with 0, 3, 6 or 9 digits of a fraction.
pub(crate) fn timestamp_text(seconds: i64, nanos: i32) -> Result<String, Broken> {
    if !SECONDS.contains(&seconds) || !(0..1_000_000_000).contains(&nanos) {
        return Err(Broken("a timestamp out of range"));
    }
    let (year, month, day) = civil(seconds.div_euclid(DAY));
    let clock = seconds.rem_euclid(DAY);
    let (hour, minute, second) = (clock / 3600, clock / 60 % 60, clock % 60);
    let mut text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    put_fraction(&mut text, nanos);
    text.push('Z');
    Ok(text)
}

/// Seconds with 0, 3, 6 or 9 digits of a fraction and an `s`.
pub(crate) fn duration_text(seconds: i64, nanos: i32) -> Result<String, Broken> {
    let in_range = (-DURATION_SECONDS_MAX..=DURATION_SECONDS_MAX).contains(&seconds)
        && (-999_999_999..=999_999_999).contains(&nanos)
        && (seconds.signum() * i64::from(nanos.signum()) >= 0);
    if !in_range {
        return Err(Broken("a duration out of range"));
    }
    let sign = if seconds < 0 || nanos < 0 { "-" } else { "" };
    let mut text = format!("{sign}{}", seconds.abs());
    put_fraction(&mut text, nanos.abs());
    text.push('s');
    Ok(text)
}

/// The paths of a FieldMask's bytes, comma-joined, in lowerCamelCase.
pub(crate) fn field_mask_text(bytes: &[u8]) -> Result<String, Broken> {
    let mut text = String::new();
    let mut first = true;
    let mut cursor = Cursor(bytes);

    while let Some((number, raw)) = cursor.field()? {
        let (1, Raw::Bytes(path)) = (number, raw) else { continue };
        let path = std::str::from_utf8(path).map_err(|_| Broken("a path that is not UTF-8"))?;
        if !std::mem::take(&mut first) {
            text.push(',');
        }
        let mut raise = false;
        for char in path.chars() {
            match char {
                '_' if raise => return Err(Broken("a path that has no JSON form")),
                '_' => raise = true,
                'a'..='z' if raise => {
                    text.push(char.to_ascii_uppercase());
                    raise = false;
                }
                _ if raise || char.is_ascii_uppercase() => {
                    return Err(Broken("a path that has no JSON form"));
                }
                _ => text.push(char),
            }
        }
        if raise {
            return Err(Broken("a path that has no JSON form"));
        }
    }

    Ok(text)
}

fn put_time(out: &mut Vec<u8>, seconds: i64, nanos: i32) {
    if seconds != 0 {
        put_tag(out, 1, Layout::Varint);
        put_varint(out, seconds.cast_unsigned());
    }
    if nanos != 0 {
        put_tag(out, 2, Layout::Varint);
        put_varint(out, i64::from(nanos).cast_unsigned());
    }
}

/// Writes the shortest of 0, 3, 6 or 9 digits that is exact.
fn put_fraction(text: &mut String, nanos: i32) {
    let written = match nanos {
        0 => Ok(()),
        _ if nanos % 1_000_000 == 0 => write!(text, ".{:03}", nanos / 1_000_000),
        _ if nanos % 1_000 == 0 => write!(text, ".{:06}", nanos / 1_000),
        _ => write!(text, ".{nanos:09}"),
    };
    debug_assert!(written.is_ok(), "a String takes everything");
}

/// A leap second is refused: there is no value for it, and moving it would be guessing.
fn timestamp(text: &str) -> Option<(i64, i32)> {
    let (date, rest) = text.split_at_checked(10)?;
    let (clock, rest) = rest.strip_prefix('T')?.split_at_checked(8)?;
    let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = date.as_bytes() else { return None };
    let &[h1, h2, b':', n1, n2, b':', s1, s2] = clock.as_bytes() else { return None };
    let year = digits(&[y1, y2, y3, y4]).filter(|year| *year >= 1)?;
    let month = digits(&[m1, m2]).filter(|month| (1..=12).contains(month))?;
    let day = digits(&[d1, d2]).filter(|day| (1..=days_in(year, month)).contains(day))?;
    let hour = digits(&[h1, h2]).filter(|hour| *hour < 24)?;
    let minute = digits(&[n1, n2]).filter(|minute| *minute < 60)?;
    let second = digits(&[s1, s2]).filter(|second| *second < 60)?;
    let (nanos, zone) = fraction(rest)?;
    let seconds = days(year, month, day) * DAY + hour * 3600 + minute * 60 + second - offset(zone)?;
    SECONDS.contains(&seconds).then_some((seconds, nanos))
}

/// Seconds east of UTC.
fn offset(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let &[sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] = zone.as_bytes() else { return None };
    let hours = digits(&[h1, h2]).filter(|hours| *hours < 24)?;
    let minutes = digits(&[m1, m2]).filter(|minutes| *minutes < 60)?;
    let seconds = hours * 3600 + minutes * 60;
    Some(if sign == b'-' { -seconds } else { seconds })
}

fn duration(text: &str) -> Option<(i64, i32)> {
    let text = text.strip_suffix('s')?;
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let end = text.find('.').unwrap_or(text.len());
    let (whole, rest) = text.split_at_checked(end)?;
    let seconds = digits(whole.as_bytes()).filter(|seconds| *seconds <= DURATION_SECONDS_MAX)?;
    let (nanos, rest) = fraction(rest)?;
    if !rest.is_empty() {
        return None;
    }
    Some(if negative { (-seconds, -nanos) } else { (seconds, nanos) })
}

/// Nanoseconds of `.123` at the start of the text, and what follows.
fn fraction(text: &str) -> Option<(i32, &str)> {
    let Some(after) = text.strip_prefix('.') else { return Some((0, text)) };
    let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
    let (fraction, rest) = after.split_at_checked(end)?;
    let scale = 9usize.checked_sub(fraction.len())?;
    let value = i32::try_from(digits(fraction.as_bytes())?).ok()?;
    Some((value * 10i32.checked_pow(u32::try_from(scale).ok()?)?, rest))
}

fn field_mask(out: &mut Vec<u8>, text: &str) -> Result<(), Expected> {
    const EXPECTED: Expected = "field paths in lowerCamelCase, joined by commas";

    if text.is_empty() {
        return Ok(());
    }

    for path in text.split(',') {
        let sound = |b: u8| b.is_ascii_alphanumeric() || b == b'.';
        if path.is_empty() || !path.bytes().all(sound) {
            return Err(EXPECTED);
        }
        let mut snake = String::with_capacity(path.len() + 4);
        for char in path.chars() {
            if char.is_ascii_uppercase() {
                snake.push('_');
            }
            snake.push(char.to_ascii_lowercase());
        }
        put_string(out, 1, &snake);
    }

    Ok(())
}

/// The value of 1 to 18 digits.
fn digits(text: &[u8]) -> Option<i64> {
    if !(1..=18).contains(&text.len()) || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(text.iter().fold(0, |value, digit| value * 10 + i64::from(digit - b'0')))
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01, counted in years that begin in March.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + of_year
        - 719_468
}

/// Year, month and day of a count of days since 1970-01-01.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}
