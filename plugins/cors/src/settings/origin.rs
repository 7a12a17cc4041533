//! What an entry of `origins` may look like.

/// What is wrong with an entry, if anything is.
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
    suffix.is_some_and(|suffix| suffix.contains('.') && is_domain(suffix))
}

/// `scheme://host[:port]` as the HTML standard serialises an origin.
fn is_serialised(entry: &str) -> bool {
    let Some((scheme, authority)) = entry.split_once("://") else {
        return false;
    };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    is_scheme(scheme) && is_host(host) && port.is_none_or(|port| is_port(scheme, port))
}

fn is_scheme(scheme: &str) -> bool {
    scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'+' | b'-' | b'.'))
}

fn is_host(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => {
            address.parse::<std::net::Ipv6Addr>().is_ok_and(|ip| ip.to_string() == address)
        }
        None => is_domain(host),
    }
}

fn is_domain(host: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
    };
    host.len() <= 253 && host.split('.').all(is_label)
}

fn is_port(scheme: &str, port: &str) -> bool {
    let default = match scheme {
        "http" => 80,
        "https" => 443,
        _ => 0,
    };
    let number = port.parse::<u16>();
    number.is_ok_and(|number| number != 0 && number != default && number.to_string() == port)
}
