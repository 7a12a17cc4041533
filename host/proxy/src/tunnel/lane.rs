//! One direction of a tunnel: bytes are read from one side and written to the other.
//!
//! It reads only once everything before was taken, so that a side that does not read holds the other
//! back. A direction at rest holds no buffer.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use smallvec::SmallVec;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frames::{FrameReader, FrameSource, FrameStop, HEAD_BYTES_MAX};

/// Bytes that are read at once, which is the most that one direction holds.
const READ_BYTES: usize = 16 * 1024;

/// One direction.
#[derive(Debug)]
pub(super) struct Lane {
    frames: FrameReader,
    state: LaneState,
    /// Bytes that the reading side has not taken yet, from `start` on.
    pending: Vec<u8>,
    start: usize,
    /// The begin of a head that is not whole.
    head: SmallVec<[u8; HEAD_BYTES_MAX]>,
    stop: Option<FrameStop>,
    needs_flush: bool,
    /// Bytes that were read and not counted yet.
    moved: usize,
}

#[derive(Debug)]
enum LaneState {
    /// Passes frames on.
    Open,
    /// Passes the rest of the current frame on, then this close frame, and throws away what follows.
    Ending(Vec<u8>),
    /// Waits for the pump to decide.
    Held,
    /// Closes the side that is written to; then throws away what still comes, if it is to.
    Shutting { discards: bool },
    /// Throws away what still comes, so that closing the socket does not reset it (RFC 9112 §9.6).
    Discarding,
    /// Over.
    Done,
}

/// Something that happened in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LaneEvent {
    /// Bytes were passed on.
    Moved,
    /// No further frame is passed on.
    Stopped(FrameStop),
    /// The side that is read from has ended.
    SourceEnded,
    /// The side that is read from failed.
    SourceFailed,
    /// The side that is written to failed.
    SinkFailed,
}

impl Lane {
    pub(super) fn new(source: FrameSource) -> Self {
        Self {
            frames: FrameReader::new(source),
            state: LaneState::Open,
            pending: Vec::new(),
            start: 0,
            head: SmallVec::new(),
            stop: None,
            needs_flush: false,
            moved: 0,
        }
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self.state, LaneState::Done)
    }

    /// Takes the count of bytes that were passed on since the last time.
    pub(super) fn take_moved(&mut self) -> usize {
        std::mem::take(&mut self.moved)
    }

    /// Ends the direction with a close frame after the current frame.
    pub(super) fn end(&mut self, close_frame: Vec<u8>) {
        if !self.is_done() {
            self.head.clear();
            self.stop = None;
            self.state = LaneState::Ending(close_frame);
        }
    }

    /// Closes the side that is written to, after what was passed on.
    pub(super) fn shut(&mut self) {
        if !self.is_done() {
            self.state = LaneState::Shutting { discards: false };
        }
    }

    /// Closes the side that is written to, where nothing else is to come.
    pub(super) fn shut_if_held(&mut self) {
        if matches!(self.state, LaneState::Held) {
            self.shut();
        }
    }

    /// Gives the direction up.
    pub(super) fn abandon(&mut self) {
        self.pending = Vec::new();
        self.state = LaneState::Done;
    }

    /// Goes on until something happened. Pending too where only the pump can go on.
    pub(super) fn poll<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        mut from: Pin<&mut R>,
        mut to: Pin<&mut W>,
    ) -> Poll<LaneEvent>
    where
        R: AsyncRead,
        W: AsyncWrite,
    {
        loop {
            if self.is_done() {
                return Poll::Pending;
            }
            if ready!(self.poll_pending(cx, to.as_mut())).is_err() {
                return self.sink_failed();
            }
            if let Some(stop) = self.stop.take() {
                if ready!(self.poll_flush(cx, to.as_mut())).is_err() {
                    return self.sink_failed();
                }
                if let Some(event) = self.stopped(stop) {
                    return Poll::Ready(event);
                }
                continue;
            }

            match &mut self.state {
                LaneState::Held | LaneState::Done => return Poll::Pending,
                LaneState::Ending(close_frame) if self.frames.is_at_boundary() => {
                    self.pending = std::mem::take(close_frame);
                    self.state = LaneState::Shutting { discards: true };
                }
                LaneState::Open | LaneState::Ending(_) => {
                    return self.poll_pass(cx, from, to);
                }
                LaneState::Shutting { discards } => {
                    let discards = *discards;
                    // What cannot be closed is closed already.
                    let _ = ready!(self.poll_flush(cx, to.as_mut()));
                    let _ = ready!(to.as_mut().poll_shutdown(cx));
                    self.state = if discards { LaneState::Discarding } else { LaneState::Done };
                }
                LaneState::Discarding => {
                    ready!(poll_discard(cx, from.as_mut()));
                    self.state = LaneState::Done;
                }
            }
        }
    }

    /// Draws the consequence of a stop, once everything before it was taken.
    fn stopped(&mut self, stop: FrameStop) -> Option<LaneEvent> {
        if !matches!(self.state, LaneState::Ending(_)) {
            self.state = LaneState::Held;
            return Some(LaneEvent::Stopped(stop));
        }
        // Of two close frames the second would be one too many.
        if matches!(stop, FrameStop::Closed(_)) {
            self.state = LaneState::Shutting { discards: true };
        }
        None
    }

    /// Reads once and passes on what may be.
    fn poll_pass<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        from: Pin<&mut R>,
        to: Pin<&mut W>,
    ) -> Poll<LaneEvent>
    where
        R: AsyncRead,
        W: AsyncWrite,
    {
        let mut space = [MaybeUninit::uninit(); READ_BYTES];
        let mut read = ReadBuf::uninit(&mut space);
        read.put_slice(&self.head);

        match from.poll_read(cx, &mut read) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(_)) => {
                self.source_ended();
                return Poll::Ready(LaneEvent::SourceFailed);
            }
            Poll::Pending => {
                if ready!(self.poll_flush(cx, to)).is_err() {
                    return self.sink_failed();
                }
                return Poll::Pending;
            }
        }
        let bytes = read.filled();
        if bytes.len() == self.head.len() {
            self.source_ended();
            return Poll::Ready(LaneEvent::SourceEnded);
        }

        let only_current = matches!(self.state, LaneState::Ending(_));
        let (passed, stop) = self.frames.follow(bytes, only_current);
        let (passed, rest) = bytes.split_at_checked(passed).unwrap_or((bytes, &[]));
        self.moved += passed.len();
        self.head.clear();
        if stop.is_none() {
            self.head.extend_from_slice(rest);
        }
        self.stop = stop;
        self.write(cx, to, passed)
    }

    /// Writes what is taken at once, and keeps the rest.
    fn write<W: AsyncWrite>(
        &mut self,
        cx: &mut Context<'_>,
        mut to: Pin<&mut W>,
        mut bytes: &[u8],
    ) -> Poll<LaneEvent> {
        while !bytes.is_empty() {
            match to.as_mut().poll_write(cx, bytes) {
                Poll::Ready(Ok(written)) if written > 0 => {
                    self.needs_flush = true;
                    bytes = bytes.get(written..).unwrap_or_default();
                }
                Poll::Ready(_) => {
                    return self.sink_failed();
                }
                Poll::Pending => break,
            }
        }
        self.pending.extend_from_slice(bytes);
        Poll::Ready(LaneEvent::Moved)
    }

    /// Without its sink a direction only waits for the end of its source.
    fn sink_failed(&mut self) -> Poll<LaneEvent> {
        (self.pending, self.start) = (Vec::new(), 0);
        self.needs_flush = false;
        self.state = LaneState::Discarding;
        Poll::Ready(LaneEvent::SinkFailed)
    }

    /// Without its source a direction ends where it is: a frame that is not whole stays so, and its
    /// reader learns by the end of the connection alone.
    fn source_ended(&mut self) {
        let is_ending = matches!(self.state, LaneState::Ending(_));
        self.state = match is_ending {
            true => LaneState::Shutting { discards: false },
            false => LaneState::Held,
        };
    }

    fn poll_pending<W: AsyncWrite>(
        &mut self,
        cx: &mut Context<'_>,
        mut to: Pin<&mut W>,
    ) -> Poll<io::Result<()>> {
        while let Some(bytes) = self.pending.get(self.start..).filter(|bytes| !bytes.is_empty()) {
            let written = ready!(to.as_mut().poll_write(cx, bytes))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.start += written;
            self.needs_flush = true;
        }

        if self.start > 0 {
            (self.pending, self.start) = (Vec::new(), 0);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_flush<W: AsyncWrite>(
        &mut self,
        cx: &mut Context<'_>,
        to: Pin<&mut W>,
    ) -> Poll<io::Result<()>> {
        if self.needs_flush {
            ready!(to.poll_flush(cx))?;
            self.needs_flush = false;
        }
        Poll::Ready(Ok(()))
    }
}

/// Reads to the end.
fn poll_discard<R: AsyncRead>(cx: &mut Context<'_>, mut from: Pin<&mut R>) -> Poll<()> {
    let mut space = [MaybeUninit::uninit(); READ_BYTES];
    loop {
        let mut read = ReadBuf::uninit(&mut space);
        match ready!(from.as_mut().poll_read(cx, &mut read)) {
            Ok(()) if !read.filled().is_empty() => {}
            Ok(()) | Err(_) => return Poll::Ready(()),
        }
    }
}
