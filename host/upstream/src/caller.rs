//! On whose behalf a request is sent, as far as the places at an endpoint are shared by it.

use std::hash::Hasher;

use fnv::FnvHasher;

/// Identifies a caller among those who share an upstream. Two callers with one key share one share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallerKey(u64);

impl nohash_hasher::IsEnabled for CallerKey {}

impl CallerKey {
    /// The gateway itself, whose requests are not held to a share.
    pub const GATEWAY: Self = Self(0);

    /// A caller without a tenant: its connection.
    #[must_use]
    pub fn of_connection(number: u64) -> Self {
        Self(spread(number | 1 << 63))
    }

    /// A tenant, by texts that identify it together.
    #[must_use]
    pub fn of_tenant(texts: [&str; 2]) -> Self {
        // The texts are short and issued by the gateway's own stores: no caller picks a collision.
        let mut hasher = FnvHasher::default();
        for text in texts {
            hasher.write(text.as_bytes());
            hasher.write_u8(0xff);
        }
        Self(spread(hasher.finish()))
    }
}

/// Mixes the bits: the table of callers takes the key for a hash (finaliser of MurmurHash3).
fn spread(mut x: u64) -> u64 {
    x = (x ^ (x >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    x = (x ^ (x >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    (x ^ (x >> 33)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_have_keys_of_their_own() {
        let keys = [
            CallerKey::GATEWAY,
            CallerKey::of_connection(0),
            CallerKey::of_connection(1),
            CallerKey::of_tenant(["acme", "sandbox"]),
            CallerKey::of_tenant(["acme", "live"]),
            CallerKey::of_tenant(["acm", "elive"]),
        ];
        let distinct: std::collections::HashSet<_> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len());
        assert_eq!(CallerKey::of_tenant(["a", "b"]), CallerKey::of_tenant(["a", "b"]));
    }
}
