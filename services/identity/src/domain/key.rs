//! Minted API keys and their digests. The form of a key is in `tollgate_terms::api_key`.

use ring::digest::{SHA256, digest};
use ring::rand::SecureRandom;
use secrecy::SecretString;
use tollgate_terms::{Environment, api_key};

/// A newly minted key. Its text exists only in this process and in the answer.
#[derive(Debug, Clone)]
pub struct MintedKey {
    /// The key itself.
    pub secret: SecretString,
    /// The SHA-256 digest of the key.
    pub sha256: Vec<u8>,
    /// Its last four characters, by which people tell keys apart.
    pub last_four: String,
}

/// The system gives no randomness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("draw random bytes")]
pub struct NoRandomness;

/// Mints a key for an environment.
///
/// # Errors
/// [`NoRandomness`].
pub fn mint(
    environment: Environment,
    random: &dyn SecureRandom,
) -> Result<MintedKey, NoRandomness> {
    let fill = |buffer: &mut [u8]| random.fill(buffer).map_err(|_| NoRandomness);
    let text = api_key::generate(environment, fill)?;
    let last_four = text.get(text.len() - 4..).unwrap_or_default().to_owned();
    let sha256 = sha256(&text);
    Ok(MintedKey { secret: text.as_str().into(), sha256, last_four })
}

/// Returns the SHA-256 digest of a whole key, which the gateway sends.
#[must_use]
pub fn sha256(key: &str) -> Vec<u8> {
    digest(&SHA256, key.as_bytes()).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn a_minted_key_has_the_published_form() {
        let minted = mint(Environment::Sandbox, &SystemRandom::new()).unwrap();
        let text = minted.secret.expose_secret();
        assert!(text.ends_with(&minted.last_four));
        assert_eq!(api_key::parse(text), Some(Environment::Sandbox));
        assert_eq!(minted.sha256, sha256(text));
    }

    #[test]
    fn a_minted_key_does_not_print() {
        let minted = mint(Environment::Live, &SystemRandom::new()).unwrap();
        assert!(!format!("{minted:?}").contains("tg_live_"));
    }
}
