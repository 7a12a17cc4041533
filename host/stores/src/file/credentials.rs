//! Keys in a TOML file: their digests, never the keys.
//!
//! ```toml
//! [[keys]]
//! id = "key_1"
//! sha256 = "…64 hexadecimal digits of the whole key's SHA-256…"
//! tenant = "acme"
//! environment = "sandbox"
//! scopes = ["deposits:write"]
//! access = "full"                        # optional; full is the default
//! expires_at = "2027-01-01T00:00:00Z"    # optional
//! ```

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use serde::Deserialize;
use subtle::ConstantTimeEq;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tollgate_capability::credentials::{CredentialStore, KeyDigest, Lookup, Unreachable};
use tollgate_capability::{Clock, Later, Sha256Digest};
use tollgate_chain::{Access, Environment, Principal};

use crate::Error;

/// Longest file, in bytes; about 5 million keys at their shortest.
pub(crate) const FILE_BYTES_MAX: u64 = 1 << 30;

/// Credential store in a file, whose keys can be replaced as a whole while requests are served.
#[derive(Debug)]
pub struct FileCredentials {
    clock: Arc<dyn Clock>,
    keys: ArcSwap<HashMap<KeyDigest, ListedKey>>,
}

#[derive(Debug)]
struct ListedKey {
    principal: Arc<Principal>,
    /// The moment from which the key is refused, by the wall clock.
    expires_at: Option<Duration>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileShape {
    #[serde(default)]
    keys: Vec<KeyShape>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyShape {
    id: String,
    sha256: String,
    tenant: String,
    environment: Environment,
    scopes: Vec<String>,
    #[serde(default = "full_access")]
    access: Access,
    expires_at: Option<String>,
}

fn full_access() -> Access {
    Access::Full
}

impl FileCredentials {
    /// Reads the file.
    ///
    /// # Errors
    /// Returns the first thing that is wrong with it.
    pub fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        Self::parse(&read(path)?, clock)
    }

    /// Reads the text of such a file.
    ///
    /// # Errors
    /// Returns the first thing that is wrong with it.
    pub fn parse(text: &str, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        Ok(Self { clock, keys: ArcSwap::from_pointee(keys(text)?) })
    }

    /// Reads the file again, uses it from the next look-up on, and returns the number of its keys.
    ///
    /// # Errors
    /// Returns the first thing that is wrong with it; the former keys stay.
    pub fn reload(&self, path: &Path) -> Result<usize, Error> {
        self.replace(&read(path)?)
    }

    /// Does the same with the text of such a file.
    ///
    /// # Errors
    /// Returns the first thing that is wrong with it; the former keys stay.
    pub fn replace(&self, text: &str) -> Result<usize, Error> {
        let keys = keys(text)?;
        let count = keys.len();
        self.keys.store(Arc::new(keys));
        Ok(count)
    }

    fn find(&self, digest: &KeyDigest) -> Lookup {
        let keys = self.keys.load();
        let Some((listed, key)) = keys.get_key_value(digest) else { return Lookup::NotFound };
        let equal: bool = listed.0.0.ct_eq(&digest.0.0).into();
        let expired = key.expires_at.is_some_and(|end| end <= self.clock.unix());
        if equal && !expired { Lookup::Found(Arc::clone(&key.principal)) } else { Lookup::NotFound }
    }
}

impl CredentialStore for FileCredentials {
    fn local(&self, digest: &KeyDigest) -> Option<Lookup> {
        Some(self.find(digest))
    }

    fn look_up(&self, digest: KeyDigest) -> Later<'static, Result<Lookup, Unreachable>> {
        Later::Ready(Ok(self.find(&digest)))
    }
}

fn read(path: &Path) -> Result<String, Error> {
    let path_text = || path.display().to_string().into_boxed_str();
    let failed = |source| Error::CredentialsRead { path: path_text(), source };
    if std::fs::metadata(path).map_err(failed)?.len() > FILE_BYTES_MAX {
        return Err(Error::CredentialsTooLong { path: path_text() });
    }
    std::fs::read_to_string(path).map_err(failed)
}

fn keys(text: &str) -> Result<HashMap<KeyDigest, ListedKey>, Error> {
    let shape: FileShape = toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        Error::CredentialsShape {
            line: before.lines().count().max(1),
            message: error.message().into(),
        }
    })?;
    let mut keys = HashMap::with_capacity(shape.keys.len());
    for raw in shape.keys {
        let wrong = |expected| Error::CredentialsKey { id: raw.id.as_str().into(), expected };
        let digest = Sha256Digest::from_hex(&raw.sha256)
            .map(KeyDigest)
            .ok_or_else(|| wrong("sha256 of 64 hexadecimal digits, never the key itself"))?;
        let key = raw.check().map_err(wrong)?;
        if keys.insert(digest, key).is_some() {
            return Err(wrong("a sha256 that no other key has"));
        }
    }
    Ok(keys)
}

impl KeyShape {
    fn check(&self) -> Result<ListedKey, &'static str> {
        if !(1..=128).contains(&self.id.len()) {
            return Err("an id of 1 to 128 bytes");
        }
        if !(1..=128).contains(&self.tenant.len()) {
            return Err("a tenant of 1 to 128 bytes");
        }
        if !self.scopes.iter().all(|scope| is_scope(scope)) {
            return Err("scopes of the form resource:action");
        }
        let expires_at = self.expires_at.as_deref().map(moment).transpose()?;
        let principal = Arc::new(Principal {
            tenant: self.tenant.clone(),
            environment: self.environment,
            key_id: self.id.clone(),
            scopes: self.scopes.iter().cloned().collect(),
            access: self.access,
        });
        Ok(ListedKey { principal, expires_at })
    }
}

fn is_scope(scope: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'))
    };
    scope.split_once(':').is_some_and(|(resource, action)| is_word(resource) && is_word(action))
}

fn moment(text: &str) -> Result<Duration, &'static str> {
    let expected = "expires_at as in 2027-01-01T00:00:00Z";
    let moment = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| expected)?;
    u64::try_from(moment.unix_timestamp()).map(Duration::from_secs).map_err(|_| expected)
}

#[cfg(test)]
mod tests;
