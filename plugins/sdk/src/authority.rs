//! The canonical form of hosts and ports, for settings that name them.

/// Parts a `host` or `host:port`; None for a port that is no number from 1 to 65535, written
/// without leading zeros.
#[must_use]
pub fn parts(authority: &str) -> Option<(&str, Option<u16>)> {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => Some((host, Some(port_of(port)?))),
        _ => Some((authority, None)),
    }
}

/// Returns true if this is a host in canonical form: a name in lower case without a trailing dot,
/// or an address, of version 6 in brackets.
#[must_use]
pub fn is_host(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => {
            let is_part = |b: u8| matches!(b, b'a'..=b'f' | b'0'..=b'9' | b':' | b'.');
            (2..=45).contains(&address.len()) && address.bytes().all(is_part)
        }
        None => host.len() <= 253 && host.split('.').all(is_label),
    }
}

fn is_label(label: &str) -> bool {
    let is_part = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    (1..=63).contains(&label.len()) && label.bytes().all(is_part)
}

fn port_of(port: &str) -> Option<u16> {
    let starts_well = port.bytes().next().is_some_and(|b| matches!(b, b'1'..=b'9'));
    if starts_well { port.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::{is_host, parts};

    #[test]
    fn ports_are_numbers_without_leading_zeros() {
        assert_eq!(parts("a.example"), Some(("a.example", None)));
        assert_eq!(parts("a.example:8443"), Some(("a.example", Some(8443))));
        assert_eq!(parts("[::1]"), Some(("[::1]", None)));
        assert_eq!(parts("[::1]:1"), Some(("[::1]", Some(1))));
        for wrong in ["a:", "a:0", "a:080", "a:65536", "a:+1", "a:x", "[::1]:"] {
            assert_eq!(parts(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn hosts_are_in_lower_case_and_without_empty_labels() {
        for host in ["localhost", "a.example", "xn--bcher-kva.example", "127.0.0.1", "[::1]", "a_b"]
        {
            assert!(is_host(host), "{host}");
        }

        let long = "a".repeat(64);
        for host in [
            "",
            "A.example",
            "a.example.",
            ".a",
            "a..b",
            "*.a",
            "a b",
            "ü",
            "[]",
            "[x]",
            "a/b",
            &long,
        ] {
            assert!(!is_host(host), "{host}");
        }
    }
}
