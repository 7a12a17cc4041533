//! The number by which a caller always falls to the same version of a policy.

use http::header::AUTHORIZATION;
use tollgate_chain::{Environment, Head};
use tollgate_terms::headers;

/// Of the tenant, else of the credential that is presented, else of the address. Nobody sees it:
/// only which side of a line it falls on.
pub(super) fn of(tenant: Option<(Environment, &str)>, head: &Head) -> u64 {
    if let Some((environment, tenant)) = tenant {
        return digest(&[b"tenant", environment.as_str().as_bytes(), tenant.as_bytes()]);
    }
    let credential = head.headers.get(AUTHORIZATION).or_else(|| head.headers.get(headers::API_KEY));
    match credential {
        Some(line) => digest(&[b"credential", line.as_bytes()]),
        None => digest(&[b"address", head.client.to_string().as_bytes()]),
    }
}

/// FNV-1a over the parts, each ended by a byte that is in no UTF-8: the same in every process, as
/// the hashers of the standard library are not.
fn digest(parts: &[&[u8]]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.iter().chain(&[0xff]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::tests::head_with;

    #[test]
    fn a_tenant_has_one_number_whatever_it_presents() {
        let tenant = Some((Environment::Live, "t-1"));
        let one = of(tenant, &head_with(&[("authorization", "Bearer a")]));
        assert_eq!(of(tenant, &head_with(&[("x-api-key", "b")])), one);
        assert_ne!(of(Some((Environment::Sandbox, "t-1")), &head_with(&[])), one);
        assert_ne!(of(Some((Environment::Live, "t-2")), &head_with(&[])), one);
    }

    #[test]
    fn before_there_is_a_tenant_the_credential_counts_and_then_the_address() {
        let key = |value| of(None, &head_with(&[("authorization", value)]));
        assert_eq!(key("Bearer a"), key("Bearer a"));
        assert_ne!(key("Bearer a"), key("Bearer b"));
        assert_eq!(of(None, &head_with(&[])), of(None, &head_with(&[("accept", "x")])));
        assert_ne!(of(None, &head_with(&[])), key("Bearer a"));
    }
}
