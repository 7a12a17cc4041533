//! The head of a request after its checks: what every later step derives from.

use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderMap, Method};

use crate::ClientCertificate;

/// Where a request is addressed to: lower case, no trailing dot, no default port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Authority(Box<str>);

impl Authority {
    /// Wraps an authority that is already in canonical form.
    #[must_use]
    pub fn from_canonical(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The canonical text, `host` or `host:port`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host without a port; an IPv6 literal keeps its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        match self.0.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
            _ => &self.0,
        }
    }
}

/// A request head that passed the checks of `edge`: one authority, a canonical path, bounded
/// header fields. Route, scope, rate class, idempotency scope and upstream path all derive from
/// this one value.
#[derive(Debug, Clone)]
pub struct Head {
    /// The method, case-sensitive.
    pub method: Method,
    /// The canonical authority.
    pub authority: Authority,
    /// The canonical path, still percent-encoded, starting with `/`.
    pub path: Box<str>,
    /// The query without `?`, as sent.
    pub query: Option<Box<str>>,
    /// The header fields, names in lower case.
    pub headers: HeaderMap,
    /// The TLS server name, lower case, when there was one.
    pub server_name: Option<Box<str>>,
    /// The certificate that the connection's peer showed, when it showed one.
    pub client_certificate: Option<Arc<ClientCertificate>>,
    /// True when the caller used TLS, as the connection or a trusted proxy says.
    pub secure: bool,
    /// The caller's address: the peer's, or what a trusted proxy says.
    pub client: IpAddr,
    /// The request's identifier, 8 to 64 of `[A-Za-z0-9_-]`.
    pub request_id: Box<str>,
    /// True where the request opens a WebSocket: by `Upgrade` over HTTP/1.1, by an extended CONNECT
    /// over HTTP/2, which is a `GET` here.
    pub websocket: bool,
    /// Identifies where the request comes from within this process: its connection, or behind a
    /// trusted proxy its client. What callers without a tenant share is shared by it.
    pub source: u64,
}

impl Head {
    /// The scheme the caller used.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }
}
