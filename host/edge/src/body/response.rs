//! The body of a response: whole bytes without a box, an upstream's stream without a box, or any
//! other stream. `recorded.rs` carries it to the socket.

use std::any::Any;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::Instant;
use tollgate_chain::Error;

use super::pieces::Pieces;
use crate::tunnel::{HeldTunnel, Tunnel};

/// A response's body.
#[derive(Default)]
pub struct ResponseBody {
    source: ResponseSource,
    deadline: Option<Instant>,
    held: Option<Box<dyn Any + Send + Sync>>,
}

/// A stream that tells a failure in its own last words and then ends as it should.
pub trait SelfEnding: Body<Data = Bytes, Error = Error> {
    /// Returns the failure that it told, for the record.
    fn failure(&self) -> Option<&Error>;
}

/// Largest piece of a whole body that is handed over at once: the rest waits until the caller took
/// it, where the clock of responses sees it.
const PIECE_BYTES_MAX: usize = 64 * 1024;

#[derive(Default)]
enum ResponseSource {
    #[default]
    Nothing,
    Whole(Bytes),
    Incoming(Incoming),
    Stream(Pin<Box<dyn Body<Data = Bytes, Error = Error> + Send>>),
    SelfEnding(Pin<Box<dyn SelfEnding + Send>>),
    Tunnel(Box<dyn Tunnel>),
}

impl ResponseBody {
    /// No content.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// These bytes.
    #[must_use]
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        match bytes.is_empty() {
            true => Self::default(),
            false => Self::of(ResponseSource::Whole(bytes)),
        }
    }

    /// An upstream's body, passed on with its trailers.
    #[must_use]
    pub fn incoming(incoming: Incoming) -> Self {
        Self::of(ResponseSource::Incoming(incoming))
    }

    /// Any other stream. An error ends the response in trailers where the caller speaks gRPC; else it
    /// resets the stream or closes the connection.
    #[must_use]
    pub fn stream(body: impl Body<Data = Bytes, Error = Error> + Send + 'static) -> Self {
        Self::of(ResponseSource::Stream(Box::pin(body)))
    }

    /// A stream that tells its own failures.
    #[must_use]
    pub fn self_ending(body: impl SelfEnding + Send + 'static) -> Self {
        Self::of(ResponseSource::SelfEnding(Box::pin(body)))
    }

    /// A tunnel in place of a body: the response answers the handshake of a WebSocket.
    #[must_use]
    pub fn tunnel(tunnel: impl Tunnel) -> Self {
        Self::of(ResponseSource::Tunnel(Box::new(tunnel)))
    }

    /// Tells whether there is a tunnel in place of a body.
    pub(crate) fn is_tunnel(&self) -> bool {
        matches!(self.source, ResponseSource::Tunnel(_))
    }

    /// Takes the tunnel out, with what the response holds.
    pub(crate) fn take_tunnel(&mut self) -> Option<HeldTunnel> {
        if !self.is_tunnel() {
            return None;
        }
        let ResponseSource::Tunnel(tunnel) = std::mem::take(&mut self.source) else { return None };
        Some((tunnel, self.held.take()))
    }

    /// Returns the failure that the body told in its own words.
    pub(crate) fn failure(&self) -> Option<&Error> {
        match &self.source {
            ResponseSource::SelfEnding(body) => body.failure(),
            ResponseSource::Nothing
            | ResponseSource::Whole(_)
            | ResponseSource::Incoming(_)
            | ResponseSource::Stream(_)
            | ResponseSource::Tunnel(_) => None,
        }
    }

    fn of(source: ResponseSource) -> Self {
        Self { source, deadline: None, held: None }
    }

    /// Sets when the response must be over, though its caller does not take it.
    #[must_use]
    pub fn with_deadline(self, deadline: Instant) -> Self {
        Self { deadline: Some(deadline), ..self }
    }

    /// When the response must be over, though its caller does not take it.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Holds a value until the response is over, in place of one that was held before.
    pub fn hold(&mut self, value: impl Any + Send + Sync) {
        self.held = Some(Box::new(value));
    }

    /// Tells whether the body comes from elsewhere and may still fail.
    pub(crate) fn is_stream(&self) -> bool {
        matches!(self.source, ResponseSource::Incoming(_) | ResponseSource::Stream(_))
    }

    /// The bytes of a body that is no stream; none of one that is.
    pub(crate) fn into_whole(self) -> Bytes {
        match self.source {
            ResponseSource::Whole(bytes) => bytes,
            ResponseSource::Nothing
            | ResponseSource::Incoming(_)
            | ResponseSource::Stream(_)
            | ResponseSource::SelfEnding(_)
            | ResponseSource::Tunnel(_) => Bytes::new(),
        }
    }

    /// Reads the body to its end. A body of one piece is not copied; trailers are dropped.
    /// Dropping the future drops the body, and with it the upstream's stream.
    ///
    /// # Errors
    /// [`Error::UpstreamInvalid`] when the body is longer than `limit` bytes, and the body's own.
    pub async fn read_whole(mut self, limit: usize) -> Result<Bytes, Error> {
        let mut pieces = Pieces::default();
        while let Some(frame) = poll_fn(|cx| Pin::new(&mut self).poll_frame(cx)).await {
            let Ok(piece) = frame?.into_data() else { continue };
            if pieces.len() + piece.len() > limit {
                let internal = format!("an answer of more than {limit} bytes");
                return Err(Error::UpstreamInvalid { internal });
            }
            pieces.push(piece);
        }
        Ok(pieces.into_bytes())
    }
}

impl std::fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match &self.source {
            ResponseSource::Nothing => "Nothing",
            ResponseSource::Whole(_) => "Whole",
            ResponseSource::Incoming(_) => "Incoming",
            ResponseSource::Stream(_) => "Stream",
            ResponseSource::SelfEnding(_) => "SelfEnding",
            ResponseSource::Tunnel(_) => "Tunnel",
        };
        f.debug_tuple("ResponseBody").field(&kind).finish()
    }
}

impl From<Bytes> for ResponseBody {
    fn from(bytes: Bytes) -> Self {
        Self::full(bytes)
    }
}

fn broke_off(error: &hyper::Error) -> Error {
    let internal = format!("the upstream's body broke off: {error}");
    Error::UpstreamUnavailable { internal, unsent: false }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match &mut self.source {
            ResponseSource::Nothing | ResponseSource::Tunnel(_) => Poll::Ready(None),
            ResponseSource::Whole(bytes) => {
                let piece = bytes.split_to(bytes.len().min(PIECE_BYTES_MAX));
                if bytes.is_empty() {
                    self.source = ResponseSource::Nothing;
                }
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            ResponseSource::Incoming(incoming) => {
                Pin::new(incoming).poll_frame(cx).map_err(|error| broke_off(&error))
            }
            ResponseSource::Stream(body) => body.as_mut().poll_frame(cx),
            ResponseSource::SelfEnding(body) => body.as_mut().poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            ResponseSource::Nothing => true,
            ResponseSource::Whole(_) | ResponseSource::Tunnel(_) => false,
            ResponseSource::Incoming(incoming) => incoming.is_end_stream(),
            ResponseSource::Stream(body) => body.is_end_stream(),
            ResponseSource::SelfEnding(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            ResponseSource::Nothing | ResponseSource::Tunnel(_) => SizeHint::with_exact(0),
            ResponseSource::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            ResponseSource::Incoming(incoming) => incoming.size_hint(),
            ResponseSource::Stream(body) => body.size_hint(),
            ResponseSource::SelfEnding(body) => body.size_hint(),
        }
    }
}
