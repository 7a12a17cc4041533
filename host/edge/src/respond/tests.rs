use std::sync::Arc;

use http::header::{HeaderName, SERVER, SET_COOKIE};
use http_body_util::BodyExt;
use serde_json::Value;
use tollgate_chain::{
    CATALOGUE, Environment, Failure, GrpcCode, GrpcFailure, HeldHandle, Member, Problem,
    ProblemSource, ProblemType, Violation,
};

use super::*;

fn problem(slug: &str) -> Problem {
    Problem {
        slug: slug.into(),
        type_uri: None,
        title: "Title".into(),
        detail: "detail".into(),
        members: vec![],
    }
}

fn grpc(code: u32) -> Error {
    let code = GrpcCode::from(code);
    Error::Grpc(Box::new(GrpcFailure {
        code,
        status: http_of_grpc(code),
        problem: problem("upstream-said-no"),
        violations: vec![],
        retry_after: None,
        internal: Some("secret".to_owned()),
    }))
}

/// Every variant: status, slug and gRPC status.
fn every() -> Vec<(Error, u16, &'static str, u32)> {
    let internal = || "secret".to_owned();
    let detail = || "detail".to_owned();
    let unavailable = |unsent| Error::UpstreamUnavailable { internal: internal(), unsent };
    let reset = |code| Error::UpstreamReset { code, internal: internal() };
    let all = vec![
        (Error::MalformedRequest { detail: detail() }, 400, "malformed-request", 3),
        (Error::PathNotCanonical { detail: "detail" }, 400, "path-not-canonical", 3),
        (Error::LoopDetected, 508, "loop-detected", 13),
        (Error::HeadTooLarge, 431, "head-too-large", 8),
        (Error::TargetTooLong, 414, "target-too-long", 3),
        (Error::ExpectationFailed, 417, "expectation-failed", 3),
        (Error::MethodUnknown, 501, "method-unknown", 12),
        (Error::Misdirected, 421, "misdirected-request", 3),
        (Error::VersionTooLow, 505, "http-version-not-supported", 12),
        (Error::ProtocolUnsupported { detail: "x" }, 501, "protocol-not-supported", 12),
        (Error::WebSocketVersion, 426, "websocket-version-not-supported", 3),
        (Error::CodingUnknown, 501, "coding-unknown", 12),
        (Error::RouteNotFound, 404, "route-not-found", 12),
        (Error::MethodNotAllowed { allow: "GET".into() }, 405, "method-not-allowed", 12),
        (Error::BodyTooLarge { limit: 1 }, 413, "body-too-large", 8),
        (Error::BodyTimeout, 408, "body-timeout", 4),
        (Error::BodyIncomplete, 400, "body-incomplete", 3),
        (Error::UnsupportedMediaType { accept: "a/b" }, 415, "unsupported-media-type", 12),
        (Error::ContentCodingUnsupported, 415, "unsupported-content-coding", 12),
        (Error::NotAcceptable, 406, "not-acceptable", 3),
        (
            Error::InvalidArgument { detail: detail(), violations: vec![] },
            400,
            "invalid-argument",
            3,
        ),
        (
            Error::EnvironmentMismatch { principal: Environment::Sandbox },
            403,
            "environment-mismatch",
            7,
        ),
        (Error::NoUpstream { internal: internal() }, 500, "internal", 13),
        (unavailable(true), 503, "upstream-unavailable", 14),
        (unavailable(false), 502, "upstream-unavailable", 14),
        (Error::UpstreamInvalid { internal: internal() }, 502, "upstream-invalid", 14),
        (reset(GrpcCode::ResourceExhausted), 429, "resource-exhausted", 8),
        (reset(GrpcCode::Cancelled), 499, "cancelled", 1),
        (Error::UpstreamTimeout, 504, "upstream-timeout", 4),
        (grpc(5), 404, "upstream-said-no", 5),
        (
            Error::Plugin { policy: Arc::from("secret"), failure: Failure::Verdict("secret") },
            500,
            "plugin-failure",
            13,
        ),
        (Error::Overloaded, 503, "overloaded", 14),
        (Error::Draining, 503, "draining", 14),
        (Error::Internal { internal: internal() }, 500, "internal", 13),
    ];

    all.iter().for_each(|(error, ..)| listed(error));
    all
}

/// Stops compiling when there is a variant that `every` may lack.
fn listed(error: &Error) {
    match error {
        Error::MalformedRequest { .. }
        | Error::PathNotCanonical { .. }
        | Error::LoopDetected
        | Error::HeadTooLarge
        | Error::TargetTooLong
        | Error::ExpectationFailed
        | Error::MethodUnknown
        | Error::Misdirected
        | Error::VersionTooLow
        | Error::ProtocolUnsupported { .. }
        | Error::WebSocketVersion
        | Error::CodingUnknown
        | Error::RouteNotFound
        | Error::MethodNotAllowed { .. }
        | Error::BodyTooLarge { .. }
        | Error::BodyTimeout
        | Error::BodyIncomplete
        | Error::UnsupportedMediaType { .. }
        | Error::ContentCodingUnsupported
        | Error::NotAcceptable
        | Error::InvalidArgument { .. }
        | Error::EnvironmentMismatch { .. }
        | Error::NoUpstream { .. }
        | Error::UpstreamUnavailable { .. }
        | Error::UpstreamInvalid { .. }
        | Error::UpstreamReset { .. }
        | Error::UpstreamTimeout
        | Error::Grpc(_)
        | Error::Plugin { .. }
        | Error::Overloaded
        | Error::Draining
        | Error::Internal { .. } => {}
    }
}

fn responder() -> Responder {
    Responder::new("https://errors.example/")
}

fn caller(protocol: Protocol) -> Caller<'static> {
    Caller { protocol, request_id: "request-1", instance: "/v1/x", retry_after: None }
}

async fn body(response: Response<ResponseBody>) -> Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}

async fn json(response: Response<ResponseBody>) -> Value {
    serde_json::from_slice(&body(response).await).unwrap()
}

#[tokio::test]
async fn every_error_has_its_status_and_slug_and_keeps_its_secrets() {
    for (error, status, slug, _) in every() {
        let response = responder().problem(&error, &caller(Protocol::Json));
        assert_eq!(response.status().as_u16(), status, "{error:?}");
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
        let ended = response.extensions().get::<Ended>().unwrap();
        assert_eq!(*ended.code, *slug.replace('-', "_"));
        assert_eq!(ended.internal.is_some(), error.internal().is_some());
        let text = body(response).await;
        assert!(!String::from_utf8_lossy(&text).contains("secret"), "{error:?}");
        let value: Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(value["type"], format!("https://errors.example/{slug}"));
        assert_eq!(value["status"], status);
        assert_eq!(value["code"], slug.replace('-', "_"));
        assert_eq!(value["request_id"], "request-1");
        assert_eq!(value["instance"], "/v1/x");
        assert!(value["title"].is_string() && value["detail"].is_string());
    }
}

#[tokio::test]
async fn every_error_has_its_grpc_status() {
    for (error, _, slug, code) in every() {
        for (protocol, media_type) in [
            (Protocol::Grpc, "application/grpc"),
            (Protocol::GrpcWeb, "application/grpc-web+proto"),
            (Protocol::GrpcWebText, "application/grpc-web-text+proto"),
        ] {
            let response = responder().problem(&error, &caller(protocol));
            assert_eq!(response.status(), 200, "{slug}");
            assert_eq!(response.headers()[CONTENT_TYPE], media_type);
            assert_eq!(response.headers()["grpc-status"], code.to_string(), "{slug}");
            assert!(response.headers().contains_key("grpc-message"));
            assert!(body(response).await.is_empty(), "trailers-only");
        }
    }
}

#[test]
fn every_problem_of_the_gateway_and_of_policies_has_the_grpc_status_of_its_http_status() {
    for row in CATALOGUE.iter().filter(|row| !row.sources.contains(&ProblemSource::Service)) {
        assert_eq!(row.grpc, grpc_of_http(row.status), "{}", row.slug);
    }
    for code in GrpcCode::ALL.into_iter().skip(1) {
        assert_eq!(http_of_grpc(code), ProblemType::of_service(code).status);
    }
}

/// Every row that names the gateway is one that an error or a bare status comes to, and no other.
#[test]
fn the_catalogue_names_the_gateway_where_an_error_is_mapped_and_nowhere_else() {
    let errors = every().into_iter().map(|(error, ..)| error);
    let is_of_service =
        |error: &Error| matches!(error, Error::Grpc(_) | Error::UpstreamReset { .. });
    let errors = errors.filter(|error| !is_of_service(error));
    let mapped: Vec<_> = errors.map(|error| view::problem_type(&error)).collect();

    for row in CATALOGUE.iter().filter(|row| **row != ProblemType::REFUSED) {
        let is_named = row.sources.contains(&ProblemSource::Gateway);
        assert_eq!(mapped.contains(&row), is_named, "{} of {:?}", row.slug, row.sources);
    }
}

#[tokio::test]
async fn a_problems_type_can_lead_to_its_section_of_the_reference() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies/problems.md");
    let page = std::fs::read_to_string(page).unwrap();
    let headings: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let responder = Responder::new("https://docs.example/policies/problems.md#");
    for row in CATALOGUE.iter().filter(|row| row.type_uri.is_none()) {
        let content = Content::Problem(row.problem("detail"));
        let reply = Reply { status: row.status, content };
        let value = json(responder.reply(&reply, &caller(Protocol::Json))).await;
        let (_, anchor) = value["type"].as_str().unwrap().split_once('#').unwrap();
        assert!(headings.contains(&anchor), "problems.md has no section {anchor}");
    }
}

#[tokio::test]
async fn connect_callers_get_their_own_json_and_status() {
    let response = responder().problem(&Error::RouteNotFound, &caller(Protocol::Connect));
    assert_eq!(response.status(), 501);
    let value = json(response).await;
    assert_eq!(value["code"], "unimplemented");
    assert_eq!(value["details"][0]["type"], "google.rpc.ErrorInfo");

    let response = responder().problem(&Error::Overloaded, &caller(Protocol::ConnectStreamJson));
    assert_eq!(response.status(), 200);
    let envelope = body(response).await;
    let (flag, length, text) = (envelope[0], &envelope[1..5], &envelope[5..]);
    assert_eq!((flag, length), (2, &u32::try_from(text.len()).unwrap().to_be_bytes()[..]));
    let value: Value = serde_json::from_slice(text).unwrap();
    assert_eq!(value["error"]["code"], "unavailable");
}

#[test]
fn the_codes_of_upstreams_reach_rpc_callers_but_never_as_their_own_401() {
    for (code, expected) in [(1, "1"), (9, "9"), (16, "13"), (17, "2"), (99, "2")] {
        let response = responder().problem(&grpc(code), &caller(Protocol::Grpc));
        assert_eq!(response.headers()["grpc-status"], expected);
    }
    assert_eq!(http_of_grpc(GrpcCode::Unauthenticated), 502);
}

#[test]
fn errors_carry_the_fields_that_belong_to_them() {
    let has = |error: &Error, name: HeaderName| {
        responder()
            .problem(error, &caller(Protocol::Json))
            .headers()
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
    };
    let unavailable = |unsent| Error::UpstreamUnavailable { internal: String::new(), unsent };
    assert_eq!(
        has(&Error::MethodNotAllowed { allow: "GET, PUT".into() }, ALLOW).unwrap(),
        "GET, PUT"
    );
    assert_eq!(has(&Error::UnsupportedMediaType { accept: "a/b" }, ACCEPT_POST).unwrap(), "a/b");
    for error in [Error::Overloaded, Error::Draining, unavailable(true)] {
        assert_eq!(has(&error, RETRY_AFTER).unwrap(), "1");
    }
    assert_eq!(has(&unavailable(false), RETRY_AFTER), None);
}

#[tokio::test]
async fn violations_and_members_become_members_of_the_problem() {
    let violation = Violation {
        field: "amount".to_owned(),
        reason: "out_of_range".to_owned(),
        description: "must be positive".to_owned(),
    };
    let error = Error::InvalidArgument { detail: "wrong".to_owned(), violations: vec![violation] };
    let value = json(responder().problem(&error, &caller(Protocol::Json))).await;
    assert_eq!(value["errors"][0]["field"], "amount");
    assert_eq!(value["errors"][0]["reason"], "out_of_range");

    let problem = Problem {
        type_uri: Some("https://iana.org/assignments/http-problem-types#quota-exceeded".into()),
        members: vec![
            ("violated-policies".into(), Member::Texts(vec!["per-minute".into()])),
            ("status".into(), Member::Number(200)),
        ],
        ..problem("quota-exceeded")
    };
    let reply = Reply { status: 429, content: Content::Problem(problem) };
    let value = json(responder().reply(&reply, &caller(Protocol::Json))).await;
    assert_eq!(value["type"], "https://iana.org/assignments/http-problem-types#quota-exceeded");
    assert_eq!(value["violated-policies"][0], "per-minute");
    assert_eq!(value["status"], 429, "a policy cannot displace the host's members");
}

#[tokio::test]
async fn a_member_that_a_policy_or_a_service_names_twice_is_written_once() {
    let twice = vec![
        ("reason".into(), Member::Text("FIRST".into())),
        ("reason".into(), Member::Text("SECOND".into())),
    ];
    let problem = Problem { members: twice, ..problem("quota-exceeded") };
    let reply = Reply { status: 429, content: Content::Problem(problem) };
    let response = responder().reply(&reply, &caller(Protocol::Json));
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let text = std::str::from_utf8(&body).unwrap();
    assert_eq!(text.matches("\"reason\"").count(), 1, "{text}");
    assert!(text.contains("FIRST"), "{text}");
}

#[test]
fn a_refused_quota_tells_rpc_callers_when_to_come_back() {
    let reply = Reply { status: 429, content: Content::Problem(problem("quota-exceeded")) };
    let caller =
        Caller { retry_after: Some(Duration::from_millis(2500)), ..caller(Protocol::Grpc) };
    let response = responder().reply(&reply, &caller);
    assert_eq!(response.headers()["grpc-status"], "8");
    assert_eq!(response.headers()[RETRY_AFTER], "3");
    let details = response.headers()["grpc-status-details-bin"].to_str().unwrap();
    let details =
        base64::Engine::decode(&base64::engine::general_purpose::STANDARD_NO_PAD, details).unwrap();
    let needle = b"type.googleapis.com/google.rpc.RetryInfo\x12\x04\x0a\x02\x08\x03";
    assert!(details.windows(needle.len()).any(|window| window == needle));
}

#[test]
fn replies_without_content_and_held_ones() {
    let preflight = Reply { status: 204, content: Content::Empty };
    assert_eq!(responder().reply(&preflight, &caller(Protocol::Json)).status(), 204);
    let refusal = Reply { status: 403, content: Content::Empty };
    let response = responder().reply(&refusal, &caller(Protocol::Grpc));
    assert_eq!(response.headers()["grpc-status"], "7");
    let held = Reply { status: 200, content: Content::Held(HeldHandle(0)) };
    assert_eq!(responder().reply(&held, &caller(Protocol::Json)).status(), 500);
}

#[test]
fn the_grpc_message_is_percent_encoded() {
    let error = Error::MalformedRequest { detail: "100% \u{e9}\n".to_owned() };
    let response = responder().problem(&error, &caller(Protocol::Grpc));
    assert_eq!(response.headers()["grpc-message"], "100%25 %C3%A9%0A");
}

#[test]
fn cookies_of_an_upstream_that_may_set_them_stay_and_its_software_is_not_named() {
    let mut response = Response::new(ResponseBody::full("content"));
    response.headers_mut().insert(SERVER, HeaderValue::from_static("leaky/1.0"));
    response.headers_mut().append(SET_COOKIE, HeaderValue::from_static("a=b"));
    response.headers_mut().append(SET_COOKIE, HeaderValue::from_static("c=d"));
    response.extensions_mut().insert(KeepsCookies);
    let stamp = Stamp {
        request_id: RequestId::random().unwrap(),
        secure: true,
        head: false,
        version: Version::HTTP_11,
        last: false,
    };

    for _ in 0..2 {
        responder().finish(&mut response, &stamp);
        assert_eq!(response.headers().get_all(SET_COOKIE).iter().count(), 2);
        assert!(!response.headers().contains_key(SERVER));
    }
}

#[test]
fn a_finished_response_has_what_all_have_and_not_what_none_may() {
    let mut response = Response::new(ResponseBody::full("content"));
    response.headers_mut().insert(SERVER, HeaderValue::from_static("leaky/1.0"));
    response.headers_mut().insert(SET_COOKIE, HeaderValue::from_static("a=b"));
    let request_id = RequestId::random().unwrap();
    let mut stamp = Stamp {
        request_id: request_id.clone(),
        secure: true,
        head: true,
        version: Version::HTTP_2,
        last: false,
    };

    for _ in 0..2 {
        responder().finish(&mut response, &stamp);
        let headers = response.headers();
        assert_eq!(headers["x-request-id"], request_id.as_str());
        assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(headers[CACHE_CONTROL], "no-store");
        assert_eq!(headers[STRICT_TRANSPORT_SECURITY], "max-age=31536000");
        assert_eq!(headers[CONTENT_LENGTH], "7");
        assert!(!headers.contains_key(SERVER) && !headers.contains_key(SET_COOKIE));
        assert!(response.body().is_end_stream(), "HEAD has no content");
    }

    stamp.version = Version::HTTP_11;
    let mut response = responder().problem(&Error::BodyTimeout, &caller(Protocol::Json));
    responder().finish(&mut response, &stamp);
    assert_eq!(response.headers()[CONNECTION], "close");
    let mut response = Response::new(ResponseBody::empty());
    responder().finish(&mut response, &stamp);
    assert!(!response.headers().contains_key(CONNECTION));
    response.extensions_mut().insert(LastOfConnection);
    responder().finish(&mut response, &stamp);
    assert_eq!(response.headers()[CONNECTION], "close", "the handler says so");
    let mut response = Response::new(ResponseBody::empty());
    stamp.last = true;
    responder().finish(&mut response, &stamp);

    assert_eq!(response.headers()[CONNECTION], "close", "the listener drains");
}

#[test]
fn a_content_type_tells_the_protocol() {
    let of = |content_type: &str, connect: bool| {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_str(content_type).unwrap());
        if connect {
            headers.insert("connect-protocol-version", HeaderValue::from_static("1"));
        }
        Protocol::of(&headers)
    };

    for (content_type, connect, protocol) in [
        ("application/json", false, Protocol::Json),
        ("application/json; charset=utf-8", true, Protocol::Connect),
        ("application/proto", false, Protocol::Connect),
        ("application/grpc", false, Protocol::Grpc),
        ("Application/GRPC+proto", false, Protocol::Grpc),
        ("application/grpc; a=b", false, Protocol::Grpc),
        ("application/grpc-web", false, Protocol::GrpcWeb),
        ("application/grpc-web-text+proto", false, Protocol::GrpcWebText),
        ("application/connect+proto", false, Protocol::ConnectStreamProto),
        ("application/connect+json", false, Protocol::ConnectStreamJson),
        ("application/grpcx", false, Protocol::Json),
        ("text/plain", true, Protocol::Json),
    ] {
        assert_eq!(of(content_type, connect), protocol, "{content_type}");
    }

    assert_eq!(Protocol::of(&HeaderMap::new()), Protocol::Json);
}
