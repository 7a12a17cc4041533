//! Calls whose bodies are framed: all of gRPC-Web, and the streams of Connect. The frames are those
//! of gRPC and pass as they come; what ends a call is written in the caller's protocol.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body::{Body, Frame};
use tollgate_chain::{Error, GrpcCode};
use tollgate_edge::respond::{connect_name, trailers};
use tollgate_edge::{Protocol, RequestBody, ResponseBody, SelfEnding};
use tollgate_transcode::grpc::Outcome;
use tollgate_transcode::rpc::{
    ConnectError, MalformedText, TextDecoder, encode_text, end_of_stream, trailer_frame,
};
use tollgate_upstream::UpstreamBody;

use super::super::{ForwardContext, ForwardRequest};
use super::{CONNECT_CONTENT_ENCODING, CallForm, Dialect, GRPC_ENCODING, metadata, request};
use crate::payload::RequestBodyOut;

pub(super) async fn call(
    forwarded: &ForwardRequest<'_>,
    context: &ForwardContext<'_>,
    dialect: Dialect,
) -> Result<Response<ResponseBody>, Error> {
    let upstream = &context.target.upstream;
    let is_text = dialect.form == CallForm::WebText;

    let response = match forwarded.payload.outgoing().await? {
        RequestBodyOut::Whole { bytes, room: _room } => {
            let bytes = if is_text { decoded(&bytes)? } else { bytes };
            let make = || request(forwarded, context, &dialect, bytes.clone());
            upstream.send_whole(make, context.bounds).await?
        }
        RequestBodyOut::Stream(stream) if is_text => {
            let request = request(forwarded, context, &dialect, TextBody::new(stream))?;
            upstream.send(request, context.bounds).await?
        }
        RequestBodyOut::Stream(stream) => {
            let request = request(forwarded, context, &dialect, stream)?;
            upstream.send(request, context.bounds).await?
        }
        RequestBodyOut::Messages(messages) => {
            let request = request(forwarded, context, &dialect, messages)?;
            upstream.send(request, context.bounds).await?
        }
    };

    let deadline = context.bounds.deadline;
    Ok(told(&dialect, response).map(|body| body.with_deadline(deadline)))
}

/// Tells the answer in the caller's protocol, its body as it comes.
fn told(dialect: &Dialect, response: Response<UpstreamBody>) -> Response<ResponseBody> {
    let (parts, body) = response.into_parts();
    let closing =
        Closing { form: dialect.form, status: parts.status, headers: parts.headers.clone() };

    let mut headers = parts.headers;
    let is_grpc = Protocol::of(&headers) == Protocol::Grpc;
    let coding = metadata(&mut headers);
    let (media_type, coding_field) = match dialect.form {
        CallForm::Web => ("application/grpc-web", GRPC_ENCODING),
        CallForm::WebText => ("application/grpc-web-text", GRPC_ENCODING),
        CallForm::ConnectUnary | CallForm::ConnectStream => {
            ("application/connect", CONNECT_CONTENT_ENCODING)
        }
    };
    if let Some(coding) = coding {
        headers.insert(coding_field, coding);
    }
    if let Ok(content_type) = HeaderValue::try_from(format!("{media_type}+{}", dialect.codec)) {
        headers.insert(CONTENT_TYPE, content_type);
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));

    let framed = FramedBody {
        body,
        closing: Some(closing),
        is_text: dialect.is_text(),
        is_grpc,
        failure: None,
    };
    let mut response = Response::new(ResponseBody::self_ending(framed));
    *response.headers_mut() = headers;
    response
}

impl Dialect {
    fn is_text(&self) -> bool {
        self.form == CallForm::WebText
    }
}

/// The end of a call, until it is told.
struct Closing {
    form: CallForm,
    status: StatusCode,
    /// The header of the answer, which has the outcome where there are no trailers.
    headers: HeaderMap,
}

impl Closing {
    /// Writes the last frame or envelope.
    fn write(self, trailers: Option<HeaderMap>) -> Option<Bytes> {
        let outcome = Outcome::read(&self.headers, trailers.as_ref(), self.status);
        let mut trailers = trailers.unwrap_or_default();
        if matches!(self.form, CallForm::Web | CallForm::WebText) {
            if !trailers.contains_key("grpc-status") {
                copy_outcome(&self.headers, outcome.code, &mut trailers);
            }
            return trailer_frame(&trailers);
        }

        metadata(&mut trailers);
        let Outcome { code, message, details } = &outcome;
        let error = ConnectError { code: connect_name(*code), message, details };
        end_of_stream((*code != GrpcCode::Ok).then_some(&error), &trailers)
    }
}

/// Copies the outcome from an answer's header to its trailers.
fn copy_outcome(headers: &HeaderMap, code: GrpcCode, trailers: &mut HeaderMap) {
    trailers.insert("grpc-status", HeaderValue::from(code.number()));
    for name in ["grpc-message", "grpc-status-details-bin"] {
        if let Some(value) = headers.get(name) {
            trailers.insert(name, value.clone());
        }
    }
}

/// An answer's body with its end as a frame.
struct FramedBody {
    body: UpstreamBody,
    /// Taken when it is written: nothing follows it.
    closing: Option<Closing>,
    is_text: bool,
    /// False where something before the service answered, whose text is no message.
    is_grpc: bool,
    failure: Option<Error>,
}

impl SelfEnding for FramedBody {
    fn failure(&self) -> Option<&Error> {
        self.failure.as_ref()
    }
}

impl FramedBody {
    fn piece(&self, bytes: Bytes) -> Frame<Bytes> {
        Frame::data(if self.is_text { encode_text(&bytes) } else { bytes })
    }

    fn close(&mut self, trailers: Option<HeaderMap>) -> Option<Frame<Bytes>> {
        let last = self.closing.take()?.write(trailers)?;
        Some(self.piece(last))
    }
}

impl Body for FramedBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if self.closing.is_none() {
            return Poll::Ready(None);
        }

        if !self.is_grpc {
            return Poll::Ready(self.close(None).map(Ok));
        }

        let polled = ready!(Pin::new(&mut self.body).poll_frame(cx));
        Poll::Ready(match polled {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(bytes) => Some(Ok(self.piece(bytes))),
                Err(frame) => self.close(frame.into_trailers().ok()).map(Ok),
            },
            // The head is sent: the failure ends the call as one of the service's would.
            Some(Err(error)) => {
                let trailers = trailers(&error);
                self.failure = Some(error);
                self.close(Some(trailers)).map(Ok)
            }
            None => self.close(None).map(Ok),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.closing.is_none()
    }
}

/// A request's body in base64, decoded as it comes.
struct TextBody {
    body: RequestBody,
    decoder: TextDecoder,
    is_done: bool,
}

impl TextBody {
    fn new(body: RequestBody) -> Self {
        Self { body, decoder: TextDecoder::default(), is_done: false }
    }
}

impl Body for TextBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if self.is_done {
            return Poll::Ready(None);
        }

        let polled = ready!(Pin::new(&mut self.body).poll_frame(cx));
        Poll::Ready(match polled {
            Some(Ok(frame)) => {
                let piece = frame.into_data().unwrap_or_default();
                let decoded = self.decoder.decode(&piece).map_err(malformed);
                Some(decoded.map(Frame::data))
            }
            Some(Err(error)) => Some(Err(error)),
            None => {
                self.is_done = true;
                match self.decoder.finish() {
                    Ok(last) if last.is_empty() => None,
                    last => Some(last.map(Frame::data).map_err(malformed)),
                }
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.is_done
    }
}

fn decoded(text: &Bytes) -> Result<Bytes, Error> {
    let mut decoder = TextDecoder::default();
    let mut bytes = decoder.decode(text).map_err(malformed)?.to_vec();
    bytes.extend_from_slice(&decoder.finish().map_err(malformed)?);
    Ok(bytes.into())
}

fn malformed(error: MalformedText) -> Error {
    Error::MalformedRequest { detail: error.to_string() }
}
