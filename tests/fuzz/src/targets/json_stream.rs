//! Streams of messages as lines and as server-sent events: `JsonStreamForm` over what a
//! `Transcoder` writes.
//!
//! Read back, each message is one line or one event with the same JSON, in order, and the failure at
//! the end is one more with its code and texts. No text within a message makes a field, an event or a
//! line of its own.

use std::sync::LazyLock;

use serde_json::{Value, json};
use tollgate_chain::{GrpcCode, Violation};
use tollgate_transcode::{JSON, JsonStreamForm, Transcoder};

use super::message;
use crate::lines::Lines;

static CREATE: LazyLock<Transcoder> = LazyLock::new(|| message::transcoder("Create", 0));

/// Checks one stream, whose messages hold the lines of the input.
pub(super) fn run(data: &[u8]) {
    let texts: Vec<String> = Lines::of(data)
        .take(16)
        .map(|line| String::from_utf8_lossy(line).replace("\\n", "\n").replace("\\r", "\r"))
        .collect();
    let messages: Vec<Value> = texts.iter().map(|text| written(text)).collect();

    let last = texts.last().map_or("", |text| text);
    let violations = [Violation {
        field: last.to_owned(),
        reason: "invalid".to_owned(),
        description: last.to_owned(),
    }];
    let error = json!({
        "code": 3,
        "message": last,
        "details": [{"field": last, "reason": "invalid", "description": last}],
    });

    for form in [JsonStreamForm::Lines, JsonStreamForm::Events] {
        let mut stream = Vec::new();
        for message in &messages {
            stream.extend_from_slice(&form.message(message.to_string().as_bytes()));
        }
        stream.extend_from_slice(&form.failure(GrpcCode::InvalidArgument, last, &violations));
        let stream = String::from_utf8(stream).unwrap();

        let expected: Vec<(bool, Value)> = match form {
            JsonStreamForm::Lines => {
                let results = messages.iter().map(|message| (false, json!({ "result": message })));
                results.chain([(false, json!({ "error": error }))]).collect()
            }
            JsonStreamForm::Events => {
                let events = messages.iter().map(|message| (false, message.clone()));
                events.chain([(true, error.clone())]).collect()
            }
        };
        let read = match form {
            JsonStreamForm::Lines => lines(&stream),
            JsonStreamForm::Events => events(&stream),
        };
        assert_eq!(read, expected, "{form:?}");
    }
}

/// Puts a text through the transcoder, as a field and as a key.
fn written(text: &str) -> Value {
    let request = json!({ "userName": text, "tags": [text], "counts": { text: 1 } });
    let bytes = CREATE.request(&[], None, Some(JSON), request.to_string().as_bytes()).unwrap();
    serde_json::from_slice(&CREATE.response(&bytes).unwrap().body).unwrap()
}

fn lines(stream: &str) -> Vec<(bool, Value)> {
    let lines = stream.split_terminator('\n');
    lines.map(|line| (false, serde_json::from_str(line).unwrap())).collect()
}

/// Reads events as WHATWG HTML §9.2.6 says: a line ends with CR, LF or both.
fn events(stream: &str) -> Vec<(bool, Value)> {
    let mut events = Vec::new();
    let mut is_error = false;
    let mut data = String::new();
    for line in stream.replace("\r\n", "\n").split(['\r', '\n']) {
        match line.split_once(": ") {
            None if line.is_empty() => {
                if !data.is_empty() {
                    events.push((is_error, serde_json::from_str(&data).unwrap()));
                }
                is_error = false;
                data.clear();
            }
            Some(("data", value)) => data.push_str(value),
            Some(("event", "error")) => is_error = true,
            other => panic!("a line that nobody wrote: {other:?}"),
        }
    }
    events
}
