//! Paths, and the Routes that they lead to: `chain::check_path` and `RouteTable::find`.
//!
//! A path that passes has one reading: decoded once or twice it has the same segments, none of them
//! empty, `.` or `..`, and no separator, parameter or control character. Two spellings of the same
//! segments lead to the same Route, unless one of them hides a verb, which is noticed.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use http::{Method, Uri};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode, utf8_percent_encode};
use tollgate_chain::{
    Attributes, Matched, Methods, Route, RouteLimits, RouteTable, Template, check_path,
};

/// Characters that a segment must encode (RFC 3986 §3.3).
const ENCODED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

static TABLE: LazyLock<RouteTable> = LazyLock::new(|| {
    let templates = [
        "/",
        "/v1/secret",
        "/v1/{name}",
        "/v1/things/{id}",
        "/v1/things/{id}:cancel",
        "/v1/things/{id}/parts/{part}",
        "/v1/files/{path=**}",
        "/v1/files/{path=**}/meta",
        "/v1/caf%C3%A9",
        "/{rest=**}",
    ];
    table(&templates).unwrap()
});

/// Makes the table of these templates, each a Route of its own name.
pub(super) fn table(templates: &[&str]) -> Option<RouteTable> {
    let routes: Option<Vec<_>> = templates
        .iter()
        .map(|text| Some((Methods::Any, Template::parse(text).ok()?, Arc::new(route(text)))))
        .collect();
    RouteTable::build(routes?).ok()
}

fn route(template: &str) -> Route {
    let second = Duration::from_secs(1);
    Route {
        name: template.into(),
        template: template.into(),
        attributes: Attributes::default(),
        grpc: None,
        upstream: None,
        binding: 0,
        chain: 0,
        limits: RouteLimits { body_bytes_max: 1, timeout: second, stream_idle_timeout: second },
    }
}

/// Checks one path.
pub(super) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let path = text.split(['?', '#']).next().unwrap_or_default();
    if check_path(path).is_err() {
        return;
    }
    if let Ok(uri) = path.parse::<Uri>() {
        assert_eq!(uri.path(), path);
    }

    has_one_reading(path);
    let found = find(path);
    let Some(canonical) = canonical(path) else {
        // A value that is not UTF-8 matches nothing but `/{rest=**}` before it is captured.
        return;
    };
    check_path(&canonical).unwrap();
    if !TABLE.hides_verb(path) && !TABLE.hides_verb(&canonical) {
        assert_eq!(found, find(&canonical), "{path} and {canonical}");
    }
}

fn has_one_reading(path: &str) {
    let segments = path.split('/').count();
    let once: Vec<u8> = percent_decode(path.as_bytes()).collect();
    let twice: Vec<u8> = percent_decode(&once).collect();

    for decoded in [&once, &twice] {
        let parts: Vec<&[u8]> = decoded.split(|byte| *byte == b'/').collect();
        assert_eq!(parts.len(), segments, "a segment hides another");
        assert!(!decoded.iter().any(|byte| matches!(byte, 0..=0x1f | 0x7f | b'\\' | b';')));
        for (index, part) in parts.iter().enumerate().skip(1) {
            let is_last = index + 1 == parts.len();
            assert!(!matches!(*part, b"." | b".."), "a dot segment passed");
            assert!(is_last || !part.is_empty(), "an empty segment passed");
        }
    }
}

/// Writes the path with each character encoded only where it must be; none where it is not UTF-8.
fn canonical(path: &str) -> Option<String> {
    let segments: Option<Vec<String>> = path
        .split('/')
        .map(|segment| {
            let decoded = percent_decode(segment.as_bytes()).decode_utf8().ok()?;
            Some(utf8_percent_encode(&decoded, ENCODED).to_string())
        })
        .collect();
    Some(segments?.join("/"))
}

fn find(path: &str) -> Option<Box<str>> {
    match TABLE.find(&Method::GET, path) {
        Matched::Found { route, variables, .. } => {
            let bound = Template::parse(&route.template).unwrap();
            assert!(variables.iter().map(|(name, _)| &**name).eq(bound.variables()));
            Some(route.name.clone())
        }
        Matched::OtherMethod { .. } => panic!("every Route takes any method"),
        Matched::None => None,
    }
}
