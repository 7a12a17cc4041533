//! The caller's address: the TCP peer's, or what proxies that the operator trusts say.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use http::HeaderMap;
use ipnet::IpNet;

use super::Origin;

/// Address ranges of proxies whose forwarding fields are believed. Empty by default. Clones share
/// the ranges, so that a reload can replace them while the listener serves.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Arc<ArcSwap<Vec<IpNet>>>);

impl TrustedProxies {
    /// Trusts these ranges.
    #[must_use]
    pub fn new(ranges: impl IntoIterator<Item = IpNet>) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(ranges.into_iter().collect())))
    }

    /// Trusts these ranges instead, from the next connection and the next request on.
    pub fn replace(&self, ranges: impl IntoIterator<Item = IpNet>) {
        self.0.store(Arc::new(ranges.into_iter().collect()));
    }

    /// Tells whether an address is in one of the ranges.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.load().iter().any(|range| range.contains(&address))
    }
}

/// The caller, as the connection and trusted proxies tell.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Client {
    pub(super) address: IpAddr,
    pub(super) secure: bool,
}

/// Walks `X-Forwarded-For` right to left to the first address that is not trusted. An entry that
/// is no address ends the walk: what is left of it was written by nobody we trust.
pub(super) fn resolve(origin: Origin<'_>, headers: &HeaderMap, forwarding: bool) -> Client {
    let peer = origin.peer.to_canonical();

    if !forwarding || !origin.trusted.contains(peer) {
        return Client { address: peer, secure: origin.secure };
    }

    let mut address = peer;
    let lines: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .map(|value| value.to_str().unwrap_or("unreadable"))
        .collect();
    for entry in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
        let Some(hop) = parse(entry.trim()) else { break };
        address = hop;
        if !origin.trusted.contains(hop) {
            break;
        }
    }

    let mut schemes = headers.get_all("x-forwarded-proto").iter();
    let secure = match (schemes.next(), schemes.next()) {
        (Some(scheme), None) => scheme.as_bytes().eq_ignore_ascii_case(b"https"),
        _ => origin.secure,
    };

    Client { address, secure }
}

/// An address, perhaps with brackets and a port.
fn parse(entry: &str) -> Option<IpAddr> {
    let address = entry.parse().ok().or_else(|| {
        entry
            .parse::<std::net::SocketAddr>()
            .ok()
            .map(|socket| socket.ip())
            .or_else(|| entry.strip_prefix('[')?.strip_suffix(']')?.parse().ok())
    });
    address.map(|address: IpAddr| address.to_canonical())
}
