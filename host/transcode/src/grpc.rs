//! gRPC as it is on the wire (PROTOCOL-HTTP2): the prefix of a message, `grpc-timeout`, and the
//! status with its details. Pure; sending is `upstream`'s part.

mod deframer;
mod details;
mod outcome;
mod status;

use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use tollgate_chain::Error as Refusal;

pub use deframer::Deframer;
pub use outcome::{Detail, Outcome};
pub use status::status;

/// Bytes in front of each message: a flag and a length.
pub const PREFIX: usize = 5;
/// Largest number in `grpc-timeout`, exclusive.
const TIMEOUT_MAX: u128 = 100_000_000;

/// The flag of a message that is compressed, in gRPC, gRPC-Web and Connect.
const COMPRESSED: u8 = 0b1;

/// Puts the prefix in front of a message.
///
/// # Errors
/// [`Refusal::BodyTooLarge`] when the message is longer than `limit` bytes or 4 GiB.
pub fn frame(message: &[u8], is_compressed: bool, limit: usize) -> Result<Bytes, Refusal> {
    if message.len() > limit {
        return Err(Refusal::BodyTooLarge { limit });
    }
    let mut out = Vec::with_capacity(PREFIX + message.len());
    out.extend_from_slice(&[0; PREFIX]);
    out.extend_from_slice(message);
    fill_prefix(&mut out)?;
    if let (true, Some(flag)) = (is_compressed, out.first_mut()) {
        *flag = COMPRESSED;
    }
    Ok(out.into())
}

/// The message in the body of a unary response; nothing when the body is empty, as it is when
/// the call failed.
///
/// # Errors
/// [`Refusal::UpstreamInvalid`]: longer than `limit` bytes, compressed although no compression
/// was offered, cut, or more than one message.
pub fn deframe(body: &Bytes, limit: usize) -> Result<Option<Bytes>, Refusal> {
    match only_message(body, limit)? {
        Some((_, true)) => {
            let internal = "a gRPC message is compressed, which was not offered".to_owned();
            Err(Refusal::UpstreamInvalid { internal })
        }
        message => Ok(message.map(|(message, _)| message)),
    }
}

/// The message in the body of a unary response, and whether it is compressed; nothing when the
/// body is empty.
///
/// # Errors
/// [`Refusal::UpstreamInvalid`]: longer than `limit` bytes, flags that gRPC does not have, cut, or
/// more than one message.
pub fn only_message(body: &Bytes, limit: usize) -> Result<Option<(Bytes, bool)>, Refusal> {
    let invalid = |internal: &str| Refusal::UpstreamInvalid { internal: internal.to_owned() };

    if body.is_empty() {
        return Ok(None);
    }

    let Some((&[flag, a, b, c, d], message)) = body.split_first_chunk::<PREFIX>() else {
        return Err(invalid("a gRPC message's prefix is cut"));
    };

    if flag & !COMPRESSED != 0 {
        return Err(invalid("a gRPC message has flags that mean nothing"));
    }

    let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);

    if length > limit {
        return Err(invalid("a gRPC message is longer than the limit"));
    }

    match message.len().cmp(&length) {
        std::cmp::Ordering::Less => Err(invalid("a gRPC message is cut")),
        std::cmp::Ordering::Greater => Err(invalid("more than one message for a unary call")),
        std::cmp::Ordering::Equal => Ok(Some((body.slice(PREFIX..), flag == COMPRESSED))),
    }
}

/// The value of `grpc-timeout`, rounded down; nothing when no time is left.
#[must_use]
pub fn timeout(left: Duration) -> Option<HeaderValue> {
    let nanos = left.as_nanos();
    let units = [(1, 'n'), (1_000, 'u'), (1_000_000, 'm'), (1_000_000_000, 'S')];
    let (number, unit) = units
        .into_iter()
        .map(|(scale, unit)| (nanos / scale, unit))
        .find(|(number, _)| *number < TIMEOUT_MAX)
        .unwrap_or((TIMEOUT_MAX - 1, 'S'));
    if number == 0 {
        return None;
    }
    HeaderValue::try_from(format!("{number}{unit}")).ok()
}

/// Reads a `grpc-timeout`: at most eight digits and a unit.
#[must_use]
pub fn parse_timeout(text: &str) -> Option<Duration> {
    let (unit_at, unit) = text.char_indices().next_back()?;
    let digits = text.get(..unit_at)?;
    if !(1..=8).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    match unit {
        'H' => Some(Duration::from_secs(number * 3600)),
        'M' => Some(Duration::from_secs(number * 60)),
        'S' => Some(Duration::from_secs(number)),
        'm' => Some(Duration::from_millis(number)),
        'u' => Some(Duration::from_micros(number)),
        'n' => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

/// Fills the prefix that was left free at the start.
pub(crate) fn fill_prefix(framed: &mut [u8]) -> Result<(), Refusal> {
    let length = u32::try_from(framed.len().saturating_sub(PREFIX))
        .map_err(|_| Refusal::BodyTooLarge { limit: u32::MAX as usize })?;
    if let Some(prefix) = framed.first_chunk_mut::<PREFIX>() {
        let [a, b, c, d] = length.to_be_bytes();
        *prefix = [0, a, b, c, d];
    }
    Ok(())
}
