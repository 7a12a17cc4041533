//! The format of API keys: `tg_<environment>_<32 random base62><6 base62 of CRC-32>`.
//!
//! The checksum covers everything before it, the environment's word included. It is a filter, not
//! security: about 190 random bits are.

use ring::digest::{SHA256, digest};
use ring::rand::SecureRandom;
use secrecy::{ExposeSecret as _, SecretString};
use tollgate_commons::Environment;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const RANDOM_CHARS: usize = 32;
const CHECKSUM_CHARS: u32 = 6;

/// A key just minted. It exists in this process and in the answer, and nowhere else.
#[derive(Debug, Clone)]
pub struct Minted {
    /// The key itself.
    pub secret: SecretString,
    /// SHA-256 over it.
    pub sha256: Vec<u8>,
    /// Its last four characters, by which people tell keys apart.
    pub last_four: String,
}

/// The system gave no randomness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("draw random bytes")]
pub struct NoRandomness;

/// Mints a key for an environment.
///
/// # Errors
/// When the system gives no randomness.
pub fn mint(environment: Environment, random: &dyn SecureRandom) -> Result<Minted, NoRandomness> {
    let mut text = format!("tg_{environment}_");
    while text.len() < prefix_len(environment) + RANDOM_CHARS {
        let mut byte = [0_u8; 1];
        random.fill(&mut byte).map_err(|_| NoRandomness)?;
        let [byte] = byte;
        // 248 is the last multiple of 62: bytes above it would favour the first characters.
        if byte < 248 {
            text.push(base62(u32::from(byte) % 62));
        }
    }
    let checksum = checksum(&text);
    text.push_str(&checksum);
    let last_four = text.get(text.len() - 4..).unwrap_or_default().to_owned();
    let sha256 = sha256(&text);
    Ok(Minted { secret: text.into(), sha256, last_four })
}

/// Whether a text has the form and the checksum of a key of that environment.
#[must_use]
pub fn well_formed(key: &SecretString, environment: Environment) -> bool {
    let key = key.expose_secret();
    let length = prefix_len(environment) + RANDOM_CHARS + CHECKSUM_CHARS as usize;
    let Some((body, sum)) = key.split_at_checked(length - CHECKSUM_CHARS as usize) else {
        return false;
    };
    key.len() == length
        && body.starts_with(&format!("tg_{environment}_"))
        && body.bytes().skip(prefix_len(environment)).all(|byte| BASE62.contains(&byte))
        && sum == checksum(body)
}

/// SHA-256 over a full key: what the gateway sends.
#[must_use]
pub fn sha256(key: &str) -> Vec<u8> {
    digest(&SHA256, key.as_bytes()).as_ref().to_vec()
}

fn prefix_len(environment: Environment) -> usize {
    "tg__".len() + environment.as_str().len()
}

fn checksum(body: &str) -> String {
    let mut rest = crc32fast::hash(body.as_bytes());
    let mut digits: Vec<char> = Vec::new();
    for _ in 0..CHECKSUM_CHARS {
        digits.push(base62(rest % 62));
        rest /= 62;
    }
    digits.iter().rev().collect()
}

fn base62(digit: u32) -> char {
    BASE62.get(digit as usize).copied().map_or('0', char::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::rand::SystemRandom;

    #[test]
    fn a_minted_key_has_the_published_form() {
        let minted = mint(Environment::Sandbox, &SystemRandom::new()).unwrap();
        let text = minted.secret.expose_secret();
        assert!(text.starts_with("tg_sandbox_"));
        assert_eq!(text.len(), 11 + 32 + 6);
        assert!(text.ends_with(&minted.last_four));
        assert!(well_formed(&minted.secret, Environment::Sandbox));
        assert_eq!(minted.sha256, sha256(text));
    }

    #[test]
    fn swapping_the_environment_or_any_character_breaks_the_checksum() {
        let minted = mint(Environment::Live, &SystemRandom::new()).unwrap();
        let text = minted.secret.expose_secret();
        let swapped = text.replace("tg_live_", "tg_sandbox_");
        assert!(!well_formed(&swapped.into(), Environment::Sandbox));
        for index in 0..text.len() {
            let mut bytes = text.as_bytes().to_vec();
            bytes[index] = if bytes[index] == b'x' { b'y' } else { b'x' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(!well_formed(&changed.into(), Environment::Live), "character {index}");
        }
    }

    #[test]
    fn the_checksum_is_that_of_everything_before_it() {
        let body = format!("tg_live_{}", "A".repeat(32));
        assert_eq!(crc32fast::hash(b"123456789"), 0xCBF4_3926, "the usual CRC-32");
        let key = format!("{body}{}", checksum(&body));
        assert!(well_formed(&key.into(), Environment::Live));
    }

    #[test]
    fn a_minted_key_does_not_print() {
        let minted = mint(Environment::Live, &SystemRandom::new()).unwrap();
        assert!(!format!("{minted:?}").contains("tg_live_"));
    }
}
