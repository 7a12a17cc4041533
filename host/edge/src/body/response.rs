//! The body of a response: whole bytes without a box, an upstream's stream without a box, or any
//! other stream.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tollgate_chain::Error;

use super::pieces::Pieces;
use crate::exchange::Ending;

/// A response's body.
pub struct ResponseBody(ResponseSource);

enum ResponseSource {
    Nothing,
    Whole(Bytes),
    Incoming(Incoming),
    Stream(Pin<Box<dyn Body<Data = Bytes, Error = Error> + Send>>),
}

impl ResponseBody {
    /// No content.
    #[must_use]
    pub fn empty() -> Self {
        Self(ResponseSource::Nothing)
    }

    /// These bytes.
    #[must_use]
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self(if bytes.is_empty() { ResponseSource::Nothing } else { ResponseSource::Whole(bytes) })
    }

    /// An upstream's body, passed on with its trailers.
    #[must_use]
    pub fn incoming(incoming: Incoming) -> Self {
        Self(ResponseSource::Incoming(incoming))
    }

    /// Any other stream. An error resets the stream or closes the connection.
    #[must_use]
    pub fn stream(body: impl Body<Data = Bytes, Error = Error> + Send + 'static) -> Self {
        Self(ResponseSource::Stream(Box::pin(body)))
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
        let kind = match &self.0 {
            ResponseSource::Nothing => "Nothing",
            ResponseSource::Whole(_) => "Whole",
            ResponseSource::Incoming(_) => "Incoming",
            ResponseSource::Stream(_) => "Stream",
        };
        f.debug_tuple("ResponseBody").field(&kind).finish()
    }
}

impl Default for ResponseBody {
    fn default() -> Self {
        Self::empty()
    }
}

impl From<Bytes> for ResponseBody {
    fn from(bytes: Bytes) -> Self {
        Self::full(bytes)
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match &mut self.0 {
            ResponseSource::Nothing => Poll::Ready(None),
            ResponseSource::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                self.0 = ResponseSource::Nothing;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            ResponseSource::Incoming(incoming) => {
                Pin::new(incoming).poll_frame(cx).map_err(|error| Error::UpstreamUnavailable {
                    internal: format!("the upstream's body broke off: {error}"),
                    unsent: false,
                })
            }
            ResponseSource::Stream(body) => body.as_mut().poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            ResponseSource::Nothing => true,
            ResponseSource::Whole(_) => false,
            ResponseSource::Incoming(incoming) => incoming.is_end_stream(),
            ResponseSource::Stream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            ResponseSource::Nothing => SizeHint::with_exact(0),
            ResponseSource::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            ResponseSource::Incoming(incoming) => incoming.size_hint(),
            ResponseSource::Stream(body) => body.size_hint(),
        }
    }
}

/// A response's body on its way to the socket, with what happens when it is through.
#[derive(Debug)]
pub(crate) struct RecordedBody {
    body: ResponseBody,
    ending: Ending,
}

impl RecordedBody {
    pub(crate) fn new(body: ResponseBody, ending: Ending) -> Self {
        Self { body, ending }
    }
}

impl Body for RecordedBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                self.ending.sent(frame.data_ref().map_or(0, Bytes::len));
            }
            Poll::Ready(Some(Err(error))) => self.ending.broke(error),
            Poll::Ready(None) => self.ending.complete(),
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for RecordedBody {
    fn drop(&mut self) {
        if self.body.is_end_stream() {
            self.ending.complete();
        }
    }
}
