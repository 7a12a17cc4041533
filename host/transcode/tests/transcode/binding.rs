//! Bindings: what the descriptors say, and what path, query and body become.

use crate::support::{SHOP, descriptors, transcoder, violation};
use tollgate_chain::{Error as Refusal, Methods};
use tollgate_transcode::{Body, Descriptors, Transcoder};

type Pairs<'a> = &'a [(&'a str, &'a str)];

fn variables(pairs: Pairs<'_>) -> Vec<(Box<str>, String)> {
    pairs.iter().map(|(name, value)| ((*name).into(), (*value).to_owned())).collect()
}

/// The request as the canonical JSON of its message.
fn shown(
    descriptors: &Descriptors,
    message: &str,
    own: &Transcoder,
    path: Pairs<'_>,
    query: Option<&str>,
    body: &str,
) -> Result<serde_json::Value, Refusal> {
    let media = (!body.is_empty()).then_some("application/json; charset=UTF-8");
    let bytes = own.request(&variables(path), query, media, body.as_bytes())?;
    let pool = pool(descriptors);
    let message = pool.get_message_by_name(message).unwrap();
    let dynamic = prost_reflect::DynamicMessage::decode(message, bytes).unwrap();
    Ok(serde_json::to_value(dynamic).unwrap())
}

/// The same descriptors for the foreign reader.
fn pool(_: &Descriptors) -> prost_reflect::DescriptorPool {
    let folder = format!("{}/tests/proto", env!("CARGO_MANIFEST_DIR"));
    let own = format!("{}/proto", env!("CARGO_MANIFEST_DIR"));
    let set = protox::compile(["sample.proto"], [folder, own]).unwrap();
    prost_reflect::DescriptorPool::from_file_descriptor_set(set).unwrap()
}

#[test]
fn bindings_are_read_with_the_additional_ones() {
    let descriptors = descriptors();
    let get = descriptors.bindings(SHOP, "Get").unwrap();
    let shown: Vec<_> =
        get.iter().map(|own| (own.methods.clone(), own.template.as_str(), &own.body)).collect();
    let read = Methods::These(vec![http::Method::GET]);
    assert_eq!(
        shown,
        [
            (read.clone(), "/v1/{name=shelves/*/things/*}", &Body::None),
            (read, "/v1/things/{id}", &Body::None),
            (Methods::Any, "/v1/any/{id}", &Body::None),
        ]
    );
    let replace = &descriptors.bindings(SHOP, "Replace").unwrap()[0];
    assert_eq!(replace.body, Body::Field("thing".into()));
    assert_eq!(replace.response_body.as_deref(), Some("things"));
    assert!(descriptors.bindings(SHOP, "Plain").unwrap().is_empty());
    assert!(descriptors.methods().any(|(service, method)| service == SHOP && method == "Get"));
}

#[test]
fn an_encoded_set_gives_the_same_bindings() {
    let includes =
        ["tests/proto", "proto"].map(|own| format!("{}/{own}", env!("CARGO_MANIFEST_DIR")));
    let mut compiler = protox::Compiler::new(includes).unwrap();
    // The typed form of a set has no room for extensions such as google.api.http.
    let set = compiler.include_imports(true).open_file("sample.proto").unwrap();
    let descriptors = Descriptors::from_set(&set.encode_file_descriptor_set()).unwrap();
    assert_eq!(descriptors.bindings(SHOP, "Get").unwrap().len(), 3);
    assert!(Descriptors::from_set(b"\xff\xff").is_err());
}

#[test]
fn what_cannot_be_bound_is_refused_at_load() {
    let descriptors = descriptors();

    for (method, text) in [
        ("Collect", "stream"),
        ("NoField", "`nothing` to the path"),
        ("RepeatedInPath", "`tags` to the path"),
        ("MessageInPath", "`thing` to the path"),
        ("NoBodyField", "`nothing` to the body"),
        ("BadTemplate", "google.api.http of sample.v1.Shop.BadTemplate"),
        ("NoPattern", "expected a method and a path"),
        ("Nested", "additional bindings of one level"),
        ("Nowhere", "no method sample.v1.Shop/Nowhere"),
    ] {
        let error = descriptors
            .bindings(SHOP, method)
            .and_then(|own| Transcoder::new(&descriptors, SHOP, method, &own[0]))
            .expect_err(method);
        assert!(error.to_string().contains(text), "{method}: {error}");
    }

    let missing = Descriptors::compile(&["nope.proto".into()], &[]).unwrap_err();
    assert_eq!(missing.to_string(), "compile nope.proto");
}

#[test]
fn a_method_that_answers_with_a_stream_says_so() {
    let descriptors = descriptors();
    for (method, expected) in [("Watch", true), ("Get", false)] {
        let bindings = descriptors.bindings(SHOP, method).unwrap();
        let transcoder = Transcoder::new(&descriptors, SHOP, method, &bindings[0]).unwrap();
        assert_eq!(transcoder.is_streaming(), expected, "{method}");
    }
}

#[test]
fn path_and_query_fill_the_message() {
    let descriptors = descriptors();
    let own = transcoder(&descriptors, "Get", 1);
    let shown = |query: &str| {
        shown(&descriptors, "sample.v1.GetRequest", &own, &[("id", "7")], Some(query), "").unwrap()
    };
    assert_eq!(shown(""), serde_json::json!({"id": "7"}));
    assert_eq!(
        shown("name=a+b%2B&tags=x&tags=y&deep=true&color=RED&numbers=1&numbers=-2&left=l"),
        serde_json::json!({"id": "7", "name": "a b+", "tags": ["x", "y"], "deep": true,
            "color": "RED", "numbers": [1, -2], "left": "l"})
    );

    assert_eq!(
        shown("filter.owner_name=o&filter.limit=0&filter.inner.inner.ownerName=deep"),
        serde_json::json!({"id": "7", "filter": {"ownerName": "o", "limit": 0,
            "inner": {"inner": {"ownerName": "deep"}}}})
    );

    assert_eq!(
        shown("updateMask=userName,child.i64&since=2024-01-01T00:00:00Z&ratio=1e3&token=AQI&&"),
        serde_json::json!({"id": "7", "updateMask": "userName,child.i64",
            "since": "2024-01-01T00:00:00Z", "ratio": 1000.0, "token": "AQI="})
    );
}

#[test]
fn a_query_that_does_not_fit_is_refused_by_name() {
    let descriptors = descriptors();
    let own = transcoder(&descriptors, "Get", 1);

    for (query, field, reason) in [
        ("nope=1", "nope", "unknown_parameter"),
        ("filter.nope=1", "filter.nope", "unknown_parameter"),
        ("name.x=1", "name.x", "unknown_parameter"),
        ("%24alt=json", "$alt", "unknown_parameter"),
        ("=1", "", "unknown_parameter"),
        ("name=a&name=b", "name", "duplicate"),
        ("updateMask=a&update_mask=b", "update_mask", "duplicate"),
        ("filter.limit=1&filter.limit=1", "filter.limit", "duplicate"),
        ("id=8", "id", "conflict"),
        ("left=a&right=b", "right", "oneof"),
        ("filter=x", "filter", "not_primitive"),
        ("labels=x", "labels", "not_primitive"),
        ("deep=1", "deep", "invalid_value"),
        ("numbers=1.0", "numbers", "invalid_value"),
        ("color=red", "color", "invalid_value"),
        ("name=%ff", "name", "invalid_encoding"),
        ("name=%zz", "name", "invalid_encoding"),
        ("name=a%", "name", "invalid_encoding"),
        ("name=a%2", "name", "invalid_encoding"),
        ("name=%+1", "name", "invalid_encoding"),
        ("na%6=x", "na%6", "invalid_encoding"),
    ] {
        let refused = own.request(&variables(&[("id", "7")]), Some(query), None, b"");
        let violation = violation(refused.expect_err(query));
        assert_eq!((&*violation.field, &*violation.reason), (field, reason), "{query}");
    }

    let refused = own.request(&variables(&[("id", "7")]), Some("color=red"), None, b"");
    let description = violation(refused.unwrap_err()).description;
    assert!(
        description.contains("RED") && description.starts_with("expected one of"),
        "{description}"
    );
    assert!(!description.contains("integer"), "{description}");

    let many = "tags=x&".repeat(257);
    let refused = own.request(&variables(&[("id", "7")]), Some(&many), None, b"").unwrap_err();

    assert_eq!(violation(refused).reason, "too_many");
}

#[test]
fn a_path_value_that_does_not_fit_is_refused() {
    let own = transcoder(&descriptors(), "Get", 1);
    let refused = own.request(&variables(&[("id", "x")]), None, None, b"").unwrap_err();
    assert_eq!(violation(refused).field, "id");
    let refused = own.request(&[], None, None, b"").unwrap_err();
    assert!(matches!(refused, Refusal::Internal { .. }));
}

#[test]
fn a_whole_body_leaves_no_query_and_must_not_contradict_the_path() {
    let descriptors = descriptors();
    let own = transcoder(&descriptors, "Cancel", 0);
    let call = |query, body: &str| {
        shown(&descriptors, "sample.v1.GetRequest", &own, &[("id", "7")], query, body)
    };
    assert_eq!(call(None, r#"{"name":"x"}"#).unwrap(), serde_json::json!({"id": "7", "name": "x"}));
    assert_eq!(call(None, "").unwrap(), serde_json::json!({"id": "7"}));
    assert_eq!(call(None, r#"{"id":7}"#).unwrap(), serde_json::json!({"id": "7"}));
    assert_eq!(violation(call(None, r#"{"id":8}"#).unwrap_err()).reason, "conflict");
    assert_eq!(violation(call(Some("name=x"), "").unwrap_err()).field, "name");
    assert!(call(Some(""), "").is_ok());
}

#[test]
fn a_body_field_takes_the_body_and_the_rest_goes_to_path_and_query() {
    let descriptors = descriptors();
    let own = transcoder(&descriptors, "Replace", 0);
    let path: Pairs<'_> = &[("thing.user_name", "users/1"), ("region", "eu")];
    let call =
        |query, body: &str| shown(&descriptors, "sample.v1.UpdateRequest", &own, path, query, body);
    assert_eq!(
        call(Some("dryRun=true"), r#"{"i32":5,"userName":"users/1"}"#).unwrap(),
        serde_json::json!({"thing": {"userName": "users/1", "i32": 5}, "region": "eu", "dryRun": true})
    );

    assert_eq!(
        call(None, "").unwrap(),
        serde_json::json!({"thing": {"userName": "users/1"}, "region": "eu"})
    );
    let refused = violation(call(None, r#"{"userName":"users/2"}"#).unwrap_err());
    assert_eq!((&*refused.field, &*refused.reason), ("thing.userName", "conflict"));
    let refused = violation(call(Some("thing.i32=1"), "{}").unwrap_err());
    assert_eq!((&*refused.field, &*refused.reason), ("thing.i32", "conflict"));
    let refused = violation(call(None, r#"{"child":{"i32":"x"}}"#).unwrap_err());

    assert_eq!(refused.field, "thing.child.i32");
}

#[test]
fn only_json_is_read_and_only_where_a_body_belongs() {
    let descriptors = descriptors();
    let own = transcoder(&descriptors, "Create", 0);

    for media in [
        "application/json",
        "Application/JSON",
        "application/json;charset=\"utf-8\"",
        "application/json ; charset=utf-8",
        "application/json;\tcharset=utf-8",
    ] {
        assert!(own.request(&[], None, Some(media), b"{}").is_ok(), "{media}");
    }

    for media in [
        None,
        Some("text/plain"),
        Some("application/json; charset=latin1"),
        Some("application/json; x=y"),
        Some("application/jsonx"),
        Some("application/x-www-form-urlencoded"),
    ] {
        let refused = own.request(&[], None, media, b"{}").unwrap_err();
        assert_eq!(refused, Refusal::UnsupportedMediaType { accept: "application/json" });
    }

    let get = transcoder(&descriptors, "Get", 1);
    let refused = get.request(&variables(&[("id", "1")]), None, Some("application/json"), b"{}");

    assert!(matches!(refused, Err(Refusal::InvalidArgument { .. })));
}

#[test]
fn raw_bodies_pass_both_ways_with_their_type() {
    let descriptors = descriptors();
    let own = transcoder(&descriptors, "Upload", 0);
    let message = own.request(&[], None, Some("image/png"), b"\x89PNG").unwrap();
    let content = own.response(&message).unwrap();
    assert_eq!((&*content.content_type, &*content.body), ("image/png", &b"\x89PNG"[..]));
    let own = transcoder(&descriptors, "Attach", 0);
    let path = variables(&[("id", "f")]);
    let message = own.request(&path, Some("note=n"), Some("text/csv"), b"a,b").unwrap();
    assert_eq!(&*message, b"\x12\x0f\x0a\x08text/csv\x12\x03a,b\x0a\x01f\x1a\x01n");
    let content = own.response(b"\x3a\x05\x12\x03raw").unwrap();
    assert_eq!((&*content.content_type, &*content.body), ("application/octet-stream", &b"raw"[..]));
}

#[test]
fn the_framed_request_has_its_prefix() {
    let own = transcoder(&descriptors(), "Create", 0);
    let framed =
        own.request_framed(&[], None, Some("application/json"), br#"{"userName":"ab"}"#).unwrap();
    assert_eq!(&*framed, b"\0\0\0\0\x04\x0a\x02ab");
}

#[test]
fn long_nested_messages_have_right_lengths() {
    let descriptors = descriptors();
    let own = transcoder(&descriptors, "Create", 0);
    let text = "x".repeat(20_000);
    let body = serde_json::json!({"child": {"child": {"userName": text}, "tags": [text, "y"]}});
    let seen = shown(&descriptors, "sample.v1.Thing", &own, &[], None, &body.to_string()).unwrap();
    assert_eq!(seen, body);
}
