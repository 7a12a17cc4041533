//! Messages of upstreams: `Transcoder::response`.
//!
//! Bytes that prost-reflect does not decode are refused as the upstream's fault, except where it is
//! stricter. The text of an accepted message is JSON without line breaks; read and written again it is
//! the same text.

use std::sync::LazyLock;

use prost_reflect::DynamicMessage;
use serde_json::Value;
use tollgate_chain::Error;
use tollgate_transcode::{JSON, Transcoder};

use super::message;

static CREATE: LazyLock<Transcoder> = LazyLock::new(|| message::transcoder("Create", 0));

/// Checks one message.
pub(super) fn run(data: &[u8]) {
    let written = match CREATE.response(data) {
        Ok(written) => written.body,
        Err(Error::UpstreamInvalid { .. }) => return,
        Err(other) => panic!("a broken message is told as {other:?}"),
    };
    if let Err(error) = DynamicMessage::decode(message::descriptor("Thing"), data) {
        // The other reader stops at 100 messages, of which one level of JSON may be three. It refuses
        // a field in another layout, which others take for an unknown one, and text that is not
        // UTF-8 where a later value of the same field replaces it.
        const STRICTER: [&str; 3] = ["recursion limit", "invalid wire type", "not UTF-8"];
        let error = error.to_string();
        let is_stricter = STRICTER.iter().any(|reason| error.contains(reason));
        assert!(is_stricter, "a broken message passed: {error}");
    }

    assert!(!written.contains(&b'\n') && !written.contains(&b'\r'));
    let value: Value = serde_json::from_slice(&written).unwrap();
    assert!(value.is_object());
    if let Ok(again) = CREATE.request(&[], None, Some(JSON), &written) {
        let text = CREATE.response(&again).unwrap().body;
        assert_eq!(text, written, "the text changes when it is read and written again");
    }
}
