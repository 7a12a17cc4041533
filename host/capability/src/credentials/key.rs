//! The form of an API key: `tg_<environment>_<32 base62><6 base62 of CRC-32>`.
//!
//! The checksum covers everything before it, environment included. It is a filter that spares
//! the store, not security: the 190 random bits are.

use std::fmt;
use std::hash::{Hash, Hasher};

use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use tollgate_chain::Environment;
use zeroize::Zeroizing;

/// Digits, then upper case, then lower case.
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const RANDOM: usize = 32;
const CHECKSUM: usize = 6;

/// SHA-256 of a whole key: what stores are asked by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyDigest(pub [u8; 32]);

impl Hash for KeyDigest {
    /// Eight bytes of a digest spread as well as all of them.
    fn hash<H: Hasher>(&self, state: &mut H) {
        if let Some(first) = self.0.first_chunk() {
            state.write_u64(u64::from_le_bytes(*first));
        }
    }
}

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyDigest(..)")
    }
}

/// A key whose form is right, as far as it is kept: not the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiKey {
    /// The word in its prefix, which the store must confirm.
    pub environment: Environment,
    /// What the store is asked by.
    pub digest: KeyDigest,
}

impl ApiKey {
    /// Checks form and checksum, without asking anybody.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (word, rest) = text.strip_prefix("tg_")?.split_once('_')?;
        let environment = word.parse().ok()?;
        if rest.len() != RANDOM + CHECKSUM || !rest.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return None;
        }
        let (body, sum) = text.split_at_checked(text.len().checked_sub(CHECKSUM)?)?;
        (sum.as_bytes() == checksum(body)).then(|| Self { environment, digest: of(text) })
    }
}

fn of(key: &str) -> KeyDigest {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, key.as_bytes()).as_ref());
    KeyDigest(bytes)
}

/// CRC-32 (IEEE 802.3) as six base62 digits, most significant first, padded with zeros.
fn checksum(body: &str) -> [u8; CHECKSUM] {
    let mut rest = crc32fast::hash(body.as_bytes());
    let mut digits = [b'0'; CHECKSUM];
    for digit in digits.iter_mut().rev() {
        *digit = base62(rest % 62);
        rest /= 62;
    }
    digits
}

fn base62(digit: u32) -> u8 {
    usize::try_from(digit).ok().and_then(|index| ALPHABET.get(index)).copied().unwrap_or(b'0')
}

/// The system gave no randomness.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("no randomness for a new key")]
pub struct NoRandomness;

/// A key that was just made. Wiped when dropped; to be shown once.
pub struct NewKey {
    text: Zeroizing<String>,
}

impl NewKey {
    /// Makes a key.
    ///
    /// # Errors
    /// The system gave no randomness.
    pub fn make(environment: Environment) -> Result<Self, NoRandomness> {
        let mut text = Zeroizing::new(String::with_capacity(64));
        text.push_str("tg_");
        text.push_str(environment.as_str());
        text.push('_');
        let body = text.len() + RANDOM;
        let mut bytes = Zeroizing::new([0; 2 * RANDOM]);
        while text.len() < body {
            SystemRandom::new().fill(&mut *bytes).map_err(|_| NoRandomness)?;
            // Bytes of 248 and more would favour the first digits.
            let even = bytes.iter().filter(|byte| **byte < 248).take(body - text.len());
            let digits: Vec<u8> = even.map(|byte| base62(u32::from(byte % 62))).collect();
            text.extend(digits.into_iter().map(char::from));
        }
        let sum = checksum(&text);
        text.extend(sum.map(char::from));
        Ok(Self { text })
    }

    /// The key itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// What a store keeps of it.
    #[must_use]
    pub fn digest(&self) -> KeyDigest {
        of(&self.text)
    }
}

impl fmt::Debug for NewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A key of all-`A` random, with its checksum computed apart from the code above.
    const SANDBOX: &str = "tg_sandbox_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    #[test]
    fn the_checksum_is_base62_of_crc32_over_the_whole_prefix() {
        // CRC-32 of "123456789" is 0xCBF43926, the check value of the algorithm.
        let (check, mut number) = (0xCBF4_3926_u64, 0);
        for digit in checksum("123456789") {
            let value = ALPHABET.iter().position(|known| *known == digit).expect("a digit");
            number = number * 62 + value as u64;
        }
        assert_eq!(number, check);
        assert_eq!(checksum(""), *b"000000");
    }

    #[test]
    fn a_made_key_parses_and_keeps_its_environment() {
        for environment in [Environment::Sandbox, Environment::Live] {
            let new = NewKey::make(environment).expect("randomness");
            let key = ApiKey::parse(new.expose()).expect("a key");
            assert_eq!((key.environment, key.digest), (environment, new.digest()));
            let other = NewKey::make(environment).expect("randomness");
            assert_ne!(other.expose(), new.expose());
        }
    }

    #[test]
    fn one_changed_character_anywhere_is_noticed() {
        let new = NewKey::make(Environment::Live).expect("randomness");
        for index in 0..new.expose().len() {
            let mut bytes = new.expose().as_bytes().to_vec();
            bytes[index] = if bytes[index] == b'x' { b'y' } else { b'x' };
            let text = String::from_utf8(bytes).expect("ASCII");
            assert_eq!(ApiKey::parse(&text), None, "{index}");
        }
    }

    #[test]
    fn the_environment_cannot_be_swapped() {
        for (from, to, made) in
            [("live", "sandbox", Environment::Live), ("sandbox", "live", Environment::Sandbox)]
        {
            let new = NewKey::make(made).expect("randomness");
            assert_eq!(ApiKey::parse(&new.expose().replacen(from, to, 1)), None);
        }
    }

    #[test]
    fn other_forms_are_no_keys() {
        let new = NewKey::make(Environment::Live).expect("randomness");
        let key = new.expose();
        let text = format!("{SANDBOX}000000");
        for text in [
            "",
            "tg_",
            "tg_live_",
            "sk_live_x",
            text.as_str(),
            &key[1..],
            &key[..key.len() - 1],
            &format!("{key}0"),
            &format!(" {key}"),
            &format!("{key} "),
            &key.to_uppercase(),
            &format!("tg_test_{}", &key[8..]),
            &format!("tg_live_é{}", &key[10..]),
        ] {
            assert_eq!(ApiKey::parse(text), None, "{text}");
        }
    }

    #[test]
    fn neither_key_nor_digest_is_printed() {
        let new = NewKey::make(Environment::Live).expect("randomness");
        let parsed = ApiKey::parse(new.expose());
        assert_eq!(format!("{new:?} {:?}", new.digest()), "NewKey(..) KeyDigest(..)");
        assert!(!format!("{parsed:?}").contains(&new.expose()[10..]));
    }
}
