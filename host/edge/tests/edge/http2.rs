//! HTTP/2 with prior knowledge: pseudo-header rules, and floods below the implementation.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;
use tollgate_edge::TrustedProxies;

use super::support::{Edge, PATIENCE, http2_client, http2_client_of, read_to_end};

async fn json(response: Response<Incoming>) -> Value {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&body).unwrap()
}

async fn ask(
    edge: &Edge,
    uri: &str,
    fields: &[(&'static str, &'static str)],
) -> Response<Incoming> {
    let (mut client, _driving) = http2_client(edge.connect().await).await;
    let mut request = Request::builder().uri(uri);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    client.send_request(request.body(Full::<Bytes>::default()).unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_stream_is_served_with_its_authority() {
    let edge = Edge::start();
    let response =
        ask(&edge, "http://Example.com:80/echo?q", &[("x-padded", " v "), ("te", "trailers")])
            .await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    let told = json(response).await;
    assert_eq!(told["authority"], "example.com");
    assert_eq!(told["fields"], serde_json::json!(["x-padded", "te", "via"]));
}

#[tokio::test]
async fn odd_streams_get_their_status() {
    let edge = Edge::start();
    type Fields = &'static [(&'static str, &'static str)];
    let cases: [(&str, Fields, u16, &str); 6] = [
        ("http://a/", &[("host", "evil")], 400, "malformed_request"),
        ("http://u@a/", &[], 400, "malformed_request"),
        ("http://a/", &[("x_tenant", "t")], 400, "malformed_request"),
        ("http://a/", &[("expect", "200-maybe")], 417, "expectation_failed"),
        ("http://a/a//b", &[], 400, "path_not_canonical"),
        ("http://a/x;y", &[], 400, "path_not_canonical"),
    ];
    for (uri, fields, status, code) in cases {
        let response = ask(&edge, uri, fields).await;
        assert_eq!(response.status(), status, "{uri} {fields:?}");
        assert_eq!(json(response).await["code"], code, "{uri} {fields:?}");
    }
}

#[tokio::test]
async fn many_fields_are_refused_where_the_implementation_counts_bytes_only() {
    let edge = Edge::start();
    let (mut client, _driving) = http2_client(edge.connect().await).await;
    let mut request = Request::builder().uri("http://a/");
    for number in 0..300 {
        request = request.header(format!("x-{number}"), "1");
    }
    let request = request.body(Full::<Bytes>::default()).unwrap();
    let response = client.send_request(request).await.unwrap();
    assert_eq!(response.status(), 431);
    assert!(response.headers().contains_key("x-request-id"));
}

#[tokio::test]
async fn the_cookies_of_one_field_each_are_counted_as_one() {
    let edge = Edge::start();
    let response = ask(&edge, "http://a/echo", &[("cookie", "a=b"); 70]).await;
    assert_eq!(response.status(), 200);
    assert_eq!(json(response).await["fields"][0], "cookie");
}

#[tokio::test]
async fn uploads_that_nobody_reads_leave_room_for_other_streams() {
    const STUCK: u32 = 18;
    let edge = Edge::start();
    let (mut client, _driving) = http2_client(edge.connect().await).await;
    let upload = |path, bytes| {
        let body = Full::new(Bytes::from(vec![b'a'; bytes]));
        Request::post(format!("http://a{path}")).body(body).unwrap()
    };

    let mut stuck = Vec::new();
    for _ in 0..STUCK {
        stuck.push(tokio::spawn(client.send_request(upload("/held", 256 * 1024))));
        edge.entered().await;
    }

    let response = client.send_request(upload("/echo", 3)).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(json(response).await["body"], "aaa");
    edge.echo.release.add_permits(STUCK as usize);
    for stuck in stuck {
        assert_eq!(stuck.await.unwrap().unwrap().status(), 200);
    }
}

/// A body that is withheld.
struct Withheld;

impl http_body::Body for Withheld {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        std::task::Poll::Pending
    }
}

#[tokio::test]
async fn a_caller_that_waits_for_a_continue_over_http_2_is_told_at_once_not_to() {
    let edge = Edge::with(|settings| {
        settings.limits.body_timeouts.floor_after = Duration::from_secs(3600);
        settings.limits.body_timeouts.idle = Duration::from_secs(3600);
        settings.limits.body_timeouts.whole = Duration::from_secs(3600);
    });
    let (mut client, _driving) = http2_client_of(edge.connect().await).await;
    let request = Request::post("http://a/echo").header("expect", "100-continue");
    let answering = client.send_request(request.body(Withheld).unwrap());
    let response = timeout(PATIENCE, answering).await.expect("an answer").unwrap();
    assert_eq!(response.status(), 417);
    assert_eq!(json(response).await["code"], "expectation_failed");
}

#[tokio::test]
async fn a_caller_over_http_2_that_does_not_wait_for_a_continue_is_served() {
    let edge = Edge::start();
    let (mut client, _driving) = http2_client(edge.connect().await).await;
    let request = Request::post("http://a/echo").header("expect", "100-continue");
    let request = request.body(Full::new(Bytes::from_static(b"sent"))).unwrap();
    let response = client.send_request(request).await.unwrap();
    assert_eq!(json(response).await["body"], "sent");
}

#[tokio::test]
async fn https_in_clear_is_refused_unless_a_trusted_proxy_took_the_tls_off() {
    let edge = Edge::start();
    let response = ask(&edge, "https://a/echo", &[]).await;
    assert_eq!(response.status(), 421);
    assert_eq!(json(response).await["code"], "misdirected_request");

    let behind = Edge::with(|settings| {
        settings.trusted_proxies = TrustedProxies::new(["127.0.0.0/8".parse().unwrap()]);
    });
    assert_eq!(ask(&behind, "https://a/echo", &[]).await.status(), 200);
}

#[tokio::test]
async fn a_grpc_caller_is_refused_in_its_own_protocol() {
    let edge = Edge::start();
    let grpc = [("content-type", "application/grpc"), ("te", "trailers")];
    let response = ask(&edge, "http://a/refused", &grpc).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["grpc-status"], "12");
    let response = ask(&edge, "http://a/a//b", &grpc).await;
    assert_eq!(response.headers()["grpc-status"], "3");
}

#[tokio::test]
async fn a_flood_of_control_frames_closes_the_connection() {
    let edge = Edge::start();
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0].to_vec();
    let ping = [&[0, 0, 8, 6, 0, 0, 0, 0, 0][..], &[7; 8]].concat();
    let priority = [&[0, 0, 5, 2, 0, 0, 0, 0, 3][..], &[0, 0, 0, 0, 1]].concat();
    for frame in [settings.clone(), ping, priority] {
        let mut stream = edge.connect().await;
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
        stream.write_all(&settings).await.unwrap();
        // The connection may end while we are still writing: that is what is wanted.
        let _ = stream.write_all(&frame.repeat(100_000)).await;
        read_to_end(&mut stream).await;
    }
    let (mut client, _driving) = http2_client(edge.connect().await).await;
    for _ in 0..300 {
        let request = Request::builder().uri("http://a/echo").body(Full::default()).unwrap();
        let response = client.send_request(request).await.unwrap();
        assert_eq!(json(response).await["path"], "/echo", "others are served");
    }
}
