//! The form of an API key: `tg_<environment>_<32 base62><6 base62 of CRC-32>`.
//!
//! The checksum covers everything before it, the environment included. It spares the credential
//! store look-ups of mistyped keys and is not a security measure: the 190 random bits are.
//! Digests and storage of keys belong to the crates that keep them.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

use crate::Environment;

/// The first characters of every key.
pub const PREFIX: &str = "tg_";

/// Number of random characters in a key.
pub const RANDOM_CHARS: usize = 32;

/// Number of checksum characters at the end of a key.
pub const CHECKSUM_CHARS: usize = 6;

/// Digits of base62: figures, upper case, lower case.
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Returns the environment of `text` if it has the form and the checksum of a key.
#[must_use]
pub fn parse(text: &str) -> Option<Environment> {
    let (word, rest) = text.strip_prefix(PREFIX)?.split_once('_')?;
    let environment = Environment::from_word(word)?;
    let is_base62 = rest.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if rest.len() != RANDOM_CHARS + CHECKSUM_CHARS || !is_base62 {
        return None;
    }

    let (body, sum) = text.split_at_checked(text.len().checked_sub(CHECKSUM_CHARS)?)?;
    (sum.as_bytes() == checksum(body)).then_some(environment)
}

/// Replaces each segment of a path that seems to hold a key by `redacted-key`, so that the path may
/// be recorded. Keys with a mistake in them count, whole or percent-encoded in part, and so do keys
/// with other text around them.
#[must_use]
pub fn without_keys(path: &str) -> Cow<'_, str> {
    // Most paths have neither.
    if !path.contains(PREFIX) && !path.contains('%') {
        return Cow::Borrowed(path);
    }
    if !path.split('/').any(seems_to_hold_key) {
        return Cow::Borrowed(path);
    }
    let redacted = |segment| if seems_to_hold_key(segment) { REDACTED } else { segment };
    Cow::Owned(path.split('/').map(redacted).collect::<Vec<_>>().join("/"))
}

/// Tells whether a segment of a path has a key's first characters, the word of an environment, and
/// more than a few base62 characters after them.
fn seems_to_hold_key(segment: &str) -> bool {
    let decoded = percent_decode_str(segment).decode_utf8_lossy();
    decoded.match_indices(PREFIX).any(|(start, prefix)| {
        let rest = decoded.get(start + prefix.len()..).unwrap_or_default();
        let Some((word, random)) = rest.split_once('_') else { return false };
        let telling = random.bytes().take_while(u8::is_ascii_alphanumeric).count();
        Environment::from_word(word).is_some() && telling >= TELLING_CHARS
    })
}

/// Stands for a segment of a path that holds a key.
const REDACTED: &str = "redacted-key";

/// Number of random characters from which on a part of a key is treated as one.
const TELLING_CHARS: usize = 8;

/// Generates a key from the random bytes that `fill` writes. The text is wiped when it is dropped.
///
/// # Errors
/// The error of `fill`.
pub fn generate<E>(
    environment: Environment,
    mut fill: impl FnMut(&mut [u8]) -> Result<(), E>,
) -> Result<Zeroizing<String>, E> {
    // Room for a whole key: a buffer that grew would leave a copy behind that nobody wipes.
    let mut text = Zeroizing::new(String::with_capacity(64));
    text.push_str(PREFIX);
    text.push_str(environment.as_str());
    text.push('_');

    let body_len = text.len() + RANDOM_CHARS;
    let mut bytes = Zeroizing::new([0; 2 * RANDOM_CHARS]);
    while text.len() < body_len {
        fill(&mut *bytes)?;
        let missing = body_len - text.len();
        // 248 is the last multiple of 62: greater bytes would favour the first digits.
        let unbiased = bytes.iter().filter(|byte| **byte < 248).take(missing);
        for byte in unbiased {
            text.push(char::from(digit(u32::from(byte % 62))));
        }
    }

    let sum = checksum(&text);
    text.extend(sum.map(char::from));
    Ok(text)
}

/// Returns the CRC-32 (IEEE 802.3) of `body` as six base62 digits, most significant first, padded
/// with zeros. `body` is everything in a key before its checksum.
#[must_use]
pub fn checksum(body: &str) -> [u8; CHECKSUM_CHARS] {
    let mut rest = crc32fast::hash(body.as_bytes());
    let mut digits = [b'0'; CHECKSUM_CHARS];
    for place in digits.iter_mut().rev() {
        *place = digit(rest % 62);
        rest /= 62;
    }
    digits
}

fn digit(value: u32) -> u8 {
    usize::try_from(value).ok().and_then(|index| ALPHABET.get(index)).copied().unwrap_or(b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANDOM: &str = "0123456789abcdefghijklmnopqrstuvwxyzAB";

    #[test]
    fn segments_that_hold_a_key_in_any_spelling_are_redacted() {
        for segment in [
            format!("tg_live_{RANDOM}"),
            format!("tg_sandbox_{RANDOM}"),
            format!("%74g_live_{RANDOM}"),
            format!("tg%5Flive%5f{RANDOM}"),
            format!("key=tg_live_{RANDOM}.json"),
            "tg_live_12345678".to_owned(),
            format!("x_tg_tg_live_{RANDOM}"),
        ] {
            let path = format!("/v1/{segment}/b/{segment}");
            assert_eq!(without_keys(&path), "/v1/redacted-key/b/redacted-key");
        }
    }

    #[test]
    fn paths_without_a_key_stay_as_they_are() {
        for path in
            ["/", "", "/v1/tg_other_0123456789", "/tg_live_1234567", "/a%2Fb", "/tg_live", "*"]
        {
            assert!(matches!(without_keys(path), Cow::Borrowed(same) if same == path), "{path}");
        }
    }
}
