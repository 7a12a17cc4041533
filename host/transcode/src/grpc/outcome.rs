//! The outcome of a call as the service told it, unabridged, for callers who speak another RPC
//! protocol. Callers over JSON are told by [`super::status()`], which holds back what is not theirs.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use percent_encoding::percent_decode;
use tollgate_chain::GrpcCode;

use super::status::{unpack, without_status};
use crate::wire::{Cursor, Raw};

/// Most details of one status that are passed on; a service that sends more has lost the rest.
const DETAILS_MAX: usize = 64;

/// The status that ended a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The code.
    pub code: GrpcCode,
    /// The message, percent-decoded; empty where there was none.
    pub message: String,
    /// The details, each a message of its own type.
    pub details: Vec<Detail>,
}

/// One detail of a status (`google.protobuf.Any`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail {
    /// The full name of its type, without the prefix of a URL.
    pub type_name: String,
    /// The encoded message.
    pub value: Bytes,
}

impl Outcome {
    /// Reads the outcome from an answer's trailers, or from its header where it has no more. An
    /// answer without `grpc-status` is judged by its HTTP status. Details that cannot be read are
    /// left out: they never turn one refusal into another.
    #[must_use]
    pub fn read(headers: &HeaderMap, trailers: Option<&HeaderMap>, http: StatusCode) -> Self {
        let trailers = trailers.filter(|map| map.contains_key("grpc-status"));
        let source = trailers.unwrap_or(headers);
        let Some(status) = source.get("grpc-status") else {
            let message = format!("HTTP status {} without a gRPC status", http.as_u16());
            return Self { code: without_status(http), message, details: Vec::new() };
        };

        let number = status.to_str().ok().and_then(|text| text.trim().parse::<u32>().ok());
        let message = source.get("grpc-message").map_or(Cow::Borrowed(""), |value| {
            Cow::Owned(percent_decode(value.as_bytes()).decode_utf8_lossy().into_owned())
        });
        let details = source.get("grpc-status-details-bin");
        let details = details.and_then(|value| details_of(value.as_bytes())).unwrap_or_default();
        Self {
            code: number.map_or(GrpcCode::Unknown, GrpcCode::from),
            message: message.into_owned(),
            details,
        }
    }
}

/// Reads the details of an encoded `google.rpc.Status`.
fn details_of(value: &[u8]) -> Option<Vec<Detail>> {
    let status = unpack(value)?;
    let mut details = Vec::new();
    let mut cursor = Cursor(&status);
    while let Some((number, raw)) = cursor.field().ok()? {
        if let (3, Raw::Bytes(any)) = (number, raw)
            && details.len() < DETAILS_MAX
        {
            details.push(detail(any)?);
        }
    }
    Some(details)
}

fn detail(any: &[u8]) -> Option<Detail> {
    let (mut url, mut value) = (&[][..], &[][..]);
    let mut cursor = Cursor(any);
    while let Some((number, raw)) = cursor.field().ok()? {
        match (number, raw) {
            (1, Raw::Bytes(bytes)) => url = bytes,
            (2, Raw::Bytes(bytes)) => value = bytes,
            _ => {}
        }
    }

    let url = std::str::from_utf8(url).ok()?;
    let type_name = url.rsplit('/').next().unwrap_or(url).to_owned();
    Some(Detail { type_name, value: Bytes::copy_from_slice(value) })
}
