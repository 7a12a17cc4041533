//! API keys as the gateway handles them: a digest of what a request presents, and new keys.
//!
//! The form of a key is in `tollgate_terms::api_key`.

use std::fmt;
use std::hash::{Hash, Hasher};

use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use tollgate_terms::{Environment, api_key};
use zeroize::Zeroizing;

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
        api_key::parse(text).map(|environment| Self { environment, digest: of(text) })
    }
}

fn of(key: &str) -> KeyDigest {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, key.as_bytes()).as_ref());
    KeyDigest(bytes)
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
        let random = SystemRandom::new();
        let fill = |buffer: &mut [u8]| random.fill(buffer).map_err(|_| NoRandomness);
        let text = api_key::generate(environment, fill)?;
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
