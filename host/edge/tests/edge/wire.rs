//! Bytes over TCP, HTTP/1: what the parser below lets through and the edge must not.

use tokio::io::AsyncWriteExt;

use super::support::{Edge, post, read, read_to_end};

/// A request, its status, and the code of its problem where the edge writes one.
const ODD: &[(&str, u16, &str)] = &[
    ("GET / HTTP/1.1\r\n\r\n", 400, "malformed_request"),
    ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, "malformed_request"),
    ("GET / HTTP/1.1\r\nHost:\r\n\r\n", 400, "malformed_request"),
    ("GET / HTTP/1.1\r\nHost: good@evil\r\n\r\n", 400, "malformed_request"),
    ("GET / HTTP/1.0\r\n\r\n", 400, "malformed_request"),
    ("GET http://evil/x HTTP/1.1\r\n\r\n", 400, "malformed_request"),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        501,
        "coding_unknown",
    ),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        400,
        "malformed_request",
    ),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n",
        400,
        "malformed_request",
    ),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
        "malformed_request",
    ),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        501,
        "coding_unknown",
    ),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n", 400, ""),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", 400, ""),
    ("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 400, ""),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\na", 400, ""),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na", 400, ""),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\na", 400, ""),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", 400, ""),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", 200, ""),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 001\r\n\r\na", 400, "malformed_request"),
    (
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n",
        400,
        "body_incomplete",
    ),
    ("GET / HTTP/1.1\r\nHost: a\r\nx: a\rb\r\n\r\n", 400, ""),
    ("GET / HTTP/1.1\r\nHost: a\r\nx: a\0b\r\n\r\n", 400, ""),
    ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400, ""),
    ("GET / HTTP/1.1\r\nHost: a\r\nx: a\r\n b\r\n\r\n", 400, ""),
    ("GET / HTTP/1.2\r\nHost: a\r\n\r\n", 400, ""),
    ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 400, ""),
    ("GET /a/../b//c/%2e%2e/%2Fd HTTP/1.1\r\nHost: a\r\n\r\n", 400, "path_not_canonical"),
    ("GET /a%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400, "path_not_canonical"),
    ("GET /a%00b HTTP/1.1\r\nHost: a\r\n\r\n", 400, "path_not_canonical"),
    ("GET /\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n", 400, "path_not_canonical"),
    ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400, "malformed_request"),
    ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 204, ""),
    ("get / HTTP/1.1\r\nHost: a\r\n\r\n", 501, "method_unknown"),
    ("BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 501, "method_unknown"),
    ("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405, "method_not_allowed"),
    ("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 405, "method_not_allowed"),
    ("GET / HTTP/1.1\r\nHost: a\r\nExpect: 200-maybe\r\n\r\n", 417, "expectation_failed"),
    ("GET / HTTP/1.1\r\nHost: a\r\nX_Tenant: t\r\n\r\n", 400, "malformed_request"),
    (
        "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: x\r\nConnection: authorization\r\n\r\n",
        400,
        "malformed_request",
    ),
    ("GET / HTTP/1.1\nHost: a\n\n", 200, ""),
    ("GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 421, "misdirected_request"),
    (
        "POST /a.B/C HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc+proto\r\nContent-Length: 0\r\n\r\n",
        505,
        "http_version_not_supported",
    ),
    (
        "POST /a.B/C HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc-web\r\nContent-Length: 0\r\n\r\n",
        200,
        "",
    ),
];

#[tokio::test]
async fn each_odd_request_gets_its_status() {
    let edge = Edge::start();
    for (request, status, code) in ODD {
        asks(&edge, request, *status, code).await;
    }
}

#[tokio::test]
async fn heads_over_their_limits_are_refused() {
    let edge = Edge::start();
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(9000));
    asks(&edge, &long, 414, "target_too_long").await;
    let many: String = (0..70).map(|number| format!("x-{number}: 1\r\n")).collect();
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n");
    asks(&edge, &many, 431, "head_too_large").await;
    for length in [20_000, 450_000] {
        let large = format!("GET / HTTP/1.1\r\nHost: a\r\nx: {}\r\n\r\n", "a".repeat(length));
        asks(&edge, &large, 431, "head_too_large").await;
    }
}

async fn asks(edge: &Edge, request: &str, status: u16, code: &str) {
    let told = edge.ask(request).await;
    let shown: String = request.chars().take(90).collect();
    assert_eq!(told.status, status, "{shown:?}");
    if !code.is_empty() {
        let told = told.json();
        assert_eq!(told["code"], code, "{shown:?}");
        assert_eq!(told["status"], status, "{shown:?}");
    }
}

#[tokio::test]
async fn every_response_carries_its_fields_and_hides_the_server() {
    let edge = Edge::start();
    for request in ["GET /echo HTTP/1.1\r\nHost: a\r\n", "GET //x HTTP/1.1\r\nHost: a\r\n"] {
        let told = edge.ask(format!("{request}X-Request-Id: my-request-1\r\n\r\n")).await;
        assert!(told.has("x-request-id: my-request-1"), "{}", told.head);
        assert!(told.has("x-content-type-options: nosniff"));
        assert!(told.has("cache-control: no-store"));
        assert!(!told.head.to_ascii_lowercase().contains("\r\nserver:"));
        assert!(!told.head.to_ascii_lowercase().contains("strict-transport-security"));
        assert_eq!(told.json()["request_id"], "my-request-1");
    }
    let told = edge.ask("GET /echo HTTP/1.1\r\nHost: a\r\nX-Request-Id: bad id\r\n\r\n").await;
    assert_eq!(told.json()["request_id"].as_str().unwrap().len(), 32);
}

#[tokio::test]
async fn the_authority_in_the_target_wins() {
    let edge = Edge::start();
    let told = edge.ask("GET http://Evil:80/echo?a=b HTTP/1.1\r\nHost: a\r\n\r\n").await.json();
    assert_eq!(
        (&told["authority"], &told["path"], &told["query"]),
        (&"evil".into(), &"/echo".into(), &"a=b".into())
    );
}

#[tokio::test]
async fn a_length_beside_chunked_is_ignored_and_the_connection_closed() {
    let edge = Edge::start();
    let mut stream = edge.connect().await;
    let smuggled = "GET /unread HTTP/1.1\r\nHost: a\r\n\r\n";
    let request = format!(
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n\
         1\r\na\r\n0\r\n\r\n{smuggled}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let told = read(&mut stream).await;
    assert_eq!(told.json()["body"], "a");
    assert!(read_to_end(&mut stream).await.is_empty(), "the second request was not run");
}

#[tokio::test]
async fn trailers_and_forged_fields_do_not_reach_the_handler() {
    let edge = Edge::start();
    let told = edge
        .ask(
            "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\
             X-Forwarded-For: 203.0.113.9\r\nX-Tollgate-Principal-Bin: x\r\nAccept: */*\r\n\r\n\
             1\r\na\r\n0\r\nAuthorization: x\r\n\r\n",
        )
        .await
        .json();
    assert_eq!(told["fields"], serde_json::json!(["via", "accept"]));
    assert_eq!(told["client"], "127.0.0.1");
    assert_eq!(told["body"], "a");
}

#[tokio::test]
async fn no_continue_is_sent_when_the_body_is_not_wanted() {
    let edge = Edge::with(|settings| settings.limits.body_bytes_max = 1000);
    const EXPECT: &str = "Expect: 100-continue\r\n";
    for (path, length, status) in
        [("/refused", 10, 404), ("/echo", 10_485_760, 413), ("/a//b", 10, 400)]
    {
        let told = edge.ask(post(path, EXPECT, length)).await;
        assert_eq!(told.status, status, "{path}");
    }
    let mut stream = edge.connect().await;
    stream.write_all(post("/echo", EXPECT, 2).as_bytes()).await.unwrap();
    assert_eq!(read(&mut stream).await.status, 100);
    stream.write_all(b"ok").await.unwrap();
    assert_eq!(read(&mut stream).await.json()["body"], "ok");
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_and_the_refusal_arrives() {
    let edge = Edge::with(|settings| settings.limits.body_bytes_max = 1000);
    let mut stream = edge.connect().await;
    stream.write_all(post("/echo", "", 300_000).as_bytes()).await.unwrap();
    stream.write_all(&vec![b'a'; 300_000]).await.unwrap();
    let told = read(&mut stream).await;
    assert_eq!(told.status, 413);
    assert!(told.has("connection: close"));

    let chunks: String = (0..100).map(|_| format!("64\r\n{}\r\n", "a".repeat(100))).collect();
    let chunked = format!(
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n"
    );
    assert_eq!(edge.ask(chunked).await.json()["code"], "body_too_large");
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let edge = Edge::start();
    let mut stream = edge.connect().await;
    let requests: String =
        (0..3).map(|n| format!("GET /echo?{n} HTTP/1.1\r\nHost: a\r\n\r\n")).collect();
    stream.write_all(requests.as_bytes()).await.unwrap();
    for number in 0..3 {
        assert_eq!(read(&mut stream).await.json()["query"], number.to_string());
    }
}

#[tokio::test]
async fn head_has_the_fields_of_get_and_no_content() {
    let edge = Edge::start();
    let mut stream = edge.connect().await;
    stream.write_all(b"HEAD //x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
    let answer = String::from_utf8(read_to_end(&mut stream).await).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(answer.contains("content-type: application/problem+json"), "{answer}");
    assert!(answer.contains("content-length: "), "{answer}");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn a_broken_response_closes_the_connection_instead_of_looking_complete() {
    let edge = Edge::start();
    let mut stream = edge.connect().await;
    stream.write_all(b"GET /cut HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let answer = String::from_utf8(read_to_end(&mut stream).await).unwrap();
    assert!(!answer.ends_with("0\r\n\r\n"), "{answer}");
}
