//! The caller's address, as `X-Forwarded-For` of trusted proxies says: `edge::head::check`.
//!
//! An untrusted peer is the caller, whatever it sends. Behind a trusted peer the caller is an address
//! that the fields name, and every entry to its right is a trusted proxy. An entry further to the left
//! changes nothing, unless all entries are trusted proxies. Several lines mean the same as one.

use std::net::{IpAddr, SocketAddr};

use http::Request;
use http::header::{HeaderMap, HeaderValue};
use tollgate_chain::Head;
use tollgate_edge::head::{Checked, Origin, RequestId, check};
use tollgate_edge::{Limits, TrustedProxies};

use crate::lines::Lines;

const FIELD: &str = "x-forwarded-for";

/// Checks one request: a line with the peer, a line of ranges, and lines of the field.
pub(super) fn run(data: &[u8]) {
    let mut lines = Lines::of(data);
    let Some(peer) = lines.text().and_then(|line| line.parse::<IpAddr>().ok()) else { return };
    let peer = peer.to_canonical();
    let Some(ranges) = lines.text() else { return };
    let trusted = TrustedProxies::new(ranges.split(',').filter_map(|range| range.parse().ok()));
    let values: Option<Vec<_>> =
        lines.take(16).map(|line| HeaderValue::from_bytes(line.trim_ascii()).ok()).collect();
    let Some(values) = values else { return };

    let client = client(peer, &trusted, &values);
    if !trusted.contains(peer) {
        assert_eq!(client, peer, "an untrusted peer was believed");
        return;
    }

    // Bytes that are no text make a line one unreadable entry.
    let readable: Vec<&str> = values.iter().map(|value| value.to_str().unwrap_or("-")).collect();
    let joined = readable.join(",");
    let one_line = [HeaderValue::from_str(&joined).unwrap()];
    assert_eq!(client, self::client(peer, &trusted, &one_line), "lines differ from one line");

    let entries: Vec<&str> = joined.split(',').map(str::trim).collect();
    let right = entries
        .iter()
        .rev()
        .take_while(|entry| address(entry).is_some_and(|address| trusted.contains(address)));
    let trusted_hops = right.count();
    let first = entries.iter().rev().nth(trusted_hops).and_then(|entry| address(entry));
    let nearest =
        entries.iter().rev().take(trusted_hops).next_back().and_then(|entry| address(entry));
    assert_eq!(client, first.or(nearest).unwrap_or(peer));

    if trusted_hops < entries.len() {
        let longer = HeaderValue::from_str(&format!("203.0.113.66, {joined}")).unwrap();
        assert_eq!(client, self::client(peer, &trusted, &[longer]), "a stranger moved the caller");
    }
}

fn client(peer: IpAddr, trusted: &TrustedProxies, values: &[HeaderValue]) -> IpAddr {
    let head = head(peer, trusted, values);
    assert!(!head.headers.contains_key(FIELD), "the field went on");
    head.client
}

fn head(peer: IpAddr, trusted: &TrustedProxies, values: &[HeaderValue]) -> Head {
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::from_static("a"));
    for value in values {
        headers.append(FIELD, value.clone());
    }
    let mut request = Request::new(());
    *request.uri_mut() = "/".parse().unwrap();
    *request.headers_mut() = headers;
    let mut parts = request.into_parts().0;

    let origin =
        Origin { peer, trusted, secure: false, server_name: None, client_certificate: None };
    let limits = Limits { head_bytes_max: usize::MAX, ..Limits::default() };
    let request_id = RequestId::take(&mut parts.headers).unwrap();
    match check(&mut parts, origin, &limits, &request_id).unwrap() {
        Checked::Request(head) => head,
        Checked::ServerOptions => panic!("`GET /` is an exchange"),
    }
}

/// Reads an entry as proxies write it: an address, in brackets perhaps, with a port perhaps.
fn address(entry: &str) -> Option<IpAddr> {
    let bare = entry.strip_prefix('[').and_then(|entry| entry.strip_suffix(']'));
    let address = match (entry.parse::<SocketAddr>(), bare) {
        (Ok(socket), _) => socket.ip(),
        (Err(_), Some(bare)) => bare.parse().ok()?,
        (Err(_), None) => entry.parse().ok()?,
    };
    Some(address.to_canonical())
}
