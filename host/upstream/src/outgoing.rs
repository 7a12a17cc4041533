//! The body of a request on its way out: one type, so that one pool holds all connections.
//!
//! Empty and whole bodies cost no allocation and can be sent again. A streamed body is boxed, and
//! leaves a record of how it ended, because HTTP/2 loses the error of a body that broke.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::task::AtomicWaker;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;
use tollgate_chain::Error;

type Cause = Box<dyn std::error::Error + Send + Sync>;
type Inner = Box<dyn Body<Data = Bytes, Error = Cause> + Send + Unpin>;

pub(crate) enum OutboundBody {
    Empty,
    Whole(Bytes),
    Streamed(Inner),
}

/// The outcome of a streamed body, and the means to end it.
pub(crate) struct BodyRecord {
    failure: OnceLock<Error>,
    released: AtomicBool,
    cancelled: AtomicBool,
    waker: AtomicWaker,
    begun: Instant,
    /// Milliseconds from `begun` to the last piece that was sent.
    last_sent: AtomicU64,
}

impl BodyRecord {
    fn new() -> Self {
        Self {
            failure: OnceLock::new(),
            released: AtomicBool::new(false),
            cancelled: AtomicBool::new(false),
            waker: AtomicWaker::new(),
            begun: Instant::now(),
            last_sent: AtomicU64::new(0),
        }
    }

    /// When the last piece was sent, to a millisecond.
    pub(crate) fn last_sent(&self) -> Instant {
        self.begun + Duration::from_millis(self.last_sent.load(Ordering::Relaxed))
    }

    fn sent(&self) {
        let since = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_sent.store(since, Ordering::Relaxed);
    }

    /// The body's own failure: the sender's fault, not the upstream's.
    pub(crate) fn failure(&self) -> Option<Error> {
        self.failure.get().cloned()
    }

    /// Tells whether the connection has taken all it wants of the body.
    pub(crate) fn is_released(&self) -> bool {
        self.released.load(Ordering::Acquire)
    }

    /// Ends the body, so that a stream whose answer nobody reads any more is reset.
    pub(crate) fn cancel(&self) {
        if !self.is_released() {
            self.cancelled.store(true, Ordering::Release);
            self.waker.wake();
        }
    }
}

impl OutboundBody {
    pub(crate) fn whole(bytes: Bytes) -> Self {
        if bytes.is_empty() { Self::Empty } else { Self::Whole(bytes) }
    }

    pub(crate) fn streamed<B>(body: B) -> (Self, Option<Arc<BodyRecord>>)
    where
        B: Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Cause>,
    {
        if body.is_end_stream() {
            return (Self::Empty, None);
        }
        let record = Arc::new(BodyRecord::new());
        let streamed = Streamed { body, record: record.clone() };
        (Self::Streamed(Box::new(streamed)), Some(record))
    }

    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }
}

impl Body for OutboundBody {
    type Data = Bytes;
    type Error = Cause;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cause>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                *self = Self::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Self::Streamed(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Whole(_) => false,
            Self::Streamed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Whole(bytes) => {
                SizeHint::with_exact(u64::try_from(bytes.len()).unwrap_or(u64::MAX))
            }
            Self::Streamed(body) => body.size_hint(),
        }
    }
}

struct Streamed<B> {
    body: B,
    record: Arc<BodyRecord>,
}

impl<B> Body for Streamed<B>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Cause>,
{
    type Data = Bytes;
    type Error = Cause;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cause>>> {
        // The waker first: a cancel between the two looks is then never missed.
        self.record.waker.register(context.waker());
        if self.record.cancelled.load(Ordering::Acquire) {
            return Poll::Ready(Some(Err(h2::Error::from(h2::Reason::CANCEL).into())));
        }

        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(Some(Err(error))) => {
                let _ = self.record.failure.set(own_failure(error.into()));
                // The service hears CANCEL, not that it did something wrong.
                Poll::Ready(Some(Err(h2::Error::from(h2::Reason::CANCEL).into())))
            }
            Poll::Ready(Some(Ok(frame))) => {
                self.record.sent();
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B> Drop for Streamed<B> {
    fn drop(&mut self) {
        self.record.released.store(true, Ordering::Release);
    }
}

/// The edge's bodies fail with the core's own error; any other failure is a body that broke off.
fn own_failure(cause: Cause) -> Error {
    match cause.downcast::<Error>() {
        Ok(error) => *error,
        Err(_) => Error::BodyIncomplete,
    }
}
