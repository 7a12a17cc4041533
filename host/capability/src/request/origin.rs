//! Origins (Fetch §3.2): what kind the request names, and whether it is on a list.
//!
//! Everything is compared byte by byte in serialised form, so that a look-alike is foreign.

use std::net::Ipv6Addr;

use http::header::ORIGIN;
use tollgate_chain::{Head, OriginKind, Text};

use super::only;

/// Classifies the origin that the request names.
pub(crate) fn kind(head: &Head) -> OriginKind {
    if !head.headers.contains_key(ORIGIN) {
        return OriginKind::Absent;
    }
    match text(head) {
        Some("null") => OriginKind::Opaque,
        Some(origin) if is_own(head, origin) => OriginKind::Same,
        Some(origin) if is_serialised(origin) => OriginKind::Foreign,
        Some(_) | None => OriginKind::Malformed,
    }
}

/// Returns true if the request's origin is one of these, or matches a pattern among them.
pub(crate) fn is_in(head: &Head, entries: &[Text]) -> bool {
    match text(head) {
        Some("null") => entries.iter().any(|entry| **entry == *"null"),
        Some(origin) if is_serialised(origin) => {
            entries.iter().any(|entry| **entry == *origin || matches_pattern(entry, origin))
        }
        Some(_) | None => false,
    }
}

fn text(head: &Head) -> Option<&str> {
    only(&head.headers, ORIGIN)?.to_str().ok()
}

fn is_own(head: &Head, origin: &str) -> bool {
    origin.strip_prefix(head.scheme()).and_then(|rest| rest.strip_prefix("://"))
        == Some(head.authority.as_str())
}

/// Matches `https://*.example.com[:port]`: one or more labels in place of the star, anchored at
/// both ends. `origin` is serialised, so that the text in place of the star consists of labels.
fn matches_pattern(pattern: &str, origin: &str) -> bool {
    let Some(suffix) = pattern.strip_prefix("https://*.") else { return false };
    let Some(host) = origin.strip_prefix("https://") else { return false };
    host.strip_suffix(suffix)
        .and_then(|labels| labels.strip_suffix('.'))
        .is_some_and(|labels| !suffix.is_empty() && !labels.is_empty())
}

/// Returns true if the text is `scheme "://" host [":" port]` as a browser would serialise it: lower
/// case, no path, no user information, no default port.
fn is_serialised(origin: &str) -> bool {
    // No scheme has a colon.
    let Some((scheme, rest)) = origin.split_once(':') else { return false };
    let Some(rest) = rest.strip_prefix("//") else { return false };
    let (host, port) = split_port(rest);
    is_scheme(scheme) && is_host(host) && port.is_none_or(|port| is_port(scheme, port))
}

fn split_port(rest: &str) -> (&str, Option<&str>) {
    // The colons inside of an IPv6 literal's brackets begin no port.
    let after_literal = match rest.strip_prefix('[') {
        Some(literal) => literal.rfind(']').map_or(0, |bracket| bracket + 2),
        None => 0,
    };
    let mut bytes = rest.bytes().skip(after_literal);
    match bytes.position(|byte| byte == b':') {
        Some(colon) => {
            let (host, port) = rest.split_at(after_literal + colon);
            (host, port.strip_prefix(':'))
        }
        None => (rest, None),
    }
}

fn is_scheme(scheme: &str) -> bool {
    scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme.bytes().all(|b| {
            b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.')
        })
}

fn is_host(host: &str) -> bool {
    if let Some(literal) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return literal.parse::<Ipv6Addr>().is_ok_and(|address| address.to_string() == literal);
    }
    let labels = host.strip_suffix('.').unwrap_or(host);
    labels.as_bytes().split(|byte| *byte == b'.').all(|label| {
        !label.is_empty()
            && label
                .iter()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
    })
}

fn is_port(scheme: &str, port: &str) -> bool {
    let default = match scheme {
        "https" | "wss" => Some(443),
        "http" | "ws" => Some(80),
        "ftp" => Some(21),
        _ => None,
    };
    port.parse::<u16>().is_ok_and(|number| number.to_string() == port && Some(number) != default)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::tests::head_with;

    const KNOWN: &[&str] = &["https://app.example.com", "https://*.example.org", "null"];

    fn listed(origin: &str) -> bool {
        let entries: Vec<Text> = KNOWN.iter().map(|entry| (*entry).into()).collect();
        is_in(&head_with(&[("origin", origin)]), &entries)
    }

    #[test]
    fn exact_entries_and_patterns_of_one_or_more_labels_match() {
        for origin in
            ["https://app.example.com", "https://a.example.org", "https://a.b.example.org", "null"]
        {
            assert!(listed(origin), "{origin}");
        }
    }

    const LOOK_ALIKES: [&str; 19] = [
        "https://app.example.com.evil.io",
        "https://evilapp.example.com",
        "https://evilexample.org",
        "https://example.org",
        "https://.example.org",
        "http://app.example.com",
        "http://a.example.org",
        "https://app.example.com:8443",
        "https://app.example.com:443",
        "https://app.example.com/",
        "https://APP.example.com",
        "https://a.example.org:8443",
        "https://a.example.org.evil.io",
        "https://evil.io/.example.org",
        "https://evil.io?.example.org",
        "https://user@a.example.org",
        "https://*.example.org",
        "Null",
        "",
    ];

    #[test]
    fn look_alikes_do_not_match() {
        for origin in LOOK_ALIKES {
            assert!(!listed(origin), "{origin}");
        }
    }

    #[test]
    fn null_is_never_matched_by_a_pattern_nor_a_star_by_anything() {
        let entries: Vec<Text> =
            ["https://*.null", "*", "https://*.", "*.example.com"].map(Into::into).to_vec();
        for origin in ["null", "https://a.example.com", "https://a.", "*"] {
            assert!(!is_in(&head_with(&[("origin", origin)]), &entries), "{origin}");
        }
    }

    #[test]
    fn kinds_are_distinguished() {
        let cases = [
            ("https://api.example.com", OriginKind::Same),
            ("http://api.example.com", OriginKind::Foreign),
            ("https://api.example.com:8443", OriginKind::Foreign),
            ("https://[2001:db8::1]:8443", OriginKind::Foreign),
            ("chrome-extension://abcdef", OriginKind::Foreign),
            ("null", OriginKind::Opaque),
            ("https://api.example.com:443", OriginKind::Malformed),
            ("https://api.example.com/", OriginKind::Malformed),
            ("https://API.example.com", OriginKind::Malformed),
            ("https://a..b", OriginKind::Malformed),
            ("https://[2001:DB8::1]", OriginKind::Malformed),
            ("https://a:080", OriginKind::Malformed),
            ("https://a:70000", OriginKind::Malformed),
            ("https://a, https://b", OriginKind::Malformed),
            ("https://", OriginKind::Malformed),
            ("", OriginKind::Malformed),
        ];

        for (origin, expected) in cases {
            assert_eq!(kind(&head_with(&[("origin", origin)])), expected, "{origin}");
        }
        assert_eq!(kind(&head_with(&[])), OriginKind::Absent);
    }

    #[test]
    fn two_origin_lines_are_malformed_and_match_nothing() {
        let head = head_with(&[("origin", "null"), ("origin", "null")]);
        assert_eq!(kind(&head), OriginKind::Malformed);
        assert!(!is_in(&head, &["null".into()]));
    }
}
