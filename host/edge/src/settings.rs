//! Settings of a listener: where to listen and within which bounds.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::{AccessLog, BodyTimeouts, Responder, Tls, TrustedProxies};

/// Where a listener listens, and with what.
#[derive(Debug, Clone)]
pub struct ListenerSettings {
    /// The address; port 0 lets the system choose.
    pub address: SocketAddr,
    /// TLS, or plaintext (HTTP/1.1 and HTTP/2 with prior knowledge).
    pub tls: Option<Arc<Tls>>,
    /// Bounds.
    pub limits: Limits,
    /// Peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: TrustedProxies,
    /// True where each connection comes from a trusted proxy and begins with a header of the PROXY
    /// protocol, version 2; all others are closed.
    pub proxy_protocol: bool,
    /// Writes every refusal.
    pub responder: Arc<Responder>,
    /// Receives one record for each exchange.
    pub access_log: Option<AccessLog>,
}

impl ListenerSettings {
    /// A plaintext listener with default limits, nobody trusted and no access log.
    #[must_use]
    pub fn plaintext(address: SocketAddr, responder: Arc<Responder>) -> Self {
        Self {
            address,
            tls: None,
            limits: Limits::default(),
            trusted_proxies: TrustedProxies::default(),
            proxy_protocol: false,
            responder,
            access_log: None,
        }
    }
}

/// Bounds of a listener, its connections and its requests.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Open connections in total; at the limit, accepting pauses.
    pub connections_max: usize,
    /// Open connections of one address (IPv6: one /64); further ones are closed at once.
    /// Trusted proxies are exempt.
    pub connections_per_address_max: usize,
    /// Longest TLS handshake.
    pub handshake_timeout: Duration,
    /// Longest time from the first byte of an HTTP/1 head to its last.
    pub head_timeout: Duration,
    /// Longest time without a request in flight.
    pub idle_timeout: Duration,
    /// Longest time for which the peer takes nothing of what is sent, at once; over a whole response
    /// a second more with each kibibyte that it takes.
    pub stall_timeout: Duration,
    /// Age (±10 %) at which a connection is shut down gracefully: HTTP/1 is told with its next
    /// response, and closed after it; HTTP/2 by GOAWAY.
    pub age_max: Duration,
    /// Largest request head, in bytes; HTTP/1 needs at least 8,192.
    pub head_bytes_max: usize,
    /// Most header fields of a request.
    pub fields_max: usize,
    /// Longest request target, in bytes.
    pub target_bytes_max: usize,
    /// Largest request body where the Route does not say otherwise, in bytes.
    pub body_bytes_max: usize,
    /// The time that a request body may take where the Route does not say otherwise.
    pub body_timeouts: BodyTimeouts,
    /// HTTP/2 streams open at once on a connection.
    pub streams_max: u32,
    /// HTTP/2 receive window of a stream, in bytes.
    pub stream_window: u32,
    /// HTTP/2 streams that the peer reset before they were accepted (rapid reset).
    pub pending_resets_max: usize,
    /// HTTP/2 streams that we reset for the peer's errors (made-you-reset).
    pub local_resets_max: usize,
    /// HTTP/2 SETTINGS, PING and PRIORITY frames of a peer within ten seconds.
    pub control_frames_max: u32,
    /// Time over which a drain spreads its graceful shutdowns.
    pub drain_spread: Duration,
    /// Time that a drain gives to exchanges in flight before it cuts them off.
    pub drain_timeout: Duration,
}

impl Limits {
    /// HTTP/2 receive window of a connection, in bytes: all its streams' windows together. With a
    /// smaller one, streams whose bodies wait for a busy upstream keep the bytes of all others out.
    pub(crate) fn connection_window(&self) -> u32 {
        self.streams_max.saturating_mul(self.stream_window).min(WINDOW_MAX)
    }
}

/// Largest window of HTTP/2 (RFC 9113 §6.9.1).
const WINDOW_MAX: u32 = (1 << 31) - 1;

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 10_000,
            connections_per_address_max: 100,
            handshake_timeout: Duration::from_secs(5),
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            stall_timeout: Duration::from_secs(60),
            age_max: Duration::from_secs(600),
            head_bytes_max: 16 * 1024,
            fields_max: 64,
            target_bytes_max: 8 * 1024,
            body_bytes_max: 1024 * 1024,
            body_timeouts: BodyTimeouts::default(),
            streams_max: 100,
            stream_window: 64 * 1024,
            pending_resets_max: 20,
            local_resets_max: 128,
            control_frames_max: 100,
            drain_spread: Duration::from_secs(1),
            drain_timeout: Duration::from_secs(30),
        }
    }
}
