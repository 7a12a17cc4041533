//! The reader of JSON, beside serde_json: a body that is a `google.protobuf.Value`.
//!
//! A document that serde_json refuses is refused, and so are keys that come twice and more than 100
//! levels. An accepted one is the same value to both. One that serde_json reads and this reader
//! refuses has one of the reasons that the reader states.

use std::sync::LazyLock;

use serde_json::Value;
use tollgate_chain::Error;
use tollgate_transcode::{Body, JSON, Transcoder};

use super::message;
use super::unique::unique;

/// A method whose body is the field `value` of the message, and its answer too.
static VALUE: LazyLock<Transcoder> = LazyLock::new(|| {
    let mut binding = message::binding("Create");
    binding.body = Body::Field("value".into());
    binding.response_body = Some("value".into());
    message::transcoder_of("Create", &binding)
});

/// Checks one document.
pub(super) fn run(data: &[u8]) {
    if data.is_empty() {
        return;
    }

    let read = VALUE.request(&[], None, Some(JSON), data);
    let other: Result<Value, _> = serde_json::from_slice(data);
    match (read, other) {
        (Ok(bytes), Ok(value)) => {
            assert!(unique(data), "a key came twice");
            assert!(depth(&value) <= 100, "more than 100 levels passed");
            let written = VALUE.response(&bytes).unwrap();
            let written: Value = serde_json::from_slice(&written.body).unwrap();
            assert_eq!(doubles(written), doubles(value));
        }
        (Ok(_), Err(error)) => panic!("no JSON, and yet it passed: {error}"),
        (Err(error), Ok(value)) => {
            let reason = reason(&error);
            let expected = match reason {
                "duplicate" => !unique(data),
                "too_deep" => depth(&value) > 100,
                "invalid_value" | "invalid_type" => has_large_number(&value),
                _ => false,
            };
            assert!(expected, "{error:?} of {value}");
        }
        (Err(error), Err(_)) => {
            reason(&error);
        }
    }
}

fn reason(error: &Error) -> &str {
    let violation = message::is_callers_fault(error).first();
    violation.map_or("", |violation| &violation.reason)
}

/// Turns every number into a double, which is what a `google.protobuf.Value` holds.
fn doubles(value: Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().map_or(Value::Null, Value::from),
        Value::Array(items) => items.into_iter().map(doubles).collect(),
        Value::Object(members) => {
            members.into_iter().map(|(name, value)| (name, doubles(value))).collect()
        }
        other => other,
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn has_large_number(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_f64().is_none_or(|number| !number.is_finite()),
        Value::Array(items) => items.iter().any(has_large_number),
        Value::Object(members) => members.values().any(has_large_number),
        _ => false,
    }
}
