//! The forms of RPC callers: gRPC and gRPC-Web in header fields alone ("trailers-only"),
//! Connect as JSON, Connect streams as one end-of-stream envelope.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;
use http::StatusCode;
use http::header::{HeaderMap, HeaderValue};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::json;

use super::protocol::Protocol;
use super::status::{connect_name, http_of_connect};
use super::view::ProblemView;
use super::{header_text, status_code};

/// Status, media type and body.
pub(super) fn body(
    view: &ProblemView<'_>,
    protocol: Protocol,
    retry_after: Option<u64>,
) -> (StatusCode, &'static str, Bytes) {
    let ok = StatusCode::OK;

    match protocol {
        Protocol::Json | Protocol::Grpc => (ok, "application/grpc", Bytes::new()),
        Protocol::GrpcWeb => (ok, "application/grpc-web+proto", Bytes::new()),
        Protocol::GrpcWebText => (ok, "application/grpc-web-text+proto", Bytes::new()),
        Protocol::Connect => {
            let status = status_code(http_of_connect(view.grpc));
            (status, "application/json", connect(view, retry_after).to_string().into())
        }
        Protocol::ConnectStreamProto => {
            (ok, "application/connect+proto", end_of_stream(view, retry_after))
        }
        Protocol::ConnectStreamJson => {
            (ok, "application/connect+json", end_of_stream(view, retry_after))
        }
    }
}

/// Writes the status of gRPC and gRPC-Web into the header.
pub(super) fn trailers_only(
    headers: &mut HeaderMap,
    view: &ProblemView<'_>,
    retry_after: Option<u64>,
) {
    headers.insert("grpc-status", HeaderValue::from(view.grpc.number()));
    header_text(headers, "grpc-message", utf8_percent_encode(&view.detail, MESSAGE).into());
    let mut status = Vec::new();
    varint_field(&mut status, 1, view.grpc.number().into());
    bytes_field(&mut status, 2, view.detail.as_bytes());
    for (name, value) in details(view, retry_after) {
        let mut any = Vec::new();
        bytes_field(&mut any, 1, format!("type.googleapis.com/{name}").as_bytes());
        bytes_field(&mut any, 2, &value);
        bytes_field(&mut status, 3, &any);
    }
    header_text(headers, "grpc-status-details-bin", STANDARD_NO_PAD.encode(status).into());
}

/// The characters to escape in `grpc-message`: everything but visible ASCII and space, and `%`.
const MESSAGE: &AsciiSet = &CONTROLS.add(b'%');

fn connect(view: &ProblemView<'_>, retry_after: Option<u64>) -> serde_json::Value {
    let details: Vec<_> = details(view, retry_after)
        .into_iter()
        .map(|(name, value)| json!({ "type": name, "value": STANDARD_NO_PAD.encode(value) }))
        .collect();
    json!({ "code": connect_name(view.grpc), "message": view.detail, "details": details })
}

/// An envelope with flag 2: four bytes of length, then the error.
fn end_of_stream(view: &ProblemView<'_>, retry_after: Option<u64>) -> Bytes {
    let text = json!({ "error": connect(view, retry_after) }).to_string();
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    let mut envelope = vec![2];
    envelope.extend_from_slice(&length.to_be_bytes());
    envelope.extend_from_slice(text.as_bytes());
    envelope.into()
}

/// Messages of `google.rpc`, encoded by hand: three small ones do not earn a dependency.
fn details(view: &ProblemView<'_>, retry_after: Option<u64>) -> Vec<(&'static str, Vec<u8>)> {
    let mut info = Vec::new();
    bytes_field(&mut info, 1, view.code().to_ascii_uppercase().as_bytes());
    bytes_field(&mut info, 2, b"tollgate");
    let mut details = vec![("google.rpc.ErrorInfo", info)];

    if let Some(seconds) = retry_after {
        let (mut delay, mut retry) = (Vec::new(), Vec::new());
        varint_field(&mut delay, 1, seconds);
        bytes_field(&mut retry, 1, &delay);
        details.push(("google.rpc.RetryInfo", retry));
    }

    if !view.violations.is_empty() {
        let mut request = Vec::new();
        for violation in view.violations {
            let mut field = Vec::new();
            bytes_field(&mut field, 1, violation.field.as_bytes());
            bytes_field(&mut field, 2, violation.description.as_bytes());
            bytes_field(&mut field, 3, violation.reason.as_bytes());
            bytes_field(&mut request, 1, &field);
        }
        details.push(("google.rpc.BadRequest", request));
    }

    details
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(u8::try_from(value & 0x7f).unwrap_or(0) | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).unwrap_or(0));
}

fn varint_field(out: &mut Vec<u8>, number: u64, value: u64) {
    varint(out, number << 3);
    varint(out, value);
}

fn bytes_field(out: &mut Vec<u8>, number: u64, value: &[u8]) {
    varint(out, (number << 3) | 2);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}
