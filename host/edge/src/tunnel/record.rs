//! The record of a tunnel, written when it ends.

use serde::{Serialize, Serializer};
use tollgate_chain::metric;

use crate::exchange::Ending;

/// The end of a tunnel: who or what made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TunnelEnd {
    /// The caller's close frame came first.
    CallerClosed,
    /// The upstream's close frame came first.
    UpstreamClosed,
    /// The caller's connection ended without a close frame.
    CallerLost,
    /// The upstream's connection ended without a close frame.
    UpstreamLost,
    /// Neither side sent anything for the Route's idle time.
    Idle,
    /// It lasted as long as the Route allows.
    Expired,
    /// The caller sent a message larger than the Route accepts.
    MessageTooLarge,
    /// The caller broke the protocol.
    CallerInvalid,
    /// The upstream broke the protocol.
    UpstreamInvalid,
    /// The caller did not take what was sent.
    CallerStalled,
    /// The gateway is going away.
    Draining,
    /// The gateway cut it off at the end of its drain.
    Cut,
}

/// Facts of a tunnel for the access log.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct TunnelFacts {
    /// Bytes that the caller sent through the tunnel.
    pub request_bytes: u64,
    /// Its end.
    pub tunnel_end: TunnelEnd,
    /// The code of the first close frame, or of the gateway's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub close_code: Option<u16>,
}

/// The record of a tunnel in the making. It is written when dropped, as cut off unless
/// [`ended`](Self::ended) said how it ended.
#[derive(Debug)]
pub struct TunnelRecord {
    ending: Ending,
    facts: TunnelFacts,
    sent: u64,
}

impl TunnelEnd {
    /// Returns the value that the access log and metrics have.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CallerClosed => "caller_closed",
            Self::UpstreamClosed => "upstream_closed",
            Self::CallerLost => "caller_lost",
            Self::UpstreamLost => "upstream_lost",
            Self::Idle => "idle",
            Self::Expired => "expired",
            Self::MessageTooLarge => "message_too_large",
            Self::CallerInvalid => "caller_invalid",
            Self::UpstreamInvalid => "upstream_invalid",
            Self::CallerStalled => "caller_stalled",
            Self::Draining => "draining",
            Self::Cut => "cut",
        }
    }
}

impl Serialize for TunnelEnd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl TunnelRecord {
    pub(super) fn new(ending: Ending) -> Self {
        metrics::gauge!(metric::TUNNELS_OPEN).increment(1);
        let facts = TunnelFacts { request_bytes: 0, tunnel_end: TunnelEnd::Cut, close_code: None };
        Self { ending, facts, sent: 0 }
    }

    /// Counts bytes of the caller that were passed on.
    pub fn received(&mut self, bytes: usize) {
        self.facts.request_bytes += bytes as u64;
    }

    /// Counts bytes that were sent to the caller.
    pub fn sent(&mut self, bytes: usize) {
        self.sent += bytes as u64;
        self.ending.sent(bytes);
    }

    /// Notes how the tunnel ended, and whether both sides closed it as the protocol wants.
    pub fn ended(mut self, end: TunnelEnd, close_code: Option<u16>, complete: bool) {
        self.facts.tunnel_end = end;
        self.facts.close_code = close_code;
        if complete {
            self.ending.complete();
        }
    }
}

impl Drop for TunnelRecord {
    fn drop(&mut self) {
        let facts = self.facts;
        self.ending.tunnelled(facts);
        metrics::gauge!(metric::TUNNELS_OPEN).decrement(1);
        metrics::counter!(metric::TUNNELS, "end" => facts.tunnel_end.as_str()).increment(1);
        let count = |from, bytes| {
            metrics::counter!(metric::TUNNEL_BYTES, "from" => from).increment(bytes);
        };
        count("caller", facts.request_bytes);
        count("upstream", self.sent);
    }
}
