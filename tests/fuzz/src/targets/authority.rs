//! Authorities: `edge::head::canonical_authority`.
//!
//! An accepted authority is lower case, has no user, no trailing dot and no default port, is an
//! authority to the `http` crate too, and is unchanged by a second reading. A host that ends in a
//! number is an IPv4 address in its usual form; a literal in brackets is an IPv6 address.

use std::net::{Ipv4Addr, Ipv6Addr};

use http::uri;
use tollgate_chain::Authority;
use tollgate_edge::head::canonical_authority;

/// Checks one authority, in clear and over TLS.
pub(super) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for secure in [false, true] {
        let Ok(canonical) = canonical_authority(text, secure) else { continue };
        assert_eq!(canonical_authority(&canonical, secure).unwrap(), canonical);
        holds(&canonical, secure);
        let shouted = text.to_ascii_uppercase();
        assert_eq!(canonical_authority(&shouted, secure).unwrap(), canonical, "case matters");
    }
}

fn holds(canonical: &str, secure: bool) {
    assert!(!canonical.bytes().any(|byte| byte.is_ascii_uppercase() || byte == b'@'));
    let other = canonical.parse::<uri::Authority>().unwrap();
    let authority = Authority::from_canonical(canonical);
    let host = authority.host();
    assert_eq!(other.host(), host);

    let default = if secure { "443" } else { "80" };
    let port = canonical.strip_prefix(host).unwrap();
    assert_ne!(port, format!(":{default}"));
    assert!(port.is_empty() || port.strip_prefix(':').unwrap().parse::<u16>().is_ok_and(|p| p > 0));

    if let Some(literal) = host.strip_prefix('[') {
        let literal = literal.strip_suffix(']').unwrap();
        assert_eq!(literal.parse::<Ipv6Addr>().unwrap().to_string(), literal);
    } else {
        assert!(!host.is_empty() && host.len() <= 253 && !host.ends_with('.'));
        let last = host.rsplit('.').next().unwrap();
        if last.bytes().all(|byte| byte.is_ascii_digit()) {
            assert_eq!(host.parse::<Ipv4Addr>().unwrap().to_string(), host);
        }
    }
}
