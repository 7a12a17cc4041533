//! A stream of messages, written for callers over JSON: one object in each line, or server-sent
//! events.

use bytes::Bytes;
use serde_json::{Value, json};
use tollgate_chain::{GrpcCode, Violation};

/// The media type of JSON, one object in each line.
pub const NDJSON: &str = "application/x-ndjson";
/// The media type of server-sent events (WHATWG HTML §9.2).
pub const EVENT_STREAM: &str = "text/event-stream";

/// The form in which a caller gets the messages of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonStreamForm {
    /// Each message is a line.
    Lines,
    /// Each message is an event.
    Events,
}

impl JsonStreamForm {
    /// The media type of the whole.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Lines => NDJSON,
            Self::Events => EVENT_STREAM,
        }
    }

    /// Writes a message. Its JSON holds no line break, as no text of a
    /// [`Transcoder`](crate::Transcoder) does.
    #[must_use]
    pub fn message(self, json: &[u8]) -> Bytes {
        match self {
            Self::Lines => [b"{\"result\":", json, b"}\n"].concat().into(),
            Self::Events => [b"data: ", json, b"\n\n"].concat().into(),
        }
    }

    /// Writes the failure that ends a stream.
    #[must_use]
    pub fn failure(self, code: GrpcCode, message: &str, violations: &[Violation]) -> Bytes {
        let details = violations.iter().map(|violation| {
            json!({
                "field": violation.field,
                "reason": violation.reason,
                "description": violation.description,
            })
        });
        let details: Vec<Value> = details.collect();
        let error = json!({ "code": code.number(), "message": message, "details": details });

        match self {
            Self::Lines => format!("{}\n", json!({ "error": error })).into(),
            Self::Events => format!("event: error\ndata: {error}\n\n").into(),
        }
    }
}
