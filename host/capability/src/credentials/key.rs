//! API keys as the gateway handles them: a digest of what a request presents, and new keys.
//!
//! The form of a key is in `tollgate_terms::api_key`.

use std::fmt;

use ring::rand::{SecureRandom, SystemRandom};
use tollgate_terms::{Environment, api_key};
use zeroize::Zeroizing;

use crate::Sha256Digest;

/// SHA-256 of a whole key, by which stores look it up. Its `Debug` form hides it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyDigest(pub Sha256Digest);

impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyDigest(..)")
    }
}

/// The parts of a well-formed key that are kept: not the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiKey {
    /// The environment in its prefix, which the store must confirm.
    pub environment: Environment,
    /// Its digest, by which the store looks it up.
    pub digest: KeyDigest,
}

impl ApiKey {
    /// Checks form and checksum, without a store.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        api_key::parse(text).map(|environment| Self { environment, digest: of(text) })
    }
}

fn of(key: &str) -> KeyDigest {
    KeyDigest(Sha256Digest::of(key.as_bytes()))
}

/// The system gave no randomness.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("no randomness for a new key")]
pub struct NoRandomness;

/// A new key. Wiped when dropped; to be shown once.
pub struct NewKey {
    text: Zeroizing<String>,
}

impl NewKey {
    /// Generates a key.
    ///
    /// # Errors
    /// Fails if the system gives no randomness.
    pub fn make(environment: Environment) -> Result<Self, NoRandomness> {
        let random = SystemRandom::new();
        let fill = |buffer: &mut [u8]| random.fill(buffer).map_err(|_| NoRandomness);
        let text = api_key::generate(environment, fill)?;
        Ok(Self { text })
    }

    /// Returns the key itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// Returns the digest, which is all that a store keeps.
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
    fn neither_key_nor_digest_is_printed() {
        let new = NewKey::make(Environment::Live).expect("randomness");
        let parsed = ApiKey::parse(new.expose());
        assert_eq!(format!("{new:?} {:?}", new.digest()), "NewKey(..) KeyDigest(..)");
        assert!(!format!("{parsed:?}").contains(&new.expose()[10..]));
    }
}
