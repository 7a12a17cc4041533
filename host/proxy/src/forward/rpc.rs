//! gRPC-Web and Connect for upstreams that speak gRPC alone: the call is made in gRPC, and its
//! outcome told in the caller's protocol. Messages pass as they are, compressed or not.
//!
//! `unary.rs` has calls of one message by Connect, which are read whole; `streams.rs` has everything
//! that is framed, whose bodies pass through.

mod streams;
mod unary;

use http::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName,
    HeaderValue,
};
use http::{Method, Request, Uri};
use tollgate_chain::Error;
use tollgate_edge::Protocol;
use tollgate_upstream::WireProtocol;

use super::{ForwardContext, ForwardRequest, Forwarded, deadline, identify, stream};
use crate::snapshot::UpstreamTarget;

const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const CONNECT_CONTENT_ENCODING: HeaderName = HeaderName::from_static("connect-content-encoding");
const CONNECT_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("connect-accept-encoding");
const CONNECT_PROTOCOL_VERSION: HeaderName = HeaderName::from_static("connect-protocol-version");
const GRPC_WEB: HeaderName = HeaderName::from_static("x-grpc-web");

/// A form of call that is translated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CallForm {
    /// gRPC-Web.
    Web,
    /// gRPC-Web in base64.
    WebText,
    /// Connect, one message each way.
    ConnectUnary,
    /// Connect with streams.
    ConnectStream,
}

/// A protocol that is translated, and the codec of its messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dialect {
    form: CallForm,
    /// `proto`, `json`, or another that the service knows.
    codec: String,
}

impl Dialect {
    /// Returns the caller's protocol where this upstream does not speak it by itself.
    pub(super) fn of(request: &ForwardRequest<'_>, target: &UpstreamTarget) -> Option<Self> {
        if target.upstream.settings().protocol != WireProtocol::Grpc {
            return None;
        }
        let spoken = target.rpc_protocols;
        let (form, is_spoken) = match request.payload.protocol() {
            Protocol::Json | Protocol::Grpc => return None,
            Protocol::GrpcWeb => (CallForm::Web, spoken.grpc_web),
            Protocol::GrpcWebText => (CallForm::WebText, spoken.grpc_web),
            Protocol::Connect => (CallForm::ConnectUnary, spoken.connect),
            Protocol::ConnectStreamProto | Protocol::ConnectStreamJson => {
                (CallForm::ConnectStream, spoken.connect)
            }
        };
        let codec = codec(request.head.headers.get(CONTENT_TYPE));
        (!is_spoken).then_some(Self { form, codec })
    }
}

/// Makes the call and tells its outcome.
pub(super) async fn call(
    forwarded: &ForwardRequest<'_>,
    context: &ForwardContext<'_>,
    dialect: Dialect,
) -> Result<Forwarded, Error> {
    match dialect.form {
        CallForm::ConnectUnary => unary::call(forwarded, context, dialect).await,
        CallForm::Web | CallForm::WebText | CallForm::ConnectStream => {
            streams::call(forwarded, context, dialect).await.map(Forwarded::Stream)
        }
    }
}

/// Reads the codec from a media type: what follows `+`, or the whole subtype (`application/json`);
/// protobuf where none is named.
fn codec(content_type: Option<&HeaderValue>) -> String {
    let media_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let subtype = media_type.split_once('/').map_or("", |(_, subtype)| subtype);
    match subtype.split_once('+') {
        Some((_, codec)) => codec.to_owned(),
        None if subtype.starts_with("grpc") || subtype.is_empty() => "proto".to_owned(),
        None => subtype.to_owned(),
    }
}

/// Makes the request of a call in gRPC.
fn request<B>(
    forwarded: &ForwardRequest<'_>,
    context: &ForwardContext<'_>,
    dialect: &Dialect,
    body: B,
) -> Result<Request<B>, Error> {
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    let path = forwarded.head.path.parse::<Uri>();
    *request.uri_mut() = path
        .map_err(|error| Error::MalformedRequest { detail: format!("request target: {error}") })?;

    let headers = request.headers_mut();
    *headers = stream::headers(forwarded, context.target)?;
    let content_type = format!("application/grpc+{}", dialect.codec);
    let content_type = HeaderValue::try_from(content_type).map_err(|_| {
        Error::UnsupportedMediaType { accept: "application/proto, application/json" }
    })?;
    headers.insert(CONTENT_TYPE, content_type);
    codings(headers, dialect.form);
    for name in [ACCEPT, CONTENT_LENGTH, CONNECT_PROTOCOL_VERSION, GRPC_WEB] {
        headers.remove(name);
    }

    let protocols = (forwarded.payload.protocol(), Protocol::Grpc);
    deadline::pass_on(&forwarded.head.headers, protocols, context.told, headers)?;
    identify(forwarded, context, headers)?;
    Ok(request)
}

/// Renames the fields that say how messages are compressed. gRPC-Web has those of gRPC.
fn codings(headers: &mut HeaderMap, form: CallForm) {
    let renamed = match form {
        CallForm::ConnectUnary => {
            [(CONTENT_ENCODING, GRPC_ENCODING), (ACCEPT_ENCODING, GRPC_ACCEPT_ENCODING)]
        }
        CallForm::ConnectStream => {
            // These say how HTTP itself would be compressed, which it is not on the way on.
            headers.remove(CONTENT_ENCODING);
            headers.remove(ACCEPT_ENCODING);
            [
                (CONNECT_CONTENT_ENCODING, GRPC_ENCODING),
                (CONNECT_ACCEPT_ENCODING, GRPC_ACCEPT_ENCODING),
            ]
        }
        CallForm::Web | CallForm::WebText => return,
    };

    for (from, to) in renamed {
        if let Some(value) = headers.remove(from) {
            headers.insert(to, value);
        }
    }
}

/// Takes the fields that are gRPC's own out of an answer's header or trailers: what is left is
/// metadata. Returns the coding of compressed messages.
fn metadata(fields: &mut HeaderMap) -> Option<HeaderValue> {
    let coding = fields.remove(GRPC_ENCODING).filter(|coding| coding != "identity");
    let own = fields.keys().filter(|name| name.as_str().starts_with("grpc-"));
    for name in own.cloned().collect::<Vec<_>>() {
        fields.remove(name);
    }
    for name in [CONTENT_TYPE, CONTENT_LENGTH] {
        fields.remove(name);
    }
    coding
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codec_is_what_the_media_type_names() {
        for (media_type, expected) in [
            ("application/json", "json"),
            ("application/proto", "proto"),
            ("application/connect+json", "json"),
            ("application/connect+proto; charset=utf-8", "proto"),
            ("application/grpc-web", "proto"),
            ("application/grpc-web-text", "proto"),
            ("application/grpc-web+JSON", "json"),
            ("application/grpc-web-text+proto", "proto"),
        ] {
            assert_eq!(
                codec(Some(&HeaderValue::from_static(media_type))),
                expected,
                "{media_type}"
            );
        }
        assert_eq!(codec(None), "proto");
    }
}
