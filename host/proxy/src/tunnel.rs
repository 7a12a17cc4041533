//! A WebSocket through the gateway: bytes both ways, frame by frame, until one side closes it or a
//! clock does.
//!
//! Nothing is kept but the head of a frame and what a side has not taken yet. Where the gateway ends
//! it, each side gets a close frame once the frame before it is whole. Read next:
//! `tunnel/pump.rs`, then `tunnel/lane.rs` (one direction) and `tunnel/frames.rs`.

mod frames;
mod lane;
mod pump;

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::time::Duration;

use tollgate_edge::{Tunnel, TunnelCaller};
use tollgate_upstream::UpstreamTunnel;

use self::pump::{Conclusion, Pump};

/// The bounds of one WebSocket.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TunnelBounds {
    /// Longest message of the caller, in bytes as they are sent.
    pub(crate) message_bytes_max: u64,
    /// Longest time in which neither side sends anything.
    pub(crate) idle: Duration,
    /// Longest time for which it stays open.
    pub(crate) lifetime: Duration,
}

/// The upstream's side of a WebSocket, which waits for the caller's.
#[derive(Debug)]
pub(crate) struct WebSocketTunnel {
    pub(crate) upstream: UpstreamTunnel,
    pub(crate) bounds: TunnelBounds,
}

impl Tunnel for WebSocketTunnel {
    fn run(self: Box<Self>, caller: TunnelCaller) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let TunnelCaller { stream, mut record } = caller;
        let mut pump = Pump::new(stream, self.upstream, self.bounds);
        Box::pin(async move {
            let Conclusion { end, code, complete } = poll_fn(|cx| pump.poll(cx, &mut record)).await;
            record.ended(end, code, complete);
        })
    }
}
