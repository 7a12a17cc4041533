//! HTTP/2 with prior knowledge: pseudo-header rules, and floods below the implementation.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use serde_json::Value;
use tokio::io::AsyncWriteExt;

use super::support::{Edge, http2_client, read_to_end};

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
