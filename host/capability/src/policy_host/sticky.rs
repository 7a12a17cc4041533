//! The number by which a caller is assigned to a version of a policy. It is salted there, so that
//! nobody outside can foretell the side of a credential.

use std::hash::Hasher as _;

use fnv::FnvHasher;
use http::header::AUTHORIZATION;
use tollgate_chain::{Environment, Head};
use tollgate_terms::headers;

/// Computes the number from the tenant, else from the credential that is presented, else from the
/// address. It decides only on which side of a share the caller falls, and is shown to nobody.
pub(super) fn number(tenant: Option<(Environment, &str)>, head: &Head) -> u64 {
    if let Some((environment, tenant)) = tenant {
        return digest(&[b"tenant", environment.as_str().as_bytes(), tenant.as_bytes()]);
    }
    let credential = head.headers.get(AUTHORIZATION).or_else(|| head.headers.get(headers::API_KEY));
    match credential {
        Some(line) => digest(&[b"credential", line.as_bytes()]),
        None => digest(&[b"address", head.client.to_string().as_bytes()]),
    }
}

/// Digests the parts by FNV-1a, which is the same in every process, as the hashers of the standard
/// library are not. A byte that occurs in no UTF-8 text ends each part.
fn digest(parts: &[&[u8]]) -> u64 {
    let mut hasher = FnvHasher::default();
    for part in parts {
        hasher.write(part);
        hasher.write(&[0xff]);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::tests::head_with;

    #[test]
    fn a_tenant_has_one_number_whatever_it_presents() {
        let tenant = Some((Environment::Live, "t-1"));
        let one = number(tenant, &head_with(&[("authorization", "Bearer a")]));
        assert_eq!(number(tenant, &head_with(&[("x-api-key", "b")])), one);
        assert_ne!(number(Some((Environment::Sandbox, "t-1")), &head_with(&[])), one);
        assert_ne!(number(Some((Environment::Live, "t-2")), &head_with(&[])), one);
    }

    #[test]
    fn before_there_is_a_tenant_the_credential_counts_and_then_the_address() {
        let key = |value| number(None, &head_with(&[("authorization", value)]));
        assert_eq!(key("Bearer a"), key("Bearer a"));
        assert_ne!(key("Bearer a"), key("Bearer b"));
        assert_eq!(number(None, &head_with(&[])), number(None, &head_with(&[("accept", "x")])));
        assert_ne!(number(None, &head_with(&[])), key("Bearer a"));
    }

    #[test]
    fn numbers_never_change() {
        let live = Some((Environment::Live, "acme"));
        let sandbox = Some((Environment::Sandbox, "acme"));
        assert_eq!(number(live, &head_with(&[])), 0x6850_e379_ba8e_4414);
        assert_eq!(number(sandbox, &head_with(&[])), 0x633d_6747_924d_b001);
        assert_eq!(
            number(None, &head_with(&[("authorization", "Bearer a")])),
            0x4cbc_e461_f508_8154
        );
        assert_eq!(number(None, &head_with(&[])), 0xfa62_ad18_b0b7_75c6);
    }
}
