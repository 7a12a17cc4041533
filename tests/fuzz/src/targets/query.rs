//! Fields from the path and the query: `Transcoder::request` of a GET.
//!
//! An accepted query is a message to prost-reflect. The order of parameters that are given once does
//! not matter, and neither does the encoding of their characters. A refused one is the caller's fault,
//! with a parameter named.

use std::sync::LazyLock;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use tollgate_transcode::Transcoder;

use super::message;
use crate::lines::Lines;

static GET: LazyLock<Transcoder> = LazyLock::new(|| message::transcoder("Get", 1));

/// Checks one request: the value of the path's variable, and the query.
pub(super) fn run(data: &[u8]) {
    let mut lines = Lines::of(data);
    let (Some(id), Some(query)) = (lines.text(), lines.text()) else { return };
    let variables = [(Box::from("id"), id.to_owned())];

    let read = |query: &str| GET.request(&variables, Some(query), None, b"");
    let bytes = match read(query) {
        Ok(bytes) => bytes,
        Err(error) => {
            let violations = message::is_callers_fault(&error);
            assert!(!violations.is_empty());
            return;
        }
    };
    let decoded = message::text(&message::decode("GetRequest", &bytes));

    let encoded = read(&encoded(query)).unwrap();
    assert_eq!(encoded, bytes, "the encoding of characters matters");

    let pairs: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty()).collect();
    let mut names: Vec<String> = pairs.iter().map(|pair| plain(pair.split('=').next())).collect();
    names.sort();
    let count = names.len();
    names.dedup();
    if names.len() == count {
        let reversed: Vec<&str> = pairs.into_iter().rev().collect();
        let reversed = read(&reversed.join("&")).unwrap();
        let reversed = message::text(&message::decode("GetRequest", &reversed));
        assert_eq!(reversed, decoded, "the order of parameters matters");
    }
}

/// Writes a query with each character encoded that may be.
fn encoded(query: &str) -> String {
    let encode = |text: &str| utf8_percent_encode(&plain(Some(text)), NON_ALPHANUMERIC).to_string();
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, value)) => format!("{}={}", encode(name), encode(value)),
        None => encode(pair),
    });
    pairs.collect::<Vec<_>>().join("&")
}

fn plain(text: Option<&str>) -> String {
    let text = text.unwrap_or_default().replace('+', " ");
    percent_decode_str(&text).decode_utf8_lossy().into_owned()
}
