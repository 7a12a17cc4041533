//! JSON to a message and back, beside prost-reflect: `Transcoder::request` and `response`.
//!
//! An accepted body is a message to prost-reflect too, and the one that prost-reflect reads from the
//! same JSON where it reads it. Written as JSON and read again it is the same message, and its text
//! does not change again. A refused body is the caller's fault, with a reason.

use std::sync::LazyLock;

use prost_reflect::DynamicMessage;
use tollgate_transcode::{JSON, Transcoder};

use super::message;

static CREATE: LazyLock<Transcoder> = LazyLock::new(|| message::transcoder("Create", 0));

/// Checks one body.
pub(super) fn run(data: &[u8]) {
    if data.is_empty() {
        return;
    }
    let bytes = match CREATE.request(&[], None, Some(JSON), data) {
        Ok(bytes) => bytes,
        Err(error) => {
            message::is_callers_fault(&error);
            return;
        }
    };

    // The other reader stops at 100 messages, of which one level of JSON may be three.
    if data.iter().filter(|byte| matches!(byte, b'{' | b'[')).count() > 32 {
        return;
    }
    let read = message::decode("Thing", &bytes);
    if let Some(other) = read_by_another(data) {
        assert_eq!(
            message::text(&read),
            message::text(&other),
            "another reader reads another message"
        );
    }

    let written = CREATE.response(&bytes).unwrap().body;
    let again = CREATE.request(&[], None, Some(JSON), &written);
    let again = again.unwrap_or_else(|error| {
        panic!("what was written is refused: {error:?} of {}", String::from_utf8_lossy(&written))
    });
    assert_eq!(message::text(&message::decode("Thing", &again)), message::text(&read));
    assert_eq!(CREATE.response(&again).unwrap().body, written, "the text changes");
}

fn read_by_another(json: &[u8]) -> Option<DynamicMessage> {
    let mut tokens = serde_json::Deserializer::from_slice(json);
    DynamicMessage::deserialize(message::descriptor("Thing"), &mut tokens).ok()
}
