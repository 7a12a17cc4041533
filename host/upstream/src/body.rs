//! The body of an answer. It holds its place in the pool until it ended, and gives the connection
//! back in the same moment; dropped before, the stream is reset and the connection not reused.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until};
use tollgate_chain::Error;

use crate::error::{chain_text, reset_code};
use crate::fields::strip_answer;
use crate::outgoing::BodyRecord;
use crate::pool::PoolLease;
use crate::send::SendBounds;

/// The body of an upstream's answer. Its trailers are stripped as the answer's head is.
///
/// Fails with [`Error::UpstreamTimeout`] when the request's deadline passes, or its idle time,
/// while it is waited for; with [`Error::UpstreamReset`] when the upstream resets the stream with a
/// reason; and with [`Error::UpstreamUnavailable`] when the connection is lost within it.
pub struct UpstreamBody {
    inner: Option<Incoming>,
    lease: Option<PoolLease>,
    deadline: Instant,
    idle: Option<IdleClock>,
    /// Made when the body is first waited for: most bodies come with their head.
    timer: Option<Pin<Box<Sleep>>>,
    request: Option<Arc<BodyRecord>>,
}

/// The longest rest of a stream, and when its answer last moved.
struct IdleClock {
    limit: Duration,
    last_received: Instant,
}

impl UpstreamBody {
    pub(crate) fn new(
        inner: Incoming,
        lease: PoolLease,
        bounds: &SendBounds,
        request: Option<Arc<BodyRecord>>,
    ) -> Self {
        let at_end = inner.is_end_stream();
        let (inner, lease, deadline) = (Some(inner), Some(lease), bounds.deadline);
        let idle = bounds.idle.map(|limit| IdleClock { limit, last_received: Instant::now() });
        let mut body = Self { inner, lease, deadline, idle, timer: None, request };
        if at_end {
            body.end();
        }
        body
    }

    /// Gives the connection back for the next request.
    fn end(&mut self) {
        // A request that is still being sent keeps an HTTP/1.1 connection busy; nobody waits for
        // what it would bring.
        let sent = self.request.as_ref().is_none_or(|request| request.is_released());
        if let Some(lease) = self.lease.take() {
            lease.give_back(sent);
        }
        self.close();
    }

    /// Lets go of everything: the stream is reset where it has not ended.
    fn close(&mut self) {
        self.inner = None;
        self.lease = None;
        self.timer = None;
        if let Some(request) = self.request.take() {
            request.cancel();
        }
    }

    fn fail(&mut self, error: Error) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.close();
        Poll::Ready(Some(Err(error)))
    }

    fn failure(&self, error: &hyper::Error) -> Error {
        if let Some(failure) = self.request.as_ref().and_then(|request| request.failure()) {
            return failure;
        }
        let internal = format!("answer's body: {}", chain_text(error));
        if let Some(code) = reset_code(error) {
            return Error::UpstreamReset { code, internal };
        }
        if error.is_parse() {
            Error::UpstreamInvalid { internal }
        } else {
            Error::UpstreamUnavailable { internal, unsent: false }
        }
    }

    /// Tells whether the deadline has passed, or neither side sent anything for the idle time.
    fn is_overdue(&mut self, context: &mut Context<'_>) -> bool {
        let Self { deadline, idle, request, timer, .. } = self;
        let due = || due_at(*deadline, idle.as_ref(), request.as_deref());
        let timer = timer.get_or_insert_with(|| Box::pin(sleep_until(due())));

        while timer.as_mut().poll(context).is_ready() {
            // It was set when the stream last rested, and the stream may have moved since.
            let due = due();
            if due <= Instant::now() {
                return true;
            }
            timer.as_mut().reset(due);
        }
        false
    }
}

/// When a stream ends that does not move.
fn due_at(deadline: Instant, idle: Option<&IdleClock>, request: Option<&BodyRecord>) -> Instant {
    let Some(idle) = idle else { return deadline };
    let last =
        request.map_or(idle.last_received, |request| idle.last_received.max(request.last_sent()));
    deadline.min(last + idle.limit)
}

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Some(inner) = &mut self.inner else { return Poll::Ready(None) };

        match Pin::new(&mut *inner).poll_frame(context) {
            Poll::Ready(Some(Ok(mut frame))) => {
                if let Some(trailers) = frame.trailers_mut() {
                    strip_answer(trailers);
                }
                if inner.is_end_stream() {
                    self.end();
                } else if let Some(idle) = &mut self.idle {
                    idle.last_received = Instant::now();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(None) => {
                self.end();
                Poll::Ready(None)
            }
            Poll::Ready(Some(Err(error))) => {
                let error = self.failure(&error);
                self.fail(error)
            }
            Poll::Pending if self.is_overdue(context) => self.fail(Error::UpstreamTimeout),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or(SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for UpstreamBody {
    fn drop(&mut self) {
        self.close();
    }
}

impl std::fmt::Debug for UpstreamBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UpstreamBody").field("ended", &self.inner.is_none()).finish_non_exhaustive()
    }
}
