//! Which protocol a caller speaks, by content type.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method};
use tollgate_chain::Head;

/// The protocol in which a caller expects its errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Anything over HTTP: problem details.
    Json,
    /// gRPC.
    Grpc,
    /// gRPC-Web, binary.
    GrpcWeb,
    /// gRPC-Web in base64.
    GrpcWebText,
    /// Connect, one message each way.
    Connect,
    /// Connect with streams, messages in protobuf.
    ConnectStreamProto,
    /// Connect with streams, messages in JSON.
    ConnectStreamJson,
}

impl Protocol {
    /// Reads it from a checked head: from the header fields, or from the query of a Connect call by
    /// GET, which has no content.
    #[must_use]
    pub fn of_request(head: &Head) -> Self {
        if head.method == Method::GET
            && let Some(query) = &head.query
            && query.split('&').any(|pair| pair == "connect=v1")
        {
            return Self::Connect;
        }
        Self::of(&head.headers)
    }

    /// Reads it from `Content-Type`, and for Connect from `Connect-Protocol-Version`.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let Some(value) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
            return Self::Json;
        };
        let media_type = value.split(';').next().unwrap_or(value).trim_ascii_end();
        let Some(subtype) = strip_prefix(media_type, "application/") else { return Self::Json };
        let is = |name: &str| {
            strip_prefix(subtype, name).is_some_and(|rest| rest.is_empty() || rest.starts_with('+'))
        };

        if is("grpc") {
            Self::Grpc
        } else if is("grpc-web") {
            Self::GrpcWeb
        } else if is("grpc-web-text") {
            Self::GrpcWebText
        } else if subtype.eq_ignore_ascii_case("connect+json") {
            Self::ConnectStreamJson
        } else if is("connect") {
            Self::ConnectStreamProto
        } else if subtype.eq_ignore_ascii_case("proto")
            || (subtype.eq_ignore_ascii_case("json")
                && headers.get("connect-protocol-version").is_some_and(|version| version == "1"))
        {
            Self::Connect
        } else {
            Self::Json
        }
    }
}

fn strip_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}
