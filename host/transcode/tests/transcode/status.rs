//! gRPC around the message: frames, timeouts, statuses and their details.

use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use tollgate_chain::{Error, GrpcCode, Member};
use tollgate_transcode::grpc;

fn trailers(status: &str, message: &str, details: Option<&[u8]>) -> HeaderMap {
    let mut map = HeaderMap::new();
    map.insert("grpc-status", HeaderValue::from_str(status).unwrap());
    map.insert("grpc-message", HeaderValue::from_str(message).unwrap());
    if let Some(details) = details {
        let text = base64::engine::general_purpose::STANDARD_NO_PAD.encode(details);
        map.insert("grpc-status-details-bin", HeaderValue::from_str(&text).unwrap());
    }
    map
}

/// A length-delimited field.
fn part(number: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut length = content.len();
    while length >= 0x80 {
        out.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
        length >>= 7;
    }
    out.push(u8::try_from(length).unwrap());
    out.extend_from_slice(content);
    out
}

fn detail(name: &str, content: &[u8]) -> Vec<u8> {
    let url = format!("type.googleapis.com/google.rpc.{name}");
    part(3, &[part(1, url.as_bytes()), part(2, content)].concat())
}

#[test]
fn every_status_has_its_place_in_http() {
    let ok = grpc::status(&HeaderMap::new(), Some(&trailers("0", "", None)), StatusCode::OK);
    assert_eq!(ok, Ok(()));

    for (code, http, slug, shown) in [
        (1, 499, "cancelled", true),
        (2, 500, "internal", false),
        (3, 400, "invalid-argument", true),
        (4, 504, "upstream-timeout", true),
        (5, 404, "not-found", true),
        (6, 409, "already-exists", true),
        (7, 403, "permission-denied", true),
        (8, 429, "resource-exhausted", true),
        (9, 400, "failed-precondition", true),
        (10, 409, "aborted", true),
        (11, 400, "out-of-range", true),
        (12, 501, "unimplemented", true),
        (13, 500, "internal", false),
        (14, 503, "upstream-unavailable", true),
        (15, 500, "internal", false),
        (16, 502, "upstream-invalid", false),
        (17, 500, "internal", false),
        (4_000_000_000, 500, "internal", false),
    ] {
        let map = trailers(&code.to_string(), "secret%20words", None);
        let failure = grpc::status(&HeaderMap::new(), Some(&map), StatusCode::OK).unwrap_err();
        assert_eq!((failure.code, failure.status), (GrpcCode::from(code), http));
        assert_eq!(failure.code.number(), code);
        assert_eq!(&*failure.problem.slug, slug, "{code}");
        assert_eq!(&*failure.problem.detail == "secret words", shown, "{code}");
        assert!(failure.internal.unwrap().contains("secret words"));
    }
}

#[test]
fn an_answer_without_a_status_is_judged_by_http() {
    for (http, code, status) in [
        (200, 2, 500),
        (400, 13, 500),
        (401, 16, 502),
        (403, 7, 403),
        (404, 12, 501),
        (429, 14, 503),
        (500, 2, 500),
        (502, 14, 503),
        (503, 14, 503),
        (504, 14, 503),
    ] {
        let http = StatusCode::from_u16(http).unwrap();
        let failure = grpc::status(&HeaderMap::new(), None, http).unwrap_err();
        assert_eq!((failure.code, failure.status), (GrpcCode::from(code), status), "{http}");
    }

    let nonsense = trailers("x", "", None);
    let failure = grpc::status(&HeaderMap::new(), Some(&nonsense), StatusCode::OK).unwrap_err();
    assert_eq!(failure.code, GrpcCode::Unknown);
    let only = trailers("5", "", None);
    let failure = grpc::status(&only, None, StatusCode::OK).unwrap_err();

    assert_eq!((failure.status, &*failure.problem.detail), (404, "Not found"));
}

#[test]
fn messages_are_decoded_cleaned_and_cut() {
    let map = trailers("5", "caf%C3%A9%0A%00x%zz", None);
    let failure = grpc::status(&map, None, StatusCode::OK).unwrap_err();
    assert_eq!(&*failure.problem.detail, "caféx%zz");
    let map = trailers("5", &"%C3%A9".repeat(2000), None);
    let failure = grpc::status(&map, None, StatusCode::OK).unwrap_err();
    assert_eq!(failure.problem.detail.len(), 1024);
}

#[test]
fn details_become_members_and_debug_info_never_shows() {
    let violation = [part(1, b"user_info.first_name"), part(2, b"too long"), part(3, b"TOO_LONG")];
    let metadata = [part(1, b"limit"), part(2, b"5")].concat();
    let details = [
        detail("BadRequest", &part(1, &violation.concat())),
        detail("ErrorInfo", &[part(1, b"QUOTA"), part(2, b"x.dev"), part(3, &metadata)].concat()),
        detail("RetryInfo", &part(1, b"\x08\x02\x10\x01")),
        detail("QuotaFailure", &part(1, &[part(1, b"tenant"), part(2, b"daily")].concat())),
        detail("PreconditionFailure", &part(1, &[part(1, b"TOS"), part(2, b"user")].concat())),
        detail("ResourceInfo", &[part(1, b"thing"), part(2, b"t1"), part(3, b"owner")].concat()),
        detail("LocalizedMessage", &[part(1, b"de"), part(2, b"Nein")].concat()),
        detail("Help", &part(1, &[part(1, b"docs"), part(2, b"https://x.dev")].concat())),
        detail("DebugInfo", &part(2, b"stack of secrets")),
        detail("Unheard", b"\xff\xff"),
    ]
    .concat();

    let map = trailers("8", "no", Some(&details));
    let failure = grpc::status(&HeaderMap::new(), Some(&map), StatusCode::OK).unwrap_err();
    assert_eq!(failure.violations[0].field, "userInfo.firstName");
    assert_eq!(failure.violations[0].reason, "too_long");
    assert_eq!(failure.violations[0].description, "too long");
    assert_eq!(failure.retry_after, Some(Duration::new(2, 1)));
    assert_eq!(&*failure.problem.detail, "Nein");
    let member = |name: &str| {
        let found = failure.problem.members.iter().find(|(own, _)| **own == *name);
        found.map(|(_, member)| member.clone())
    };
    assert_eq!(member("reason"), Some(Member::Text("QUOTA".into())));
    assert_eq!(member("domain"), Some(Member::Text("x.dev".into())));
    assert_eq!(member("metadata"), Some(Member::Texts(vec!["limit=5".into()])));
    assert_eq!(member("violated-policies"), Some(Member::Texts(vec!["tenant: daily".into()])));
    assert_eq!(member("violations"), Some(Member::Texts(vec!["TOS: user".into()])));
    assert_eq!(member("resource"), Some(Member::Text("thing/t1".into())));
    assert_eq!(member("language"), Some(Member::Text("de".into())));
    assert_eq!(member("help"), Some(Member::Texts(vec!["https://x.dev".into()])));
    assert!(!format!("{failure:?}").contains("secrets"));
    let map = trailers("13", "no", Some(&details));
    let failure = grpc::status(&HeaderMap::new(), Some(&map), StatusCode::OK).unwrap_err();

    assert!(failure.problem.members.is_empty() && failure.violations.is_empty());
}

#[test]
fn details_that_cannot_be_read_change_nothing() {
    for broken in [&b"\x1a\xff"[..], b"\xff\xff\xff"] {
        let map = trailers("5", "gone", Some(broken));
        let failure = grpc::status(&HeaderMap::new(), Some(&map), StatusCode::OK).unwrap_err();
        assert_eq!((failure.status, &*failure.problem.detail), (404, "gone"));
    }
    let mut map = trailers("5", "gone", None);
    map.insert("grpc-status-details-bin", HeaderValue::from_static("***"));
    assert_eq!(grpc::status(&map, None, StatusCode::OK).unwrap_err().status, 404);
}

#[test]
fn frames_are_put_on_and_taken_off_within_their_limit() {
    let framed = grpc::frame(b"abc", false, 3).unwrap();
    assert_eq!(&*framed, b"\0\0\0\0\x03abc");
    assert_eq!(grpc::frame(b"abcd", true, 3), Err(Error::BodyTooLarge { limit: 3 }));
    assert_eq!(grpc::deframe(&framed, 3).unwrap().as_deref(), Some(&b"abc"[..]));
    assert_eq!(grpc::deframe(&Bytes::new(), 3).unwrap(), None);

    let compressed = grpc::frame(b"abc", true, 3).unwrap();
    assert_eq!(&*compressed, b"\x01\0\0\0\x03abc");
    let read = grpc::only_message(&compressed, 3).unwrap();
    assert_eq!(read, Some((Bytes::from_static(b"abc"), true)));

    for broken in [
        &b"\0\0\0\0"[..],
        b"\0\0\0\0\x03ab",
        b"\0\0\0\0\x01ab",
        b"\x01\0\0\0\x01a",
        b"\x02\0\0\0\x01a",
        b"\0\0\0\0\x04abcd",
        b"\0\xff\xff\xff\xffa",
    ] {
        let error = grpc::deframe(&Bytes::from_static(broken), 3).unwrap_err();
        assert!(matches!(error, Error::UpstreamInvalid { .. }), "{broken:?}");
    }
}

#[test]
fn a_timeout_is_rounded_down_and_never_zero() {
    for (left, text) in [
        (Duration::from_nanos(1), "1n"),
        (Duration::from_nanos(99_999_999), "99999999n"),
        (Duration::from_nanos(100_000_999), "100000u"),
        (Duration::from_millis(50), "50000000n"),
        (Duration::from_secs(30), "30000000u"),
        (Duration::from_secs(1000), "1000000m"),
        (Duration::from_secs(1_000_000), "1000000S"),
        (Duration::MAX, "99999999S"),
    ] {
        assert_eq!(grpc::timeout(left).unwrap(), text);
        assert!(grpc::parse_timeout(text).unwrap() <= left);
    }

    assert_eq!(grpc::timeout(Duration::ZERO), None);

    for (text, read) in [
        ("1H", Some(Duration::from_secs(3600))),
        ("2M", Some(Duration::from_secs(120))),
        ("99999999m", Some(Duration::from_millis(99_999_999))),
        ("100000000m", None),
        ("", None),
        ("m", None),
        ("1", None),
        ("-1S", None),
        ("1x", None),
        ("1é", None),
        ("+1S", None),
    ] {
        assert_eq!(grpc::parse_timeout(text), read, "{text}");
    }
}
