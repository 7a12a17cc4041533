//! The only map from what the host or a policy decided to HTTP.
//!
//! One match without a wildcard gives every [`Error`] its row of the catalogue of problem types;
//! the form (problem details, or the caller's own RPC protocol) is chosen after it. A table test
//! closes the list.
//! Read next: `respond/view.rs` for the map, `respond/rpc.rs` for the forms of the RPC protocols.

mod problem;
mod protocol;
mod rpc;
mod status;
mod view;

use std::borrow::Cow;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap,
    HeaderName, HeaderValue, RETRY_AFTER, SEC_WEBSOCKET_VERSION, SET_COOKIE,
    STRICT_TRANSPORT_SECURITY, UPGRADE, X_CONTENT_TYPE_OPTIONS,
};
use http::{Response, StatusCode, Version};
use http_body::Body;
use tollgate_chain::{Content, Error, GrpcCode, Head, Reply};
use tollgate_terms::header_policy::NEVER_IN_RESPONSES;
use tollgate_terms::headers::REQUEST_ID;

pub use protocol::Protocol;
pub use status::{connect_name, grpc_of_http, http_of_connect, http_of_grpc};

use crate::ResponseBody;
use crate::head::RequestId;
use view::ProblemView;

/// Writes refusals and what all responses have in common.
#[derive(Debug, Clone)]
pub struct Responder {
    type_base: Box<str>,
    hsts: Option<HeaderValue>,
}

/// The caller to whom a refusal is written.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    /// The protocol that the caller speaks.
    pub protocol: Protocol,
    /// The exchange's identifier.
    pub request_id: &'a str,
    /// The path of the request, for `instance`.
    pub instance: &'a str,
    /// The wait that a refusing answer asked for, where the refusal itself does not say one.
    pub retry_after: Option<Duration>,
}

impl<'a> Caller<'a> {
    /// The caller of a checked head.
    #[must_use]
    pub fn of(head: &'a Head) -> Self {
        Self {
            protocol: Protocol::of_request(head),
            request_id: &head.request_id,
            instance: &head.path,
            retry_after: None,
        }
    }
}

/// The refusal that a response tells, left in its extensions for the access log.
#[derive(Debug, Clone)]
pub struct Ended {
    /// The problem's `code`.
    pub code: Box<str>,
    /// Details for the operator; never sent.
    pub internal: Option<Box<str>>,
}

/// Put into a response's extensions while the server is going away: an HTTP/1 caller is told that
/// its connection ends with this response, before the connection is closed under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastOfConnection;

/// Put into a response's extensions where its upstream may set cookies: all others lose
/// `Set-Cookie`, since this is a gateway for keys and not for sessions of browsers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepsCookies;

/// Facts of the exchange for [`Responder::finish`].
#[derive(Debug, Clone)]
pub struct Stamp {
    /// The exchange's identifier.
    pub request_id: RequestId,
    /// Set when the caller used TLS.
    pub secure: bool,
    /// Set when the method was HEAD.
    pub head: bool,
    /// The protocol version of the connection.
    pub version: Version,
    /// Set when the connection should end after this response.
    pub last: bool,
}

impl Responder {
    /// A problem's `type` is `type_base` and its slug; TLS responses ask for TLS for a year.
    #[must_use]
    pub fn new(type_base: impl Into<Box<str>>) -> Self {
        Self {
            type_base: type_base.into(),
            hsts: Some(HeaderValue::from_static("max-age=31536000")),
        }
    }

    /// Sets the value of `Strict-Transport-Security` on TLS, or leaves the field out.
    #[must_use]
    pub fn with_hsts(self, hsts: Option<HeaderValue>) -> Self {
        Self { hsts, ..self }
    }

    /// Writes an error in the caller's protocol.
    #[must_use]
    pub fn problem(&self, error: &Error, caller: &Caller<'_>) -> Response<ResponseBody> {
        let mut response = self.write(&ProblemView::of_error(error), caller);
        if let Error::MethodNotAllowed { allow } = error {
            put(&mut response, ALLOW, allow);
        }
        if let Error::UnsupportedMediaType { accept } = error {
            put(&mut response, ACCEPT_POST, accept);
        }
        if *error == Error::WebSocketVersion {
            put(&mut response, SEC_WEBSOCKET_VERSION, "13");
        }
        if *error == Error::ContentCodingUnsupported {
            put(&mut response, ACCEPT_ENCODING, "identity");
        }
        if let (Some(internal), Some(ended)) =
            (error.internal(), response.extensions_mut().get_mut::<Ended>())
        {
            ended.internal = Some(internal.into());
        }
        response
    }

    /// Writes a policy's reply in the caller's protocol. Held content is the gateway's to write;
    /// handed in here it is answered as an internal error.
    #[must_use]
    pub fn reply(&self, reply: &Reply, caller: &Caller<'_>) -> Response<ResponseBody> {
        match &reply.content {
            Content::Problem(problem) => {
                self.write(&ProblemView::of_policy(reply.status, problem), caller)
            }
            Content::Empty if reply.status >= 400 && caller.protocol != Protocol::Json => {
                self.write(&ProblemView::of_status(reply.status), caller)
            }
            Content::Empty => {
                let mut response = Response::new(ResponseBody::empty());
                *response.status_mut() = status_code(reply.status);
                no_store(&mut response);
                response
            }
            Content::Held(_) => {
                let internal = "held content reached the responder".to_owned();
                self.problem(&Error::Internal { internal }, caller)
            }
        }
    }

    fn write(&self, view: &ProblemView<'_>, caller: &Caller<'_>) -> Response<ResponseBody> {
        let retry_after = view.retry_after.or(caller.retry_after).map(whole_seconds);
        let (status, media_type, body) = if caller.protocol == Protocol::Json {
            let body = problem::body(view, &self.type_base, caller);
            (status_code(view.status), "application/problem+json", body)
        } else {
            rpc::body(view, caller.protocol, retry_after)
        };

        let mut response = Response::new(ResponseBody::full(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));

        if let Some(seconds) = retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }

        if matches!(caller.protocol, Protocol::Grpc | Protocol::GrpcWeb | Protocol::GrpcWebText) {
            rpc::trailers_only(headers, view, retry_after);
        }

        no_store(&mut response);
        response.extensions_mut().insert(Ended { code: view.code().into(), internal: None });

        response
    }

    /// Gives a response what all have in common, and takes from it what none may have. Applied
    /// by the listener to every response; doing it twice does no harm.
    pub fn finish(&self, response: &mut Response<ResponseBody>, stamp: &Stamp) {
        let announced = response.extensions_mut().remove::<LastOfConnection>().is_some();
        let last = stamp.last || announced || closes(response.status());
        let closes = last && stamp.version <= Version::HTTP_11;
        let keeps_cookies = response.extensions().get::<KeepsCookies>().is_some();
        let headers = response.headers_mut();
        headers.insert(REQUEST_ID, stamp.request_id.value().clone());
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.entry(CACHE_CONTROL).or_insert(NO_STORE);
        for name in NEVER_IN_RESPONSES {
            headers.remove(name);
        }
        if !keeps_cookies {
            headers.remove(SET_COOKIE);
        }

        if let (true, Some(hsts)) = (stamp.secure, &self.hsts) {
            headers.insert(STRICT_TRANSPORT_SECURITY, hsts.clone());
        }

        if closes {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }

        // A 426 names the protocol that it asks for (RFC 9110 §15.5.22).
        if response.status() == StatusCode::UPGRADE_REQUIRED && stamp.version == Version::HTTP_11 {
            let headers = response.headers_mut();
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            headers.append(CONNECTION, HeaderValue::from_static("upgrade"));
        }

        if stamp.head && !response.body().is_end_stream() {
            if let Some(length) = response.body().size_hint().exact() {
                response.headers_mut().entry(CONTENT_LENGTH).or_insert(length.into());
            }
            *response.body_mut() = ResponseBody::empty();
        }
    }
}

/// Returns the gRPC status of an error and its text for the caller, for streams whose head is sent
/// already.
#[must_use]
pub fn grpc_outcome(error: &Error) -> (GrpcCode, String) {
    let view = ProblemView::of_error(error);
    (view.grpc, view.detail.into_owned())
}

/// Returns the trailers that tell a gRPC caller of an error within the stream of its answer.
#[must_use]
pub fn trailers(error: &Error) -> HeaderMap {
    let view = ProblemView::of_error(error);
    let mut trailers = HeaderMap::new();
    rpc::trailers_only(&mut trailers, &view, view.retry_after.map(whole_seconds));
    trailers
}

/// Statuses after which an HTTP/1 connection cannot be trusted to be at a message's end.
pub(crate) fn closes(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::REQUEST_TIMEOUT
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::URI_TOO_LONG
            | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
    )
}

fn status_code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Rounded up: a caller that waits this long is not early.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

fn no_store(response: &mut Response<ResponseBody>) {
    response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
}

fn put(response: &mut Response<ResponseBody>, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        response.headers_mut().insert(name, value);
    }
}

/// A header value of text that may not be one.
fn header_text(headers: &mut HeaderMap, name: &'static str, text: Cow<'_, str>) {
    let value = match text {
        Cow::Borrowed(text) => HeaderValue::from_str(text),
        Cow::Owned(text) => HeaderValue::from_maybe_shared(Bytes::from(text)),
    };
    if let Ok(value) = value {
        headers.insert(name, value);
    }
}

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");

#[cfg(test)]
mod tests;
