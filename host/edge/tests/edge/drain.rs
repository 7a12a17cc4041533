//! Leaving without dropping anybody.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tollgate_edge::Drained;

use super::support::{Edge, PATIENCE, http2_client, read, read_to_end};

async fn drained(edge: Edge) -> Drained {
    timeout(PATIENCE, edge.served).await.expect("a drain has an end").unwrap()
}

#[tokio::test]
async fn exchanges_in_flight_end_and_others_are_not_begun() {
    let edge = Edge::start();
    let mut first = edge.connect().await;
    first.write_all(b"GET /held HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    edge.entered().await;
    let (mut client, _driving) = http2_client(edge.connect().await).await;
    let request = Request::builder().uri("http://a/held").body(Full::<Bytes>::default()).unwrap();
    let second = tokio::spawn(client.send_request(request));
    edge.entered().await;
    let mut idle = edge.connect().await;
    idle.write_all(b"GET /echo HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert_eq!(read(&mut idle).await.status, 200);

    edge.stop.cancel();
    assert!(read_to_end(&mut idle).await.is_empty(), "an idle connection is closed");
    assert!(TcpStream::connect(edge.address).await.is_err(), "nobody new is accepted");
    assert!(!edge.served.is_finished());

    edge.echo.release.add_permits(2);
    let told = read(&mut first).await;
    assert_eq!(told.body, "held");
    assert!(told.has("connection: close"), "{}", told.head);
    let response = second.await.unwrap().unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "held");
    assert_eq!(drained(edge).await, Drained { finished: 3, aborted: 0 });
}

#[tokio::test]
async fn what_does_not_end_by_the_deadline_is_cut_off() {
    let edge = Edge::with(|settings| {
        settings.limits.drain_timeout = Duration::from_millis(100);
    });
    let mut stuck = edge.connect().await;
    stuck.write_all(b"GET /held HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    edge.entered().await;
    edge.stop.cancel();
    assert!(read_to_end(&mut stuck).await.is_empty());
    assert_eq!(drained(edge).await, Drained { finished: 0, aborted: 1 });
}

#[tokio::test]
async fn a_connection_that_never_spoke_does_not_hold_up_the_drain() {
    let edge = Edge::start();
    let mut silent = edge.connect().await;
    let mut known = edge.connect().await;
    known.write_all(b"GET /echo HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert_eq!(read(&mut known).await.status, 200, "the silent one was accepted before");
    edge.stop.cancel();
    assert!(read_to_end(&mut silent).await.is_empty());
    assert_eq!(drained(edge).await, Drained { finished: 2, aborted: 0 });
}
