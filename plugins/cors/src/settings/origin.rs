//! The form of an entry of `origins`.

use tollgate_sdk::authority::{self, is_host};

/// Returns the problem of an entry, if it has one.
pub(super) fn problem(entry: &str, credentials: bool, public: bool) -> Option<&'static str> {
    match entry {
        "*" if public => None,
        "*" => Some("`*` needs `public = true`, and never goes with credentials"),
        "null" if credentials => Some("`null` never goes with credentials"),
        "null" => None,
        _ if is_pattern(entry) || is_serialised(entry) => None,
        _ => Some(
            "expected an origin as browsers send it (`https://app.example.com`, lower case, no \
             path, no default port), a pattern `https://*.example.com`, or `null`",
        ),
    }
}

/// `https://*.` and at least two labels: a whole top-level domain is nobody's own.
fn is_pattern(entry: &str) -> bool {
    let suffix = entry.strip_prefix("https://*.");
    suffix.is_some_and(|suffix| suffix.bytes().any(|b| b == b'.') && is_host(suffix))
}

/// `scheme://host[:port]` as the HTML standard serialises an origin.
fn is_serialised(entry: &str) -> bool {
    let (scheme, rest) = entry.split_once(':').unwrap_or_default();
    let Some((host, port)) = rest.strip_prefix("//").and_then(authority::parts) else {
        return false;
    };
    let is_default = match port {
        Some(80) => scheme == "http",
        Some(443) => scheme == "https",
        _ => false,
    };
    is_scheme(scheme) && is_host(host) && !is_default
}

fn is_scheme(scheme: &str) -> bool {
    scheme.bytes().next().is_some_and(|first| first.is_ascii_lowercase())
        && scheme.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'+' | b'-' | b'.'))
}
