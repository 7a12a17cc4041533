//! The bytes of a caller's connection after a switch of protocols.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;
use tokio_util::sync::DropGuard;

use crate::listener::outgoing::Patience;
use crate::listener::{ConnectionState, DrainDemand};

/// The caller's connection, or its stream of HTTP/2.
///
/// It measures how long the caller lets what is sent wait, as responses are measured; a stream of
/// HTTP/2 that is dropped before it was shut down is reset.
#[derive(Debug)]
pub struct CallerStream {
    io: TokioIo<Upgraded>,
    state: Arc<ConnectionState>,
    patience: Patience,
    blocked_since: Option<Instant>,
    /// Bytes that the caller took since it last let us wait.
    taken: u64,
    /// Ends the task that sends for a stream of HTTP/2, whatever that still waits for.
    #[expect(dead_code, reason = "held for its drop")]
    sending: Option<DropGuard>,
}

impl CallerStream {
    pub(super) fn new(
        upgraded: Upgraded,
        state: Arc<ConnectionState>,
        stall_timeout: Duration,
        sending: Option<DropGuard>,
    ) -> Self {
        let (io, patience) = (TokioIo::new(upgraded), Patience::new(stall_timeout));
        Self { io, state, patience, blocked_since: None, taken: 0, sending }
    }

    /// Returns when a caller that takes nothing of what is sent has had its time; `None` while it
    /// takes everything.
    #[must_use]
    pub fn stalled_at(&self) -> Option<Instant> {
        self.blocked_since.map(|since| since + self.patience.left())
    }

    /// Waits until the connection is asked to finish. The future borrows nothing.
    pub fn drained(&self) -> impl Future<Output = ()> + Send + 'static {
        let state = Arc::clone(&self.state);
        async move { state.demanded(DrainDemand::Finish).await }
    }

    fn note_blocked<T>(&mut self, polled: &Poll<T>) {
        match (polled.is_pending(), self.blocked_since) {
            (true, None) => {
                self.patience.count(Duration::ZERO, std::mem::take(&mut self.taken));
                self.blocked_since = Some(Instant::now());
            }
            (false, Some(since)) => {
                self.patience.count(since.elapsed(), 0);
                self.blocked_since = None;
            }
            (true, Some(_)) | (false, None) => {}
        }
    }
}

impl AsyncRead for CallerStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for CallerStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.io).poll_write(cx, buf);
        self.note_blocked(&polled);
        if let Poll::Ready(Ok(bytes)) = polled {
            self.taken = self.taken.saturating_add(bytes as u64);
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.io).poll_flush(cx);
        self.note_blocked(&polled);
        polled
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
