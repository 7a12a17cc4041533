//! The conversation that follows a switch of protocols: what it gets of the caller's connection,
//! and how its end is recorded.
//!
//! A response whose body is a [`Tunnel`] answers the handshake of a WebSocket. The exchange lasts
//! until the tunnel ends: it is in flight on its connection, and its record is written then.

mod caller;
mod opening;
mod record;

use std::future::Future;
use std::pin::Pin;

pub use caller::CallerStream;
pub(crate) use opening::{HeldTunnel, Opening, TunnelTask};
pub use record::{TunnelEnd, TunnelFacts, TunnelRecord};

/// A conversation with a caller that is no HTTP any more.
pub trait Tunnel: Send + 'static {
    /// Converses to the end. The future is dropped when a drain is over or the connection is lost.
    fn run(self: Box<Self>, caller: TunnelCaller) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// The caller's side of a tunnel.
#[derive(Debug)]
pub struct TunnelCaller {
    /// The bytes.
    pub stream: CallerStream,
    /// The record that is written when it is dropped.
    pub record: TunnelRecord,
}
