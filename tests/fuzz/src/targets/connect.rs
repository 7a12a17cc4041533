//! Connect: a call by GET, an error and the last envelope (`rpc::ConnectQuery`, `ConnectError`,
//! `end_of_stream`).
//!
//! A message that is put into a query, in base64 or percent-encoded, comes back with its codec. An
//! error comes back from its JSON with its code, message and details, and no more members; so it does
//! from the envelope that ends a stream, beside the trailers.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use serde_json::{Value, json};
use tollgate_transcode::grpc::{Detail, PREFIX};
use tollgate_transcode::rpc::{ConnectError, ConnectQuery, end_of_stream};

use crate::lines::Lines;

/// Checks one query as it is, and then as a message and as texts of an error.
pub(super) fn run(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        match ConnectQuery::read(text) {
            Ok(query) => {
                assert!(query.compression.is_none_or(|name| !name.is_empty() && name != "identity"))
            }
            Err(expected) => assert!(!expected.is_empty()),
        }
    }
    comes_back(data);
    error(data);
}

fn comes_back(message: &[u8]) {
    let percent = percent_encode(message, NON_ALPHANUMERIC).to_string();
    let forms = [
        format!("message={percent}"),
        format!("base64=1&message={}", URL_SAFE_NO_PAD.encode(message)),
        format!("message={}&base64=1", URL_SAFE.encode(message).replace('=', "%3D")),
    ];
    for form in forms {
        let query = ConnectQuery::read(&format!("connect=v1&{form}&encoding=proto&other=1"));
        let query = query.unwrap_or_else(|expected| panic!("{form}: {expected}"));
        assert_eq!((&*query.message, &*query.codec), (message, "proto"), "{form}");
    }
}

fn error(data: &[u8]) {
    let mut lines = Lines::of(data);
    let message = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let type_name = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let value = Bytes::copy_from_slice(lines.rest());
    let details = [Detail { type_name, value }];
    let error = ConnectError { code: "not_found", message: &message, details: &details };

    let mut expected = json!({
        "code": "not_found",
        "details": [{"type": details[0].type_name, "value": STANDARD_NO_PAD.encode(&details[0].value)}],
    });
    if !message.is_empty() {
        expected["message"] = Value::from(&*message);
    }
    assert_eq!(serde_json::from_slice::<Value>(&error.to_json()).unwrap(), expected);

    let mut trailers = HeaderMap::new();
    // Metadata is ASCII; what is not is left out.
    if let Some(value) = HeaderValue::from_str(&message).ok().filter(|_| message.is_ascii()) {
        trailers.append("x-note", value.clone());
        trailers.append("x-note", value);
    }
    let envelope = end_of_stream(Some(&error), &trailers).unwrap();
    let (prefix, text) = envelope.split_at(PREFIX);
    let length = u32::try_from(text.len()).unwrap().to_be_bytes();
    assert_eq!(prefix, [&[2][..], &length].concat());

    let mut whole = json!({ "error": expected });
    if !trailers.is_empty() {
        whole["metadata"] = json!({ "x-note": [message, message] });
    }
    assert_eq!(serde_json::from_slice::<Value>(text).unwrap(), whole);
}
