//! gRPC-Web and Connect: base64 in pieces, the last frame, errors, and calls by GET.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use proptest::prelude::*;
use serde_json::{Value, json};
use tollgate_chain::GrpcCode;
use tollgate_transcode::grpc::{Detail, Outcome};
use tollgate_transcode::rpc::{
    ConnectError, ConnectQuery, MalformedText, TextDecoder, encode_text, end_of_stream,
    trailer_frame,
};

fn fields(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in pairs {
        map.append(*name, HeaderValue::from_static(value));
    }
    map
}

fn decode(pieces: &[&[u8]]) -> Result<Vec<u8>, MalformedText> {
    let mut decoder = TextDecoder::default();
    let mut bytes = Vec::new();
    for piece in pieces {
        bytes.extend_from_slice(&decoder.decode(piece)?);
    }
    bytes.extend_from_slice(&decoder.finish()?);
    Ok(bytes)
}

proptest! {
    #[test]
    fn text_that_was_encoded_in_pieces_is_decoded_wherever_it_is_cut(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..6),
        cuts in prop::collection::vec(1_usize..7, 1..40),
    ) {
        let text: Vec<u8> = pieces.iter().flat_map(|piece| encode_text(piece)).collect();
        let mut rest = text.as_slice();
        let mut cut = Vec::new();
        for length in cuts {
            let (part, after) = rest.split_at(length.min(rest.len()));
            cut.push(part);
            rest = after;
        }
        cut.push(rest);
        prop_assert_eq!(decode(&cut), Ok(pieces.concat()));
    }

    #[test]
    fn no_text_makes_the_decoder_panic_or_hold_more_than_a_group(
        text in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let _ = decode(&[&text]);
    }
}

#[test]
fn padding_may_be_missing_at_the_end_and_rubbish_is_refused() {
    assert_eq!(decode(&[b"aGk"]), Ok(b"hi".to_vec()));
    assert_eq!(decode(&[b"aGk=aGk"]), Ok(b"hihi".to_vec()));
    for text in ["a", "a===", "aG k", "!!!!", "=aGk"] {
        assert_eq!(decode(&[text.as_bytes()]), Err(MalformedText), "{text}");
    }
}

#[test]
fn trailers_become_one_frame_of_lines() {
    let frame = trailer_frame(&fields(&[("grpc-status", "0"), ("x-a", "1"), ("x-a", "2")]));
    let text = b"grpc-status: 0\r\nx-a: 1\r\nx-a: 2\r\n";
    let mut expected = vec![0x80, 0, 0, 0, u8::try_from(text.len()).unwrap()];
    expected.extend_from_slice(text);
    assert_eq!(frame, Some(Bytes::from(expected)));
    assert_eq!(trailer_frame(&HeaderMap::new()), Some(Bytes::from_static(&[0x80, 0, 0, 0, 0])));
}

#[test]
fn the_outcome_is_read_from_trailers_then_from_the_header_then_from_http() {
    let (header, trailer) = (fields(&[("grpc-status", "5")]), fields(&[("grpc-status", "9")]));
    let read = |headers: &HeaderMap, trailers: Option<&HeaderMap>, http| {
        Outcome::read(headers, trailers, http).code
    };
    assert_eq!(read(&header, Some(&trailer), StatusCode::OK), GrpcCode::FailedPrecondition);
    let without = fields(&[("x-a", "1")]);
    assert_eq!(read(&header, Some(&without), StatusCode::OK), GrpcCode::NotFound);
    assert_eq!(read(&without, None, StatusCode::SERVICE_UNAVAILABLE), GrpcCode::Unavailable);
    assert_eq!(read(&without, None, StatusCode::OK), GrpcCode::Unknown);
    let unreadable = fields(&[("grpc-status", "five")]);
    assert_eq!(read(&unreadable, None, StatusCode::OK), GrpcCode::Unknown);
}

#[test]
fn message_and_details_are_read_whole() {
    // google.rpc.Status { code: 3, message: "m", details: [Any { "t/a.B", [1, 2] }, Any { "c", [] }] }
    let status = [
        0x08, 3, 0x12, 1, b'm', 0x1a, 9, 0x0a, 5, b't', b'/', b'a', b'.', b'B', 0x12, 2, 1, 2,
        0x1a, 3, 0x0a, 1, b'c',
    ];
    // The length of the first detail counts both of its fields.
    let mut status = status.to_vec();
    status[6] = 11;
    let mut map = fields(&[("grpc-status", "3"), ("grpc-message", "a%20b%E2%82%AC")]);
    for text in [STANDARD.encode(&status), STANDARD_NO_PAD.encode(&status)] {
        map.insert("grpc-status-details-bin", HeaderValue::try_from(text).unwrap());
        let outcome = Outcome::read(&HeaderMap::new(), Some(&map), StatusCode::OK);
        assert_eq!(outcome.code, GrpcCode::InvalidArgument);
        assert_eq!(outcome.message, "a b€");
        assert_eq!(
            outcome.details,
            [
                Detail { type_name: "a.B".into(), value: Bytes::from_static(&[1, 2]) },
                Detail { type_name: "c".into(), value: Bytes::new() },
            ]
        );
    }

    map.insert("grpc-status-details-bin", HeaderValue::from_static("!"));
    let outcome = Outcome::read(&HeaderMap::new(), Some(&map), StatusCode::OK);
    assert_eq!((outcome.code, outcome.details.len()), (GrpcCode::InvalidArgument, 0));
}

#[test]
fn an_error_of_connect_leaves_out_what_is_empty() {
    let bare = ConnectError { code: "not_found", message: "", details: &[] };
    assert_eq!(bare.to_json(), r#"{"code":"not_found"}"#);
    let details = [Detail { type_name: "a.B".into(), value: Bytes::from_static(&[0xff]) }];
    let error = ConnectError { code: "aborted", message: "m \"q\"", details: &details };
    let value: Value = serde_json::from_slice(&error.to_json()).unwrap();
    assert_eq!(
        value,
        json!({
            "code": "aborted", "message": "m \"q\"",
            "details": [{ "type": "a.B", "value": "/w" }],
        })
    );
}

#[test]
fn a_stream_of_connect_ends_with_its_error_and_trailers() {
    let envelope = end_of_stream(None, &HeaderMap::new()).unwrap();
    assert_eq!(envelope, Bytes::from_static(b"\x02\0\0\0\x02{}"));

    let trailers = fields(&[("x-a", "1"), ("x-a", "2"), ("x-b-bin", "AA")]);
    let error = ConnectError { code: "aborted", message: "m", details: &[] };
    let envelope = end_of_stream(Some(&error), &trailers).unwrap();
    assert_eq!(envelope[0], 2);
    assert_eq!(envelope[1..5], u32::try_from(envelope.len() - 5).unwrap().to_be_bytes());
    let value: Value = serde_json::from_slice(&envelope[5..]).unwrap();
    assert_eq!(
        value,
        json!({
            "error": { "code": "aborted", "message": "m" },
            "metadata": { "x-a": ["1", "2"], "x-b-bin": ["AA"] },
        })
    );
}

#[test]
fn a_trailer_that_is_not_text_is_left_out_with_its_name() {
    let mut trailers = fields(&[("x-a", "1")]);
    trailers.insert("x-b", HeaderValue::from_bytes(b"caf\xe9").unwrap());
    let envelope = end_of_stream(None, &trailers).unwrap();
    let end: Value = serde_json::from_slice(&envelope[5..]).unwrap();
    assert_eq!(end, json!({ "metadata": { "x-a": ["1"] } }));
}

#[test]
fn a_call_by_get_is_read_from_its_query() {
    let query =
        ConnectQuery::read("connect=v1&encoding=json&message=%7B%22a%22%3A%22b+c%22%7D&x=1");
    assert_eq!(
        query,
        Ok(ConnectQuery {
            codec: "json".into(),
            compression: None,
            message: Bytes::from_static(br#"{"a":"b c"}"#),
        })
    );
    for (text, expected) in [("CgE_", vec![10, 1, 63]), ("CgE_Cg%3D%3D", vec![10, 1, 63, 10])] {
        let query = format!("message={text}&base64=1&encoding=proto&compression=gzip");
        let query = ConnectQuery::read(&query).unwrap();
        assert_eq!(query.message, expected);
        assert_eq!(query.compression.as_deref(), Some("gzip"));
    }
    let identity = ConnectQuery::read("message=&encoding=proto&compression=identity").unwrap();
    assert_eq!((identity.compression, identity.message.len()), (None, 0));
}

#[test]
fn a_query_that_is_no_call_names_the_parameter() {
    for (query, expected) in [
        ("", "encoding: expected the codec of the message"),
        ("encoding=json", "message: expected the message"),
        ("connect=v2&encoding=json&message=", "connect: expected `v1`"),
        ("encoding=json&message=&base64=yes", "base64: expected `1`"),
        ("encoding=json&message=!&base64=1", "message: expected base64 for URLs"),
        ("encoding=%ff&message=", "the query is not UTF-8"),
    ] {
        assert_eq!(ConnectQuery::read(query), Err(expected), "{query}");
    }
}
