//! The socket as hyper sees it: bytes read while looking for the protocol come first, heads and
//! floods are noticed, and closing waits for a sender whose body was refused.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{BufMut, Bytes};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::Link;
use super::frames::Frames;
use super::outgoing::Patience;

/// Which protocol a connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spoken {
    Http1,
    Http2,
}

/// Reads until the protocol is clear: a method of HTTP/1 or the preface of HTTP/2 (RFC 9113
/// §3.4). Returns what was read.
pub(super) async fn sniff(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<(Spoken, Bytes)> {
    let mut read = Vec::with_capacity(PREFACE.len());
    while PREFACE.starts_with(&read) {
        if read.len() == PREFACE.len() {
            return Ok((Spoken::Http2, read.into()));
        }
        if stream.read_buf(&mut (&mut read).limit(PREFACE.len())).await? == 0 {
            break;
        }
    }
    Ok((Spoken::Http1, read.into()))
}

/// `PRI` is no method that anybody may use, so its first bytes settle it.
const PREFACE: &[u8] = b"PRI";

/// A socket with what was read from it already.
pub(super) struct Guarded<S, H> {
    stream: S,
    read: Bytes,
    link: Arc<Link<H>>,
    frames: Option<Frames>,
    linger: Option<Linger>,
    patience: Patience,
    blocked_since: Option<Instant>,
    /// Bytes that the peer took since it last let us wait.
    taken: u64,
    /// The bytes that are sent in place of the parser's own refusal.
    refusal: Bytes,
}

struct Linger {
    timer: Pin<Box<Sleep>>,
    left: usize,
}

impl<S, H> Guarded<S, H> {
    /// `frames` counts those of HTTP/2; without it the connection is HTTP/1.
    pub(super) fn new(
        stream: S,
        read: Bytes,
        link: Arc<Link<H>>,
        frames: Option<Frames>,
        stall_timeout: Duration,
    ) -> Self {
        let patience = Patience::new(stall_timeout);
        let (linger, blocked_since, taken, refusal) = (None, None, 0, Bytes::new());
        Self { stream, read, link, frames, linger, patience, blocked_since, taken, refusal }
    }

    /// Notes whether the peer takes what we send, when that changes.
    fn note_blocked<T>(&mut self, polled: Poll<T>) -> Poll<T> {
        match (polled.is_pending(), self.blocked_since) {
            (true, None) => {
                self.patience.count(Duration::ZERO, std::mem::take(&mut self.taken));
                self.blocked_since = Some(Instant::now());
                self.link.state.block(self.patience.left());
            }
            (false, Some(since)) => {
                self.patience.count(since.elapsed(), 0);
                self.blocked_since = None;
                self.link.state.unblock();
            }
            (true, Some(_)) | (false, None) => {}
        }
        polled
    }

    /// Counts what was written.
    fn wrote(&mut self, bytes: usize) {
        self.taken = self.taken.saturating_add(bytes as u64);
        if let Some(frames) = &mut self.frames {
            frames.sent(bytes);
        }
    }

    /// Tells whether the bytes are the parser's own refusal, and prepares what is sent instead.
    fn is_refusal(&mut self, bytes: &[u8]) -> bool {
        if !self.refusal.is_empty() {
            return true;
        }
        match self.link.problem_instead(bytes) {
            Some(problem) => {
                self.refusal = problem;
                true
            }
            None => false,
        }
    }

    fn noticed(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        match &mut self.frames {
            None => self.link.state.received(),
            Some(frames) => {
                if !frames.feed(bytes) {
                    self.link.state.flood();
                    return Err(io::Error::other("the peer floods us with control frames"));
                }
            }
        }
        Ok(())
    }
}

impl<S: AsyncWrite + Unpin, H> Guarded<S, H> {
    /// Sends the prepared answer, and then says that `replaced` bytes were sent.
    fn poll_refuse(&mut self, cx: &mut Context<'_>, replaced: usize) -> Poll<io::Result<usize>> {
        while !self.refusal.is_empty() {
            let polled = Pin::new(&mut self.stream).poll_write(cx, &self.refusal);
            let written = ready!(self.note_blocked(polled))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            drop(self.refusal.split_to(written));
        }
        Poll::Ready(Ok(replaced))
    }
}

impl<S: AsyncRead + Unpin, H> AsyncRead for Guarded<S, H> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        if this.read.is_empty() {
            ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        } else {
            let count = this.read.len().min(buf.remaining());
            buf.put_slice(&this.read.split_to(count));
        }
        let bytes = buf.filled().get(before..).unwrap_or_default();
        Poll::Ready(this.noticed(bytes))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, H> AsyncWrite for Guarded<S, H> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.frames.is_none() && self.is_refusal(buf) {
            return self.poll_refuse(cx, buf.len());
        }
        let polled = Pin::new(&mut self.stream).poll_write(cx, buf);
        let written = ready!(self.note_blocked(polled))?;
        self.wrote(written);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let (None, [buf]) = (&self.frames, bufs)
            && self.is_refusal(buf)
        {
            return self.poll_refuse(cx, buf.len());
        }
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        let written = ready!(self.note_blocked(polled))?;
        self.wrote(written);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        self.note_blocked(polled)
    }

    /// Closing a socket that holds unread bytes resets it, and the reset overtakes our answer.
    /// So after an answer to an unread body the rest is read and thrown away for a moment
    /// (RFC 9112 §9.6).
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;

        if this.linger.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
            if !this.link.state.is_unread() {
                return Poll::Ready(Ok(()));
            }
        }

        let linger = this
            .linger
            .get_or_insert_with(|| Linger { timer: Box::pin(sleep(LINGER)), left: LINGER_BYTES });
        let mut scratch = [0; 4096];

        while linger.left > 0 && linger.timer.as_mut().poll(cx).is_pending() {
            let mut buf = ReadBuf::new(&mut scratch);
            match Pin::new(&mut this.stream).poll_read(cx, &mut buf) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => {
                    linger.left = linger.left.saturating_sub(buf.filled().len());
                }
                Poll::Ready(_) => break,
            }
        }

        Poll::Ready(Ok(()))
    }
}

/// The time and the bytes for which a refused body is thrown away.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 1024 * 1024;

impl<S, H> std::fmt::Debug for Guarded<S, H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Guarded").field("frames", &self.frames).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_bytes_settle_the_protocol() {
        for (bytes, spoken) in [
            (&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], Spoken::Http2),
            (b"POST / HTTP/1.1\r\n\r\n", Spoken::Http1),
            (b"PR", Spoken::Http1),
            (b"", Spoken::Http1),
        ] {
            let mut stream = bytes;
            let (sniffed, read) = sniff(&mut stream).await.unwrap();
            assert_eq!(sniffed, spoken);
            assert_eq!([&read, stream].concat(), bytes, "nothing is lost");
        }
    }
}
