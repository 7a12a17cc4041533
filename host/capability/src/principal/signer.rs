//! Signs the short-lived principal token that services verify: Ed25519, for one service in one
//! environment, for at most 30 seconds.

use std::collections::BTreeSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use bytes::Bytes;
use http::HeaderValue;
use moka::sync::Cache;
use prost::Message as _;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use tollgate_chain::{Access, Environment, Principal};
use tollgate_proto::principal as wire;
use zeroize::Zeroizing;

use crate::Clock;

/// Time for which a token is valid.
const LIFETIME: Duration = Duration::from_secs(30);
/// Time for which a token is reused. The rest of its life is for the call, and for clocks that differ.
const REUSE: Duration = Duration::from_secs(10);
/// Largest lag of a service's clock: `issued_at` is set back by this.
const SKEW: Duration = Duration::from_secs(2);
/// Precedes the signed bytes, so that the signature is valid in no other context.
const CONTEXT: &[u8] = b"tollgate-principal-v1\0";
/// Most tokens in the cache.
const CACHED_MAX: u64 = 65_536;

/// The service that may accept a token.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Audience {
    /// The service.
    pub service: Arc<str>,
    /// Its environment.
    pub environment: Environment,
}

/// A signed token.
#[derive(Clone)]
pub struct SignedToken {
    /// An encoded `tollgate.principal.v1.SignedPrincipal`.
    pub bytes: Bytes,
    /// The same in base64, as the value of `x-tollgate-principal-bin`; marked sensitive.
    pub header: HeaderValue,
}

impl fmt::Debug for SignedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignedToken(..)")
    }
}

/// The reason why a signing key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    /// The file cannot be read.
    #[error("read signing key {path}")]
    Read {
        /// The file.
        path: Box<str>,
        /// The cause.
        source: std::io::Error,
    },
    /// The file holds no Ed25519 key in PKCS#8, PEM or DER.
    #[error("the signing key is no Ed25519 key in PKCS#8 (PEM or DER)")]
    Key,
}

/// Signs principal tokens. One for each gateway.
pub struct PrincipalSigner {
    key: Ed25519KeyPair,
    key_id: String,
    issuer: String,
    clock: Arc<dyn Clock>,
    signed: Cache<Subject, Signed>,
}

/// The principal and the audience of a token: compared whole, never by digest alone.
#[derive(Clone)]
struct Subject {
    /// None for the gateway itself.
    principal: Option<Arc<Principal>>,
    audience: Audience,
}

#[derive(Clone)]
struct Signed {
    at: Duration,
    token: SignedToken,
}

impl PrincipalSigner {
    /// Creates a signer from a key in PKCS#8. `key_id` names the key to verifiers; `issuer` names the
    /// gateway.
    ///
    /// # Errors
    /// Fails if the bytes are no such key.
    pub fn new(
        pkcs8: &[u8],
        key_id: &str,
        issuer: &str,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SignerError> {
        let der = der(pkcs8).ok_or(SignerError::Key)?;
        let key = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).map_err(|_| SignerError::Key)?;
        let signed = Cache::builder().max_capacity(CACHED_MAX).time_to_live(LIFETIME).build();
        let (key_id, issuer) = (key_id.to_owned(), issuer.to_owned());
        Ok(Self { key, key_id, issuer, clock, signed })
    }

    /// Reads the key from a file, PEM or DER.
    ///
    /// # Errors
    /// Fails if the file cannot be read or holds no such key.
    pub fn open(
        path: &Path,
        key_id: &str,
        issuer: &str,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SignerError> {
        let bytes = std::fs::read(path).map(Zeroizing::new).map_err(|source| {
            SignerError::Read { path: path.display().to_string().into(), source }
        })?;
        Self::new(&bytes, key_id, issuer, clock)
    }

    /// Returns the line by which services know this key: `<key id> <base64 of the public key>`.
    #[must_use]
    pub fn public_line(&self) -> String {
        format!("{} {}", self.key_id, STANDARD.encode(self.key.public_key().as_ref()))
    }

    /// Returns a token for a call in the name of this principal. Signs anew at most every 10 seconds
    /// for the same principal and audience.
    #[must_use]
    pub fn tenant(&self, principal: &Arc<Principal>, audience: &Audience) -> SignedToken {
        let principal = Some(Arc::clone(principal));
        self.token(Subject { principal, audience: audience.clone() })
    }

    /// Returns a token for a call of the gateway's own.
    #[must_use]
    pub fn gateway(&self, audience: &Audience) -> SignedToken {
        self.token(Subject { principal: None, audience: audience.clone() })
    }

    fn token(&self, subject: Subject) -> SignedToken {
        let now = self.clock.monotonic();
        if let Some(signed) = self.signed.get(&subject)
            && now.saturating_sub(signed.at) < REUSE
        {
            return signed.token;
        }
        let token = self.sign(&subject);
        self.signed.insert(subject, Signed { at: now, token: token.clone() });
        token
    }

    fn sign(&self, subject: &Subject) -> SignedToken {
        let principal = self.claims(subject).encode_to_vec();
        let message = [CONTEXT, &principal].concat();
        let signature = self.key.sign(&message).as_ref().to_vec();
        let signing_key_id = self.key_id.clone();
        let bytes = wire::SignedPrincipal { principal, signing_key_id, signature }.encode_to_vec();
        let text = STANDARD_NO_PAD.encode(&bytes);
        // Base64 is always a field value; every service would refuse an empty one.
        let mut header =
            HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""));
        header.set_sensitive(true);
        SignedToken { bytes: bytes.into(), header }
    }

    fn claims(&self, subject: &Subject) -> wire::Principal {
        let issued = self.clock.unix().saturating_sub(SKEW);
        let audience = &subject.audience;
        let mut principal_claims = wire::Principal {
            audience_service: audience.service.to_string(),
            audience_environment: wire::Environment::from(audience.environment).into(),
            issued_at: Some(timestamp(issued)),
            expires_at: Some(timestamp(issued + LIFETIME)),
            issuer: self.issuer.clone(),
            role: wire::Role::Gateway.into(),
            ..wire::Principal::default()
        };

        if let Some(principal) = &subject.principal {
            principal_claims.role = wire::Role::Tenant.into();
            principal_claims.tenant_id.clone_from(&principal.tenant);
            principal_claims.environment = wire::Environment::from(principal.environment).into();
            principal_claims.scopes = principal.scopes.iter().cloned().collect();
            principal_claims.key_id.clone_from(&principal.key_id);
            principal_claims.access = wire::Access::from(principal.access).into();
        }
        principal_claims
    }
}

impl fmt::Debug for PrincipalSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrincipalSigner").field("key_id", &self.key_id).finish_non_exhaustive()
    }
}

impl Subject {
    #[expect(clippy::type_complexity, reason = "a tuple of borrowed fields, used twice below")]
    fn parts(&self) -> (Option<(&str, Environment, &str, &BTreeSet<String>, Access)>, &Audience) {
        let principal = self
            .principal
            .as_deref()
            .map(|p| (p.tenant.as_str(), p.environment, p.key_id.as_str(), &p.scopes, p.access));
        (principal, &self.audience)
    }
}

impl PartialEq for Subject {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for Subject {}

impl Hash for Subject {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

fn timestamp(moment: Duration) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: i64::try_from(moment.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(moment.subsec_nanos()).unwrap_or(0),
    }
}

/// Returns the DER of a key that is given as DER, or as PEM with the label `PRIVATE KEY`.
fn der(bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let Some(text) = std::str::from_utf8(bytes).ok().filter(|text| text.contains("-----BEGIN"))
    else {
        return Some(Zeroizing::new(bytes.to_vec()));
    };
    let (_, rest) = text.split_once("-----BEGIN PRIVATE KEY-----")?;
    let (body, _) = rest.split_once("-----END PRIVATE KEY-----")?;
    let base64: Zeroizing<String> =
        Zeroizing::new(body.chars().filter(|c| !c.is_ascii_whitespace()).collect());
    STANDARD.decode(base64.as_bytes()).ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests;
