//! The body of a request, not read before somebody wants it: the first poll is what sends
//! `100 Continue`, so a refusal that is known earlier never asks for the body.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::EXPECT;
use http::{HeaderMap, Version};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tollgate_chain::Error;

use super::pieces::Pieces;
use super::waiting::{BodyTimeouts, Waiting};
use crate::Limits;
use crate::listener::ConnectionState;

/// A request's body. As a [`Body`] it streams within limit and time; [`RequestBody::collect`]
/// reads it whole. Trailers are dropped: they must not reach routing or authentication.
#[derive(Debug)]
pub struct RequestBody {
    source: RequestSource,
    /// Pieces that were read ahead; they come first.
    ahead: Pieces,
    limit: usize,
    received: usize,
    waiting: Waiting,
    /// Set while an HTTP/2 sender may be waiting for a `100 Continue`, which hyper cannot send.
    withheld: bool,
    connection: Option<BodyConnection>,
}

/// The connection that a body comes on. It learns of a body that is dropped unread.
#[derive(Debug)]
enum BodyConnection {
    Http1(Arc<ConnectionState>),
    Http2(Arc<ConnectionState>),
}

#[derive(Debug)]
enum RequestSource {
    Nothing,
    Whole(Bytes),
    Incoming(Incoming),
}

impl RequestBody {
    /// No body.
    #[must_use]
    pub fn empty() -> Self {
        Self::of(RequestSource::Nothing, usize::MAX, BodyTimeouts::default())
    }

    /// A body that is there already, for replays and tests.
    #[must_use]
    pub fn from_bytes(bytes: Bytes) -> Self {
        Self::of(RequestSource::Whole(bytes), usize::MAX, BodyTimeouts::default())
    }

    pub(crate) fn incoming(
        incoming: Incoming,
        (version, headers): (Version, &HeaderMap),
        limits: &Limits,
        state: &Arc<ConnectionState>,
    ) -> Self {
        let (limit, timeouts) = (limits.body_bytes_max, limits.body_timeouts);
        if incoming.is_end_stream() {
            return Self::of(RequestSource::Nothing, limit, timeouts);
        }

        let mut body = Self::of(RequestSource::Incoming(incoming), limit, timeouts);
        if version == Version::HTTP_2 {
            body.withheld = headers.contains_key(EXPECT);
            body.connection = Some(BodyConnection::Http2(Arc::clone(state)));
        } else {
            state.body_began(headers.contains_key(EXPECT));
            body.connection = Some(BodyConnection::Http1(Arc::clone(state)));
        }
        body
    }

    fn of(source: RequestSource, limit: usize, timeouts: BodyTimeouts) -> Self {
        let (ahead, waiting) = (Pieces::default(), Waiting::new(timeouts));
        let (received, withheld, connection) = (0, false, None);
        Self { source, ahead, limit, received, waiting, withheld, connection }
    }

    /// Sets the bound in bytes and the bounds in time, in place of the listener's.
    #[must_use]
    pub fn with_bounds(mut self, limit: usize, timeouts: BodyTimeouts) -> Self {
        self.limit = limit;
        self.waiting.set_bounds(timeouts);
        self
    }

    /// Tells whether there certainly is no body. A chunked body may still turn out to be empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.is_end_stream()
    }

    /// Checks that the declared length is within the limit; does not read, so that no
    /// `100 Continue` is sent for a body that will be refused.
    ///
    /// # Errors
    /// [`Error::BodyTooLarge`].
    pub fn check_declared(&self) -> Result<(), Error> {
        let least = usize::try_from(self.source.size_hint().lower()).unwrap_or(usize::MAX);
        if least > self.limit.saturating_sub(self.received) {
            return Err(Error::BodyTooLarge { limit: self.limit });
        }
        Ok(())
    }

    /// Reads the body to its end. A body of one piece is not copied. Dropping the future drops
    /// the body, and with it the rest of an HTTP/1 connection.
    ///
    /// # Errors
    /// [`Error::BodyTooLarge`] (before reading when the length is declared),
    /// [`Error::BodyTimeout`], [`Error::BodyIncomplete`].
    pub async fn collect(mut self) -> Result<Bytes, Error> {
        self.check_declared()?;
        let mut pieces = Pieces::default();
        while let Some(piece) = self.next().await {
            pieces.push(piece?);
        }
        Ok(pieces.into_bytes())
    }

    /// Reads ahead until the body ends or more than `bytes_max` bytes came, and tells whether it
    /// ended. What was read is what the body gives next; a dropped future loses nothing.
    ///
    /// # Errors
    /// Those of [`RequestBody::collect`].
    pub async fn read_ahead(&mut self, bytes_max: usize) -> Result<bool, Error> {
        self.check_declared()?;
        while self.ahead.len() <= bytes_max {
            match std::future::poll_fn(|cx| self.poll_source(cx)).await {
                Some(piece) => self.ahead.push(piece?),
                None => return Ok(true),
            }
        }
        Ok(false)
    }

    /// The bytes that the body has left for certain, and at most, where that is known.
    #[must_use]
    pub fn declared(&self) -> (u64, Option<u64>) {
        let hint = self.size_hint();
        (hint.lower(), hint.upper())
    }

    async fn next(&mut self) -> Option<Result<Bytes, Error>> {
        std::future::poll_fn(|cx| self.poll_data(cx)).await
    }

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        if self.ahead.len() > 0 {
            let bytes = std::mem::take(&mut self.ahead).into_bytes();
            return Poll::Ready(Some(Ok(bytes)));
        }
        self.poll_source(cx)
    }

    fn poll_source(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        let incoming = match &mut self.source {
            RequestSource::Nothing => return Poll::Ready(None),
            RequestSource::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                self.source = RequestSource::Nothing;
                return Poll::Ready(self.account(bytes));
            }
            RequestSource::Incoming(incoming) => incoming,
        };

        match Pin::new(incoming).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                Ok(bytes) => {
                    self.waiting.over();
                    self.withheld = false;
                    Poll::Ready(self.account(bytes))
                }
                Err(_trailers) => {
                    self.end();
                    Poll::Ready(None)
                }
            },
            Poll::Ready(Some(Err(_))) => Poll::Ready(Some(Err(Error::BodyIncomplete))),
            Poll::Ready(None) => {
                self.end();
                Poll::Ready(None)
            }
            Poll::Pending => self
                .waiting
                .poll_overdue(cx, self.received, self.withheld)
                .map(|()| Some(Err(self.overdue()))),
        }
    }

    /// The refusal of a body that did not come. A sender that waits for a `100 Continue` repeats
    /// the request without the expectation (RFC 9110 §10.1.1).
    fn overdue(&self) -> Error {
        if self.withheld { Error::ExpectationFailed } else { Error::BodyTimeout }
    }

    fn account(&mut self, bytes: Bytes) -> Option<Result<Bytes, Error>> {
        self.received = self.received.saturating_add(bytes.len());
        if self.received > self.limit {
            return Some(Err(Error::BodyTooLarge { limit: self.limit }));
        }
        if self.source.is_end_stream() {
            self.end();
        }
        Some(Ok(bytes))
    }

    fn end(&mut self) {
        self.source = RequestSource::Nothing;
        if let Some(BodyConnection::Http1(state)) = self.connection.take() {
            state.body_ended();
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.get_mut().poll_data(cx).map(|data| data.map(|data| data.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.ahead.len() == 0 && self.source.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, ahead) = (self.source.size_hint(), self.ahead.len() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(ahead));
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(ahead));
        }
        hint
    }
}

impl RequestSource {
    fn is_end_stream(&self) -> bool {
        match self {
            Self::Nothing => true,
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Incoming(incoming) => incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Nothing => SizeHint::with_exact(0),
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Incoming(incoming) => incoming.size_hint(),
        }
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        match (self.connection.take(), std::mem::replace(&mut self.source, RequestSource::Nothing))
        {
            (Some(BodyConnection::Http1(state)), RequestSource::Incoming(incoming)) => {
                state.leave_body(incoming);
            }
            (Some(BodyConnection::Http1(state) | BodyConnection::Http2(state)), _) => {
                state.left_unread();
            }
            (None, _) => {}
        }
    }
}
