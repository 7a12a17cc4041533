//! A response's body on its way to the socket: what the record says of it, and how it ends.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{HeaderMap, SET_COOKIE};
use http::{Response, Version};
use http_body::{Body, Frame, SizeHint};
use tollgate_chain::Error;
use tollgate_terms::header_policy::NEVER_IN_RESPONSES;

use super::ResponseBody;
use crate::exchange::Ending;
use crate::listener::outgoing;
use crate::respond::{self, Protocol};

/// A response's body with what happens when it is through.
#[derive(Debug)]
pub(crate) struct RecordedBody {
    body: ResponseBody,
    ending: Ending,
    form: StreamForm,
    is_broken: bool,
}

/// The form in which a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StreamForm {
    /// By its framing alone.
    Plain,
    /// In trailers that tell the call's status (gRPC over HTTP/2).
    Grpc,
}

impl RecordedBody {
    /// Takes the body of a finished response.
    pub(crate) fn of(
        mut response: Response<ResponseBody>,
        version: Version,
        ending: Ending,
    ) -> Response<Self> {
        // An upstream's version is that of its hop; hyper writes that of this one (RFC 9112 §2.3).
        *response.version_mut() = Version::HTTP_11;
        let is_grpc = version == Version::HTTP_2
            && response.body().is_stream()
            && Protocol::of(response.headers()) == Protocol::Grpc;
        let form = if is_grpc { StreamForm::Grpc } else { StreamForm::Plain };
        ending.begin(response.body().deadline());
        response.map(|body| Self { body, ending, form, is_broken: false })
    }

    /// Notes that the body failed. Returns the trailers that say so, where the form has any.
    fn broke(&mut self, error: &Error) -> Option<HeaderMap> {
        self.ending.broke(error);
        self.is_broken = true;
        (self.form == StreamForm::Grpc).then(|| respond::trailers(error))
    }

    /// Notes that the body is through, unless it failed.
    fn ended(&mut self) {
        match self.body.failure() {
            Some(error) => self.ending.broke(error),
            None if self.is_broken => {}
            None => self.ending.complete(),
        }
    }

    /// Takes from an upstream's trailers what no response has; gives a call's trailers a status
    /// where they lost it, as they do when they are larger than a head may be.
    fn check_trailers(&mut self, trailers: &mut HeaderMap) {
        let dropped: Vec<_> = trailers
            .keys()
            .filter(|name| {
                **name == SET_COOKIE
                    || NEVER_IN_RESPONSES.contains(name)
                    || name.as_str().starts_with("access-control-")
            })
            .cloned()
            .collect();
        for name in dropped {
            trailers.remove(name);
        }
        if self.form == StreamForm::Grpc && !trailers.contains_key(GRPC_STATUS) {
            let internal = "the trailers of the answer have no grpc-status".to_owned();
            let error = Error::UpstreamUnavailable { internal, unsent: false };
            trailers.extend(self.broke(&error).unwrap_or_default());
        }
    }
}

const GRPC_STATUS: &str = "grpc-status";

impl Body for RecordedBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);

        match polled {
            Poll::Ready(Some(Ok(mut frame))) => {
                if let Some(trailers) = frame.trailers_mut() {
                    self.check_trailers(trailers);
                }
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                self.ending.sent(bytes);
                outgoing::took(bytes);
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => match self.broke(&error) {
                Some(trailers) => {
                    self.body = ResponseBody::empty();
                    Poll::Ready(Some(Ok(Frame::trailers(trailers))))
                }
                None => Poll::Ready(Some(Err(error))),
            },
            Poll::Ready(None) => {
                self.ended();
                Poll::Ready(None)
            }
            Poll::Pending => {
                outgoing::rests();
                Poll::Pending
            }
        }
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
        if outgoing::is_cut() {
            self.ending.cut();
        } else if self.body.is_end_stream() {
            self.ended();
        }
    }
}
