//! Connect: the error of a call as JSON, the last envelope of a stream, and a call by GET.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use bytes::{BufMut, Bytes, BytesMut};
use http::HeaderMap;
use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::grpc::{Detail, PREFIX};

/// The flag of the envelope that ends a stream.
const END_OF_STREAM: u8 = 0b10;

/// The error that ended a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectError<'a> {
    /// The name of the code, such as `not_found`.
    pub code: &'a str,
    /// The message; left out where it is empty.
    pub message: &'a str,
    /// The details.
    pub details: &'a [Detail],
}

#[derive(Serialize)]
struct ErrorText<'a> {
    code: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    message: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    details: Vec<DetailText<'a>>,
}

#[derive(Serialize)]
struct DetailText<'a> {
    #[serde(rename = "type")]
    type_name: &'a str,
    value: String,
}

#[derive(Serialize)]
struct EndText<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorText<'a>>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    metadata: Map<String, Value>,
}

impl ConnectError<'_> {
    /// Writes the body of a call of one message that failed.
    #[must_use]
    pub fn to_json(&self) -> Bytes {
        serde_json::to_vec(&self.text()).unwrap_or_default().into()
    }

    fn text(&self) -> ErrorText<'_> {
        let details = self.details.iter().map(|detail| DetailText {
            type_name: &detail.type_name,
            value: STANDARD_NO_PAD.encode(&detail.value),
        });
        ErrorText { code: self.code, message: self.message, details: details.collect() }
    }
}

/// Writes the envelope that ends a stream: the error, if there was one, and the trailers. Trailers
/// that are not text are left out, and so is an envelope of more than 4 GiB.
#[must_use]
pub fn end_of_stream(error: Option<&ConnectError<'_>>, trailers: &HeaderMap) -> Option<Bytes> {
    let end = EndText { error: error.map(ConnectError::text), metadata: metadata(trailers) };
    let text = serde_json::to_vec(&end).ok()?;

    let mut envelope = BytesMut::with_capacity(PREFIX + text.len());
    envelope.put_u8(END_OF_STREAM);
    envelope.put_u32(u32::try_from(text.len()).ok()?);
    envelope.put_slice(&text);
    Some(envelope.freeze())
}

/// Shows trailers as an object of lists.
fn metadata(trailers: &HeaderMap) -> Map<String, Value> {
    let lists = trailers.keys().filter_map(|name| {
        let values = trailers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        let values: Vec<Value> = values.map(Value::from).collect();
        (!values.is_empty()).then(|| (name.as_str().to_owned(), values.into()))
    });
    lists.collect()
}

/// Reads the value of `Connect-Timeout-Ms` or of a field like it: 1 to `digits_max` digits.
#[must_use]
pub fn parse_milliseconds(text: &str, digits_max: usize) -> Option<Duration> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let is_short = (1..=digits_max).contains(&text.len());
    (is_number && is_short).then(|| text.parse().ok().map(Duration::from_millis)).flatten()
}

/// A call by GET, whose message stands in the query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectQuery {
    /// The codec: `proto` or `json`.
    pub codec: String,
    /// The coding that the message is compressed by, if it is.
    pub compression: Option<String>,
    /// The message.
    pub message: Bytes,
}

impl ConnectQuery {
    /// Reads the parameters `connect`, `encoding`, `compression`, `base64` and `message`. Others are
    /// passed over.
    ///
    /// # Errors
    /// A text for the caller that names the parameter and what was expected.
    pub fn read(query: &str) -> Result<Self, &'static str> {
        let mut codec = None;
        let mut compression = None;
        let mut message = None;
        let mut is_base64 = false;

        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                "connect" if value != "v1" => return Err("connect: expected `v1`"),
                "encoding" => codec = Some(text(value)?),
                "compression" => compression = Some(text(value)?),
                "base64" if value == "1" => is_base64 = true,
                "base64" => return Err("base64: expected `1`"),
                "message" => message = Some(bytes(value)),
                _ => {}
            }
        }

        let codec = codec.ok_or("encoding: expected the codec of the message")?;
        let message = message.ok_or("message: expected the message")?;
        let message = if is_base64 { decoded(&message)? } else { message };
        let compression = compression.filter(|coding| !coding.is_empty() && coding != "identity");
        Ok(Self { codec, compression, message: message.into() })
    }
}

/// Decodes `%xx`, and `+` as forms write a space.
fn bytes(value: &str) -> Vec<u8> {
    percent_decode_str(&value.replace('+', " ")).collect()
}

fn text(value: &str) -> Result<String, &'static str> {
    String::from_utf8(bytes(value)).map_err(|_| "the query is not UTF-8")
}

fn decoded(message: &[u8]) -> Result<Vec<u8>, &'static str> {
    let bare: &[u8] = message.trim_ascii_end();
    let padding = bare.iter().rev().take_while(|byte| **byte == b'=').count();
    let bare = bare.get(..bare.len() - padding).unwrap_or_default();
    URL_SAFE_NO_PAD.decode(bare).map_err(|_| "message: expected base64 for URLs")
}
