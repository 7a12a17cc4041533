//! The key of an operation: tenant, environment, method, path and the caller's key, as one
//! digest. Not the API key: a retry after its rotation must find the record.

use std::fmt;

use ring::digest::{Context, SHA256};
use tollgate_chain::{Head, Principal};

use crate::Sha256Digest;

/// SHA-256 over the scope and the caller's key. Sent to the service as `x-operation-key`, and the
/// key of the record here; the caller's key itself is kept nowhere.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperationKey(pub Sha256Digest);

/// A tenant in one environment, whose records a store bounds: the first half of a SHA-256 over
/// both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RecordOwner(pub [u8; 16]);

impl OperationKey {
    /// Computes the key of the operation that a request asks for. Each part is preceded by its length
    /// (u32, big-endian), so that no two scopes run together.
    #[must_use]
    pub fn of(principal: &Principal, head: &Head, client_key: &str) -> Self {
        Self::with_owner(principal, head, client_key).0
    }

    /// Computes the key of the operation, and who owns its record.
    #[must_use]
    pub fn with_owner(principal: &Principal, head: &Head, client_key: &str) -> (Self, RecordOwner) {
        let mut context = Context::new(&SHA256);
        update(&mut context, &[&principal.tenant, principal.environment.as_str()]);
        let owner = RecordOwner::from_digest(context.clone().finish().as_ref());
        update(&mut context, &[head.method.as_str(), &head.path, client_key]);
        (Self(Sha256Digest::from(context.finish())), owner)
    }

    /// Returns 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn hex(&self) -> String {
        self.0.hex()
    }
}

impl RecordOwner {
    fn from_digest(digest: &[u8]) -> Self {
        let mut owner = Self::default();
        for (to, from) in owner.0.iter_mut().zip(digest) {
            *to = *from;
        }
        owner
    }
}

fn update(context: &mut Context, parts: &[&str]) {
    for part in parts {
        // Heads and keys are far below 4 GiB.
        let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
        context.update(&length.to_be_bytes());
        context.update(part.as_bytes());
    }
}

impl fmt::Debug for OperationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hex())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::tests::head_with;
    use data_encoding::HEXLOWER;
    use tollgate_chain::{Access, Environment};

    fn principal(tenant: &str, environment: Environment) -> Principal {
        Principal {
            tenant: tenant.into(),
            environment,
            key_id: "key-1".into(),
            scopes: ["deposits:write".into()].into(),
            access: Access::Full,
        }
    }

    #[test]
    fn the_digest_is_the_published_one() {
        let key = OperationKey::of(&principal("t1", Environment::Live), &head_with(&[]), "k1");
        let parts = b"\0\0\0\x02t1\0\0\0\x04live\0\0\0\x04POST\0\0\0\x0c/v1/deposits\0\0\0\x02k1";
        assert_eq!(key.hex(), HEXLOWER.encode(ring::digest::digest(&SHA256, parts).as_ref()));
        assert_eq!(key.hex().len(), 64);
    }

    #[test]
    fn every_part_of_the_scope_counts_and_the_api_key_does_not() {
        let (live, head) = (Environment::Live, head_with(&[]));
        let key = OperationKey::of(&principal("t1", live), &head, "k1");
        let mut get = head.clone();
        get.method = http::Method::PATCH;
        let mut elsewhere = head.clone();
        elsewhere.path = "/v1/deposits/1".into();
        for other in [
            OperationKey::of(&principal("t2", live), &head, "k1"),
            OperationKey::of(&principal("t1", Environment::Sandbox), &head, "k1"),
            OperationKey::of(&principal("t1", live), &get, "k1"),
            OperationKey::of(&principal("t1", live), &elsewhere, "k1"),
            OperationKey::of(&principal("t1", live), &head, "k2"),
            OperationKey::of(&principal("t1l", live), &head, "k1"),
        ] {
            assert_ne!(other, key);
        }

        let owner = |tenant, environment| {
            OperationKey::with_owner(&principal(tenant, environment), &head, "k1").1
        };
        assert_eq!(
            owner("t1", live),
            OperationKey::with_owner(&principal("t1", live), &get, "k2").1
        );
        assert_ne!(owner("t1", live), owner("t2", live));
        assert_ne!(owner("t1", live), owner("t1", Environment::Sandbox));

        let rotated = Principal { key_id: "key-2".into(), ..principal("t1", live) };
        assert_eq!(OperationKey::of(&rotated, &head, "k1"), key);
    }
}
