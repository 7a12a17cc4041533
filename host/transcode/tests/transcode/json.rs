//! JSON in and out: what is accepted and what it becomes, and what is refused and why.

use crate::support::{descriptors, transcoder, violation};
use proptest::prelude::*;
use tollgate_chain::Error;
use tollgate_transcode::Transcoder;

const JSON: Option<&str> = Some("application/json");

fn thing() -> Transcoder {
    transcoder(&descriptors(), "Create", 0)
}

fn read(own: &Transcoder, json: &str) -> Result<bytes::Bytes, Error> {
    own.request(&[], None, JSON, json.as_bytes())
}

/// JSON → message → JSON.
fn through(own: &Transcoder, json: &str) -> String {
    let message = read(own, json).unwrap_or_else(|error| panic!("{json}: {error:?}"));
    let content = own.response(&message).unwrap_or_else(|error| panic!("{json}: {error:?}"));
    String::from_utf8(content.body.to_vec()).unwrap()
}

/// Texts that are read, and how they are written.
const ACCEPTED: &[(&str, &str)] = &[
    ("{}", "{}"),
    ("", "{}"),
    (r#" { "userName" : "a\u00e9\n\"\\" } "#, r#"{"userName":"aé\n\"\\"}"#),
    (r#"{"user_name":"x"}"#, r#"{"userName":"x"}"#),
    (r#"{"userName":"😀\ud83d\ude00"}"#, r#"{"userName":"😀😀"}"#),
    (r#"{"as-it-is":"x"}"#, r#"{"as-it-is":"x"}"#),
    (r#"{"renamed":"x"}"#, r#"{"as-it-is":"x"}"#),
    (r#"{"i64":9007199254740993}"#, r#"{"i64":"9007199254740993"}"#),
    (r#"{"i64":"9007199254740993"}"#, r#"{"i64":"9007199254740993"}"#),
    (r#"{"i64":-9223372036854775808}"#, r#"{"i64":"-9223372036854775808"}"#),
    (r#"{"i64":9007199254740992.0}"#, r#"{"i64":"9007199254740992"}"#),
    (r#"{"i64":1e3}"#, r#"{"i64":"1000"}"#),
    (r#"{"i64":1.0}"#, r#"{"i64":"1"}"#),
    (r#"{"i64":0.0e0}"#, "{}"),
    (r#"{"i64":12.50e1}"#, r#"{"i64":"125"}"#),
    (r#"{"i64":-0}"#, "{}"),
    (r#"{"i64":null}"#, "{}"),
    (r#"{"i32":-1}"#, r#"{"i32":-1}"#),
    (r#"{"i32":"-1"}"#, r#"{"i32":-1}"#),
    (r#"{"i32":"1e5"}"#, r#"{"i32":100000}"#),
    (r#"{"i32":"-1.50E1"}"#, r#"{"i32":-15}"#),
    (
        r#"{"u32":"1.0","s32":"2e0","f32":"3E+0","sf32":"-4.0"}"#,
        r#"{"u32":1,"s32":2,"f32":3,"sf32":-4}"#,
    ),
    (r#"{"u32":4294967295}"#, r#"{"u32":4294967295}"#),
    (r#"{"u64":18446744073709551615}"#, r#"{"u64":"18446744073709551615"}"#),
    (r#"{"s32":-2147483648}"#, r#"{"s32":-2147483648}"#),
    (r#"{"s64":"-9223372036854775808"}"#, r#"{"s64":"-9223372036854775808"}"#),
    (r#"{"f32":7,"f64":"8","sf32":-7,"sf64":-8}"#, r#"{"f32":7,"f64":"8","sf32":-7,"sf64":"-8"}"#),
    (r#"{"single":1.5,"real":0.1}"#, r#"{"single":1.5,"real":0.1}"#),
    (r#"{"single":0.1,"real":1e21}"#, r#"{"single":0.1,"real":1e+21}"#),
    (r#"{"real":1.0}"#, r#"{"real":1}"#),
    (r#"{"real":"NaN","single":"-Infinity"}"#, r#"{"single":"-Infinity","real":"NaN"}"#),
    (r#"{"real":"2.5"}"#, r#"{"real":2.5}"#),
    (r#"{"yes":true}"#, r#"{"yes":true}"#),
    (r#"{"yes":false}"#, "{}"),
    (r#"{"blob":"AQI="}"#, r#"{"blob":"AQI="}"#),
    (r#"{"blob":"AQI"}"#, r#"{"blob":"AQI="}"#),
    (r#"{"blob":"-_8"}"#, r#"{"blob":"+/8="}"#),
    (r#"{"color":"RED"}"#, r#"{"color":"RED"}"#),
    (r#"{"color":2}"#, r#"{"color":"BLUE"}"#),
    (r#"{"color":-1}"#, r#"{"color":"NEGATIVE"}"#),
    (r#"{"color":77}"#, r#"{"color":77}"#),
    (r#"{"colors":["RED",0,77]}"#, r#"{"colors":["RED","COLOR_UNSPECIFIED",77]}"#),
    (r#"{"child":{"child":{"i32":1}}}"#, r#"{"child":{"child":{"i32":1}}}"#),
    (r#"{"child":{}}"#, r#"{"child":{}}"#),
    (r#"{"child":null}"#, "{}"),
    (r#"{"longs":[1,"2",-3]}"#, r#"{"longs":["1","2","-3"]}"#),
    (r#"{"longs":[],"tags":[]}"#, "{}"),
    (r#"{"tags":["a","","b"]}"#, r#"{"tags":["a","","b"]}"#),
    (r#"{"things":[{},{"i32":1}]}"#, r#"{"things":[{},{"i32":1}]}"#),
    (r#"{"counts":{"b":2,"a":1,"":0}}"#, r#"{"counts":{"":0,"a":1,"b":2}}"#),
    (r#"{"byNumber":{"-5":{"yes":true}}}"#, r#"{"byNumber":{"-5":{"yes":true}}}"#),
    (r#"{"flags":{"true":"RED","false":2}}"#, r#"{"flags":{"false":"BLUE","true":"RED"}}"#),
    (r#"{"maybe":0}"#, r#"{"maybe":0}"#),
    (r#"{"left":""}"#, r#"{"left":""}"#),
    (r#"{"left":null,"right":0}"#, r#"{"right":"0"}"#),
    (r#"{"nothing":null}"#, r#"{"nothing":null}"#),
    (r#"{"at":"2006-01-02T15:04:05Z"}"#, r#"{"at":"2006-01-02T15:04:05Z"}"#),
    (r#"{"at":"2006-01-02T15:04:05.1+01:30"}"#, r#"{"at":"2006-01-02T13:34:05.100Z"}"#),
    (r#"{"at":"0001-01-01T00:00:00Z"}"#, r#"{"at":"0001-01-01T00:00:00Z"}"#),
    (r#"{"at":"9999-12-31T23:59:59.999999999Z"}"#, r#"{"at":"9999-12-31T23:59:59.999999999Z"}"#),
    (r#"{"at":"2024-02-29T00:00:00.000001Z"}"#, r#"{"at":"2024-02-29T00:00:00.000001Z"}"#),
    (r#"{"span":"1.5s"}"#, r#"{"span":"1.500s"}"#),
    (r#"{"span":"-0.000000001s"}"#, r#"{"span":"-0.000000001s"}"#),
    (r#"{"span":"315576000000s"}"#, r#"{"span":"315576000000s"}"#),
    (r#"{"span":"315576000000.999999999s"}"#, r#"{"span":"315576000000.999999999s"}"#),
    (r#"{"span":"-315576000000.999999999s"}"#, r#"{"span":"-315576000000.999999999s"}"#),
    (r#"{"mask":"userName,child.i64"}"#, r#"{"mask":"userName,child.i64"}"#),
    (r#"{"mask":""}"#, r#"{"mask":""}"#),
    (r#"{"wide":"5","text":""}"#, r#"{"wide":"5","text":""}"#),
    (r#"{"wide":null}"#, "{}"),
    (r#"{"empty":{}}"#, r#"{"empty":{}}"#),
    (r#"{"value":null}"#, r#"{"value":null}"#),
    (r#"{"values":[null,1,"a",true,[],{}]}"#, r#"{"values":[null,1,"a",true,[],{}]}"#),
    (r#"{"free":{"b":[1,{"c":null}],"a":1.5}}"#, r#"{"free":{"a":1.5,"b":[1,{"c":null}]}}"#),
    (r#"{"value":1.896163104265829e84}"#, r#"{"value":1.896163104265829e+84}"#),
    (r#"{"list":[1,"x"]}"#, r#"{"list":[1,"x"]}"#),
    (
        r#"{"any":{"i64":"7","@type":"type.googleapis.com/sample.v1.Thing"}}"#,
        r#"{"any":{"@type":"type.googleapis.com/sample.v1.Thing","i64":"7"}}"#,
    ),
    (
        r#"{"any":{"value":"3s","@type":"type.googleapis.com/google.protobuf.Duration"}}"#,
        r#"{"any":{"@type":"type.googleapis.com/google.protobuf.Duration","value":"3s"}}"#,
    ),
    (r#"{"any":{}}"#, r#"{"any":{}}"#),
];

#[test]
fn accepted_values_come_out_canonical() {
    let own = thing();
    for (json, expected) in ACCEPTED {
        assert_eq!(through(&own, json), *expected, "{json}");
    }
}

#[test]
fn what_readers_could_read_differently_is_refused() {
    let own = thing();

    for (json, field, reason) in [
        (r#"{"i32":1,"i32":2}"#, "i32", "duplicate"),
        (r#"{"userName":"a","user_name":"b"}"#, "userName", "duplicate"),
        (r#"{"i32":null,"i32":2}"#, "i32", "duplicate"),
        (r#"{"counts":{"a":1,"a":2}}"#, "counts[\"a\"]", "duplicate"),
        (r#"{"free":{"a":1,"a":2}}"#, "free[\"a\"]", "duplicate"),
        (r#"{"value":{"a":[{"b":1,"b":1}]}}"#, "value[\"a\"][0][\"b\"]", "duplicate"),
        (r#"{"child":{"tags":[],"tags":[]}}"#, "child.tags", "duplicate"),
        (r#"{"nope":1}"#, "nope", "unknown_field"),
        (r#"{"child":{"nope":1}}"#, "child.nope", "unknown_field"),
        (r#"{"username":"x"}"#, "username", "unknown_field"),
        (r#"{"left":"a","right":1}"#, "right", "oneof"),
        (r#"{"left":"a","nothing":null}"#, "nothing", "oneof"),
        (r#"{"tags":[null]}"#, "tags[0]", "null_element"),
        (r#"{"things":[{},null]}"#, "things[1]", "null_element"),
        (r#"{"counts":{"a":null}}"#, "counts[\"a\"]", "null_element"),
        (r#"{"things":[{"i64":"x"}]}"#, "things[0].i64", "invalid_value"),
    ] {
        let violation = violation(read(&own, json).unwrap_err());
        assert_eq!((&*violation.field, &*violation.reason), (field, reason), "{json}");
    }
}

/// Values that their field cannot hold.
const MISFITS: &[(&str, &[&str])] = &[
    (
        "i64",
        &[
            "1.5",
            "\"0x10\"",
            "1e400",
            "9223372036854775808",
            "9007199254740993.0",
            "9223372036854775807.0",
            "9007199254740991.4",
            "1e16",
            "\"1e3\"",
            "\"1.0\"",
            "\" 1\"",
            "\"1 \"",
            "\"\"",
            "\"+1\"",
            "\"01\"",
            "\"-\"",
            "true",
            "[]",
            "{}",
            "1e-1",
        ],
    ),
    (
        "i32",
        &[
            "2147483648",
            "-2147483649",
            "1.1",
            "\"2147483648\"",
            "\"1.5\"",
            "\"1e10\"",
            "\"1e\"",
            "\"1.\"",
            "\".5e1\"",
            "\"+1e5\"",
            "\"01e5\"",
            "\" 1e5\"",
            "\"1e99999999999\"",
            "false",
        ],
    ),
    ("u32", &["-1", "4294967296"]),
    ("u64", &["-1", "18446744073709551616", "\"-1\""]),
    ("s32", &["2147483648"]),
    ("f32", &["-1"]),
    ("sf32", &["2147483648"]),
    ("single", &["1e39", "\"1e39\"", "\"nan\"", "true", "\"\""]),
    ("real", &["\"0x1\"", "\"inf\"", "\" 1\"", "\".5\"", "\"1.\""]),
    ("yes", &["1", "\"true\"", "0", "[]"]),
    ("userName", &["1", "true", "[]", "{}"]),
    ("blob", &["\"*\"", "\"A\"", "\"+_8=\"", "1"]),
    ("color", &["\"red\"", "\"NOPE\"", "1.5", "true", "3000000000", "\"\""]),
    ("child", &["1", "\"x\"", "[]"]),
    ("tags", &["\"x\"", "{}"]),
    ("counts", &["[]", "1"]),
    (
        "at",
        &[
            "\"2026-02-30T00:00:00Z\"",
            "\"2006-01-02T23:59:60Z\"",
            "\"2006-01-02t15:04:05Z\"",
            "\"2006-01-02 15:04:05Z\"",
            "\"2006-01-02T15:04:05\"",
            "\"2006-01-02T15:04:05z\"",
            "\"0000-01-01T00:00:00Z\"",
            "\"0001-01-01T00:00:00+00:01\"",
            "\"2006-13-01T00:00:00Z\"",
            "\"2023-02-29T00:00:00Z\"",
            "\"2006-01-02T24:00:00Z\"",
            "\"2006-01-02T15:04:05.Z\"",
            "\"2006-01-02T15:04:05.1234567890Z\"",
            "\"2006-01-02T15:04:05+24:00\"",
            "\"\"",
            "0",
        ],
    ),
    (
        "span",
        &["\"1\"", "\"1.s\"", "\"s\"", "\"315576000001s\"", "\"+1s\"", "\"1.0000000001s\"", "1"],
    ),
    ("mask", &["\"user_name\"", "\"a,,b\"", "\",\"", "\"a b\"", "[]"]),
    ("wide", &["\"x\"", "{}"]),
    ("empty", &["1"]),
    ("list", &["{}"]),
    ("free", &["[]"]),
];

#[test]
fn values_outside_their_type_are_refused_with_their_field() {
    let own = thing();
    for (field, values) in MISFITS {
        for value in *values {
            let json = format!("{{\"{field}\":{value}}}");
            let violation = violation(read(&own, &json).expect_err(&json));
            assert_eq!(violation.field, *field, "{json}: {violation:?}");
        }
    }
}

#[test]
fn what_is_no_json_is_refused() {
    let own = thing();

    for json in [
        "{} x",
        "{}{}",
        "{",
        "[]",
        "null",
        "1",
        "\"x\"",
        "{\"i32\":1,}",
        "{i32:1}",
        "{'i32':1}",
        "// c\n{}",
        "{\"real\":NaN}",
        "{\"real\":Infinity}",
        "{\"i32\":01}",
        "{\"i32\":+1}",
        "{\"userName\":\"\\ud800\"}",
        "{\"userName\":\"\\udc00x\"}",
        "{\"userName\":\"a\nb\"}",
        "\u{feff}{}",
        "{\"real\":1e400}",
        "   ",
    ] {
        assert!(read(&own, json).is_err(), "{json:?}");
    }

    let broken = b"{\"userName\":\"\xff\"}";
    assert!(own.request(&[], None, JSON, broken).is_err());
}

#[test]
fn a_hundred_levels_are_read_and_one_more_is_refused() {
    let own = thing();
    let nested = |levels: usize| {
        format!("{}{}{}", "{\"child\":".repeat(levels - 1), "{}", "}".repeat(levels - 1))
    };
    assert!(read(&own, &nested(100)).is_ok());
    let error = violation(read(&own, &nested(101)).unwrap_err());
    assert_eq!(error.reason, "too_deep");
    let free =
        |levels: usize| format!("{{\"value\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
    assert!(read(&own, &free(99)).is_ok());
    assert!(read(&own, &free(100)).is_err());
    assert!(read(&own, &"[".repeat(100_000)).is_err());
}

#[test]
fn a_value_that_was_nested_as_deeply_as_a_request_may_be_is_written_in_an_answer() {
    let own = thing();
    let list = format!("{{\"value\":{}{}}}", "[".repeat(99), "]".repeat(99));
    let object = format!("{{\"value\":{}1{}}}", "{\"a\":".repeat(99), "}".repeat(99));
    for json in [list, object] {
        let message = read(&own, &json).unwrap();
        let written = own.response(&message).map(|written| written.body);
        assert_eq!(written.as_deref(), Ok(json.as_bytes()));
    }
}

#[test]
fn an_answer_that_is_nested_without_end_is_refused() {
    let own = thing();
    let nest = |number: u8, inner: &[u8]| -> Vec<u8> {
        let mut message = vec![0; 0];
        let mut put = |mut value: usize| {
            while value > 127 {
                message.push(u8::try_from(value & 127).unwrap() | 128);
                value >>= 7;
            }
            message.push(u8::try_from(value).unwrap());
        };
        put(usize::from(number) << 3 | 2);
        put(inner.len());
        message.extend_from_slice(inner);
        message
    };

    // A Thing within itself; a Value that is a list of one Value.
    let child = (0..101).fold(Vec::new(), |inner, _| nest(17, &inner));
    let lists = (0..101).fold(vec![8, 0], |inner, _| nest(6, &nest(1, &inner)));
    for message in [child, nest(33, &lists)] {
        assert!(matches!(own.response(&message), Err(Error::UpstreamInvalid { .. })));
    }
}

#[test]
fn an_any_needs_a_type_that_is_known() {
    let own = thing();
    let prefix = "type.googleapis.com/";

    for any in [
        r#"{"i32":1}"#.to_owned(),
        format!(r#"{{"@type":"{prefix}nope.Nope"}}"#),
        r#"{"@type":"sample.v1.Thing"}"#.to_owned(),
        format!(r#"{{"@type":"{prefix}sample.v1.Thing","nope":1}}"#),
        format!(r#"{{"@type":"{prefix}sample.v1.Thing","@type":"{prefix}sample.v1.Thing"}}"#),
        format!(r#"{{"@type":"{prefix}google.protobuf.Duration"}}"#),
        format!(r#"{{"@type":"{prefix}google.protobuf.Duration","value":"1s","x":1}}"#),
        format!(r#"{{"@type":"{prefix}sample.v1.Thing","i32":1,"i32":1}}"#),
        "1".to_owned(),
    ] {
        assert!(read(&own, &format!("{{\"any\":{any}}}")).is_err(), "{any}");
    }

    let mut nested = "{}".to_owned();

    for _ in 0..8 {
        nested = format!(r#"{{"@type":"{prefix}sample.v1.Thing","any":{nested}}}"#);
    }

    assert!(read(&own, &format!("{{\"any\":{nested}}}")).is_err());
}

#[test]
fn a_response_that_is_no_message_is_the_upstreams_fault() {
    let own = thing();
    for bytes in [
        &b"\x0a\x05ab"[..],                                              // a cut string
        b"\x0a\x01\xff", // a string that is not UTF-8
        b"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", // too long a varint
        b"\x0f\x01",     // an unknown wire type
        b"\x08\x01",     // a string as a varint
        b"\x00\x00",     // field number 0
        b"\xe2\x01\x0c\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x10\x00", // a timestamp out of range
    ] {
        let error = own.response(bytes).unwrap_err();
        assert!(matches!(error, Error::UpstreamInvalid { .. }), "{bytes:?}: {error:?}");
    }
}

#[test]
fn responses_merge_split_messages_and_keep_the_last_of_a_oneof() {
    let own = thing();
    // child {i32: 1}, child {i64: 2}; left "a", right 5; an unknown field; i64 before user_name.
    let bytes = [
        &b"\x18\x01"[..],
        b"\x0a\x01x",
        b"\x8a\x01\x02\x10\x01",
        b"\x8a\x01\x02\x18\x02",
        b"\xca\x01\x01a",
        b"\xd0\x01\x05",
        b"\xf8\x3f\x01",
    ]
    .concat();
    let content = own.response(&bytes).unwrap();
    let expected = r#"{"userName":"x","i64":"1","child":{"i32":1,"i64":"2"},"right":"5"}"#;
    assert_eq!(content.body, expected.as_bytes());
    // Unpacked elements of a packed list.
    let content = own.response(b"\x90\x01\x01\x90\x01\x02").unwrap();
    assert_eq!(&*content.body, br#"{"longs":["1","2"]}"#);
}

#[test]
fn varints_past_32_bits_are_cut_before_their_sign_is_read() {
    let own = thing();
    for (varint, expected) in [
        // 2^32 + 1, 2^32 + 2, 2^64 - 1, and 2^32 - 2.
        (&b"\x81\x80\x80\x80\x10"[..], r#"{"s32":-1}"#),
        (b"\x82\x80\x80\x80\x10", r#"{"s32":1}"#),
        (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", r#"{"s32":-2147483648}"#),
        (b"\xfe\xff\xff\xff\x0f", r#"{"s32":2147483647}"#),
    ] {
        let body = own.response(&[b"\x30", varint].concat()).unwrap().body;
        assert_eq!(body, expected.as_bytes(), "{varint:?}");
    }
}

#[test]
fn a_varint_of_more_than_64_bits_is_refused_and_not_cut() {
    let own = thing();
    let largest = b"\x28\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
    let written = own.response(largest).unwrap().body;
    assert_eq!(written, br#"{"u64":"18446744073709551615"}"#[..]);
    for last in [2, 0x40, 0x7f] {
        let larger = [&largest[..10], &[last]].concat();
        let refused = own.response(&larger);
        assert!(matches!(refused, Err(Error::UpstreamInvalid { .. })), "{last}: {refused:?}");
    }
}

#[test]
fn a_packed_list_of_no_elements_is_written_like_none() {
    let own = thing();
    for bytes in [&b"\x92\x01\x00"[..], b"\x92\x01\x00\x92\x01\x00"] {
        assert_eq!(own.response(bytes).unwrap().body, b"{}"[..], "{bytes:?}");
    }
    let written = own.response(b"\x92\x01\x00\x92\x01\x01\x05").unwrap().body;
    assert_eq!(written, br#"{"longs":["5"]}"#[..]);
    // Text of no characters is an element.
    assert_eq!(own.response(b"\x9a\x01\x00").unwrap().body, br#"{"tags":[""]}"#[..]);
}

#[test]
fn defaults_are_written_when_asked_for() {
    let descriptors = descriptors();
    let own = transcoder(&descriptors, "Replace", 0);
    assert_eq!(&*own.response(b"").unwrap().body, b"[]");
    let own = transcoder(&descriptors, "Get", 0).emit_defaults(true);
    let body = own.response(b"").unwrap().body;
    let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(json["i64"], "0");
    assert_eq!(json["color"], "COLOR_UNSPECIFIED");
    assert_eq!(json["longs"], serde_json::json!([]));
    assert_eq!(json["counts"], serde_json::json!({}));
    for absent in ["child", "maybe", "left", "at", "wide"] {
        assert!(json.get(absent).is_none(), "{absent} has presence");
    }
}

proptest! {
    #[test]
    fn json_to_message_to_json_is_a_fixpoint(
        name in ".{0,12}", wide in any::<i64>(), plain in any::<u64>(), real in any::<f64>(),
        single in any::<f32>(), blob in proptest::collection::vec(any::<u8>(), 0..12),
        seconds in -62_135_596_800i64..253_402_300_799, tags in proptest::collection::vec(".{0,4}", 0..4),
    ) {
        use base64::Engine as _;
        let at = time_text(seconds);
        let json = serde_json::json!({
            "userName": name, "i64": wide.to_string(), "u64": plain, "s64": wide,
            "real": if real.is_finite() { serde_json::json!(real) } else { serde_json::json!("NaN") },
            "single": if single.is_finite() { serde_json::json!(single) } else { serde_json::json!("Infinity") },
            "blob": base64::engine::general_purpose::STANDARD.encode(blob),
            "at": at, "tags": tags, "free": {"x": name, "y": [real.is_finite(), null]},
        });

        let own = thing();
        let once = through(&own, &json.to_string());
        let twice = through(&own, &once);
        prop_assert_eq!(&once, &twice);
        let back: serde_json::Value = serde_json::from_str(&once).unwrap();

        if wide != 0 {
            prop_assert_eq!(back["i64"].as_str().unwrap(), wide.to_string());
        }

        if !name.is_empty() {
            prop_assert_eq!(back["userName"].as_str().unwrap(), name);
        }

        if real.is_finite() && real != 0.0 {
            // Not through the foreign reader's own numbers, which may be off by one bit.
            let text = once.split_once("\"real\":").unwrap().1;
            let text = &text[..text.find([',', '}']).unwrap()];
            prop_assert_eq!(text.parse::<f64>().unwrap(), real);
        }

        if seconds != 0 {
            prop_assert_eq!(back["at"].as_str().unwrap(), at);
        }
    }

    #[test]
    fn reading_never_panics(json in "[\\[\\]{}:,\"a-z0-9.eE@+ \\\\-]{0,40}") {
        let _ = read(&thing(), &json);
    }

    #[test]
    fn writing_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(content) = thing().response(&bytes) {
            prop_assert!(serde_json::from_slice::<serde_json::Value>(&content.body).is_ok());
        }
    }
}

/// By another implementation than the one under test.
fn time_text(seconds: i64) -> String {
    let at = time::OffsetDateTime::from_unix_timestamp(seconds).unwrap();
    at.format(&time::format_description::well_known::Rfc3339).unwrap()
}
