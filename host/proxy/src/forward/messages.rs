//! A method that answers with a stream of messages, told to a caller over JSON: one object in each
//! line, or server-sent events where the caller asks for them.
//!
//! Until the first message a failure is a problem like any other. After it the status is sent: the
//! failure is the last line, and the stream ends as it should.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body::{Body, Frame};
use std::sync::Arc;
use tollgate_chain::Error;
use tollgate_edge::respond::grpc_outcome;
use tollgate_edge::{ResponseBody, SelfEnding};
use tollgate_transcode::grpc::{self, Deframer};
use tollgate_transcode::{EVENT_STREAM, JsonStreamForm, Transcoder};
use tollgate_upstream::UpstreamBody;

use super::grpc::{request, reused};
use super::{ANSWER_BYTES_MAX, ForwardContext, ForwardRequest};
use crate::payload::takes;
use crate::snapshot::Call;

/// Calls the method and gives its messages as they come.
pub(super) async fn call(
    forwarded: &ForwardRequest<'_>,
    call: &Call,
    context: &ForwardContext<'_>,
) -> Result<Response<ResponseBody>, Error> {
    let body = forwarded.payload.translated().await?;
    let make = || request(forwarded, call, context, body.clone());
    let response = context.target.upstream.send_whole(make, context.bounds).await?;

    let (parts, body) = response.into_parts();
    let mut messages = MessageStream {
        body,
        status: parts.status,
        headers: parts.headers,
        deframer: Deframer::new(ANSWER_BYTES_MAX),
        is_done: false,
    };
    let first = poll_fn(|cx| messages.poll_message(cx)).await.transpose()?;

    let transcoder = Arc::clone(&call.transcoder);
    let form = if transcoder.answers_raw() { Form::Raw } else { Form::of(&forwarded.head.headers) };
    let (media_type, first) = match first {
        Some(message) => form.first(&transcoder, &message)?,
        None => (HeaderValue::from_static(form.media_type()), Bytes::new()),
    };
    let first = Some(first);
    let body = TranslatedStream { messages, transcoder, form, first, failure: None };
    let mut response =
        Response::new(ResponseBody::self_ending(body).with_deadline(context.bounds.deadline));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, media_type);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// The form in which a caller gets messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Each written as JSON.
    Json(JsonStreamForm),
    /// The bytes of `google.api.HttpBody`, one after another.
    Raw,
}

impl Form {
    fn of(headers: &HeaderMap) -> Self {
        let accept = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let mut ranges = accept.flat_map(|value| value.split(','));
        // A range for everything asks for nothing in particular.
        let wants_events =
            ranges.any(|range| !range.contains('*') && takes(range, &[EVENT_STREAM]));
        Self::Json(if wants_events { JsonStreamForm::Events } else { JsonStreamForm::Lines })
    }

    fn media_type(self) -> &'static str {
        match self {
            Self::Json(form) => form.media_type(),
            Self::Raw => "application/octet-stream",
        }
    }

    /// Writes the first message, whose media type is that of the whole where messages are raw.
    fn first(self, transcoder: &Transcoder, message: &[u8]) -> Result<(HeaderValue, Bytes), Error> {
        let content = transcoder.response(message)?;
        let media_type = match self {
            Self::Raw => &*content.content_type,
            Self::Json(form) => form.media_type(),
        };
        let media_type = HeaderValue::from_str(media_type).map_err(|_| Error::UpstreamInvalid {
            internal: "a malformed content type".to_owned(),
        })?;
        Ok((media_type, self.message(&content.body)))
    }

    fn message(self, content: &Bytes) -> Bytes {
        match self {
            Self::Json(form) => form.message(content),
            Self::Raw => content.clone(),
        }
    }

    /// Writes the failure that ends a stream; nothing where there is no room for it.
    fn failure(self, failure: &Error) -> Option<Bytes> {
        let Self::Json(form) = self else { return None };
        let (code, message) = grpc_outcome(failure);
        let violations: &[_] =
            if let Error::Grpc(failure) = failure { &failure.violations } else { &[] };
        Some(form.failure(code, &message, violations))
    }
}

/// The messages of an answer, and its outcome.
struct MessageStream {
    body: UpstreamBody,
    status: StatusCode,
    headers: HeaderMap,
    deframer: Deframer,
    is_done: bool,
}

impl MessageStream {
    /// Gives the next message; the failure of the call, if it failed; and then nothing.
    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        loop {
            if self.is_done {
                return Poll::Ready(None);
            }
            match self.deframer.next_message() {
                Ok(Some(message)) => return Poll::Ready(Some(Ok(message))),
                Ok(None) => {}
                Err(error) => return self.fail(error),
            }

            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(piece) => self.deframer.push(&piece),
                    Err(frame) => return self.end(frame.into_trailers().ok().as_ref()),
                },
                Some(Err(error)) => return self.fail(error),
                None => return self.end(None),
            }
        }
    }

    fn end(&mut self, trailers: Option<&HeaderMap>) -> Poll<Option<Result<Bytes, Error>>> {
        if let Err(failure) = grpc::status(&self.headers, trailers, self.status) {
            return self.fail(Error::Grpc(reused(failure)));
        }
        if self.deframer.is_within_message() {
            let internal = "a gRPC message is cut".to_owned();
            return self.fail(Error::UpstreamInvalid { internal });
        }
        self.is_done = true;
        Poll::Ready(None)
    }

    fn fail(&mut self, error: Error) -> Poll<Option<Result<Bytes, Error>>> {
        self.is_done = true;
        Poll::Ready(Some(Err(error)))
    }
}

/// Messages on their way to a caller.
struct TranslatedStream {
    messages: MessageStream,
    transcoder: Arc<Transcoder>,
    form: Form,
    first: Option<Bytes>,
    failure: Option<Error>,
}

impl TranslatedStream {
    /// Writes the failure that ends the stream, or fails with it where there is no room for it.
    fn fail(&mut self, error: Error) -> Result<Frame<Bytes>, Error> {
        let last = self.form.failure(&error).map(Frame::data);
        self.messages.is_done = true;
        // A service that refuses has answered: nothing is cut.
        if last.is_some() && !matches!(error, Error::Grpc(_)) {
            self.failure = Some(error.clone());
        }
        last.ok_or(error)
    }
}

impl SelfEnding for TranslatedStream {
    fn failure(&self) -> Option<&Error> {
        self.failure.as_ref()
    }
}

impl Body for TranslatedStream {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Some(first) = self.first.take().filter(|first| !first.is_empty()) {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }

        let form = self.form;
        Poll::Ready(match ready!(self.messages.poll_message(cx)) {
            None => None,
            Some(Ok(message)) => match self.transcoder.response(&message) {
                Ok(content) => Some(Ok(Frame::data(form.message(&content.body)))),
                Err(error) => Some(self.fail(error)),
            },
            Some(Err(error)) => Some(self.fail(error)),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.messages.is_done
    }
}
