//! Leaving without dropping anybody.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tollgate_edge::Drained;

use super::frames::{
    ACK, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, HELD, PING, frame, goaway, preface, split,
};
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

/// Reads frames until one of this kind comes, and returns its payload.
async fn next(stream: &mut TcpStream, buffer: &mut Vec<u8>, wanted: u8) -> Vec<u8> {
    loop {
        if let Some((frame, rest)) = split(buffer) {
            let is_wanted = frame.kind == wanted && (wanted != PING || frame.flags & ACK == 0);
            let (payload, rest) = (frame.payload.to_vec(), rest.to_vec());
            *buffer = rest;
            if is_wanted {
                return payload;
            }
            continue;
        }
        let read = timeout(PATIENCE, stream.read_buf(buffer)).await.expect("no such frame comes");
        assert_ne!(read.unwrap(), 0, "the connection ended before");
    }
}

#[tokio::test]
async fn a_caller_over_http2_is_told_first_that_the_end_comes_and_then_where() {
    let edge = Edge::start();
    let mut stream = edge.connect().await;
    let held = frame(HEADERS, END_HEADERS | END_STREAM, 1, HELD);
    stream.write_all(&[preface(), held].concat()).await.unwrap();
    edge.entered().await;

    edge.stop.cancel();
    let mut buffer = Vec::new();
    let first = next(&mut stream, &mut buffer, GOAWAY).await;
    assert_eq!(goaway(&first), (u32::MAX >> 1, 0), "streams on their way are still taken");
    let ping = next(&mut stream, &mut buffer, PING).await;
    stream.write_all(&frame(PING, ACK, 0, &ping)).await.unwrap();
    let second = next(&mut stream, &mut buffer, GOAWAY).await;
    assert_eq!(goaway(&second), (1, 0));

    edge.echo.release.add_permits(1);
    next(&mut stream, &mut buffer, HEADERS).await;
    assert_eq!(next(&mut stream, &mut buffer, DATA).await, b"held");
    assert_eq!(drained(edge).await, Drained { finished: 1, aborted: 0 });
}

#[tokio::test]
async fn a_caller_over_http2_that_answers_no_ping_does_not_hold_up_the_end() {
    let edge = Edge::with(|settings| {
        settings.limits.drain_timeout = Duration::from_millis(500);
    });
    let mut stream = edge.connect().await;
    let held = |number| frame(HEADERS, END_HEADERS | END_STREAM, number, HELD);
    stream.write_all(&[preface(), held(1)].concat()).await.unwrap();
    edge.entered().await;

    edge.stop.cancel();
    next(&mut stream, &mut Vec::new(), GOAWAY).await;
    // The last stream is not named before the PING is answered: further ones may begin.
    for number in [3, 5, 7] {
        stream.write_all(&held(number)).await.unwrap();
    }
    assert_eq!(drained(edge).await, Drained { finished: 0, aborted: 1 });
}
