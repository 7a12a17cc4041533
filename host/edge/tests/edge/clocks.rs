//! Slow and many: every wait and every count of connections is bounded.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::AsyncWriteExt;

use super::support::{Edge, http2_client, post, read, read_to_end};

const SOON: Duration = Duration::from_millis(150);

#[tokio::test]
async fn a_head_that_trickles_is_cut_off_whatever_came_before() {
    let edge = Edge::with(|settings| settings.limits.head_timeout = SOON);

    for before in ["", "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n"] {
        let stream = edge.connect().await;
        let (mut reading, mut writing) = stream.into_split();
        writing.write_all(before.as_bytes()).await.unwrap();
        if !before.is_empty() {
            read(&mut reading).await;
        }
        let begun = Instant::now();
        let trickle = tokio::spawn(async move {
            let mut tick = tokio::time::interval(SOON / 10);
            loop {
                tick.tick().await;
                if writing.write_all(b"G").await.is_err() {
                    break;
                }
            }
        });
        assert!(read_to_end(&mut reading).await.is_empty());
        assert!(begun.elapsed() >= SOON, "not before its time");
        trickle.abort();
    }
}

#[tokio::test]
async fn a_connection_that_rests_too_long_is_closed() {
    let edge = Edge::with(|settings| settings.limits.idle_timeout = SOON);
    let mut stream = edge.connect().await;
    stream.write_all(b"GET /echo HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert_eq!(read(&mut stream).await.status, 200);
    assert!(read_to_end(&mut stream).await.is_empty());
    let (client, driving) = http2_client(edge.connect().await).await;
    driving.await.unwrap();
    drop(client);
}

#[tokio::test]
async fn an_exchange_in_flight_is_not_rest() {
    let edge = Edge::with(|settings| {
        settings.limits.idle_timeout = SOON;
        settings.limits.head_timeout = SOON;
    });
    let mut held = edge.connect().await;
    held.write_all(b"GET /held HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    edge.entered().await;
    let mut resting = edge.connect().await;
    resting.write_all(b"GET /echo HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    read(&mut resting).await;
    assert!(read_to_end(&mut resting).await.is_empty(), "the idle time has passed by now");
    edge.echo.release.add_permits(1);
    assert_eq!(read(&mut held).await.body, "held");
}

#[tokio::test]
async fn an_old_connection_ends_gracefully() {
    let edge = Edge::with(|settings| settings.limits.age_max = SOON);
    let mut stream = edge.connect().await;
    stream.write_all(b"GET /held HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    edge.entered().await;
    let (client, driving) = http2_client(edge.connect().await).await;
    driving.await.unwrap();
    drop(client);
    edge.echo.release.add_permits(1);
    assert_eq!(read(&mut stream).await.body, "held");
}

#[tokio::test]
async fn an_old_connection_of_http_1_is_told_before_it_is_closed() {
    let edge = Edge::with(|settings| settings.limits.age_max = SOON);
    let mut stream = edge.connect().await;
    loop {
        // Whatever its age, a request that is on its way is answered.
        stream.write_all(b"GET /echo HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let told = read(&mut stream).await;
        assert_eq!(told.status, 200);
        if told.has("connection: close") {
            break;
        }
    }
    assert!(read_to_end(&mut stream).await.is_empty());
}

#[tokio::test]
async fn a_slow_body_is_given_up() {
    let edge = Edge::with(|settings| settings.limits.body_timeouts.idle = SOON);
    let mut stream = edge.connect().await;
    stream.write_all(post("/echo", "", 10).as_bytes()).await.unwrap();
    stream.write_all(b"half").await.unwrap();
    let told = read(&mut stream).await;
    assert_eq!((told.status, &told.json()["code"]), (408, &"body_timeout".into()));
    assert!(told.has("connection: close"));
    drop(stream);

    let mut stream = edge.connect().await;
    stream.write_all(post("/echo", "", 10).as_bytes()).await.unwrap();
    stream.write_all(b"half").await.unwrap();
    stream.shutdown().await.unwrap();
    let answer = String::from_utf8(read_to_end(&mut stream).await).unwrap();
    assert!(answer.is_empty() || answer.contains("body_incomplete"), "{answer}");
}

#[tokio::test]
async fn a_peer_that_takes_nothing_is_cut_off() {
    let edge = Edge::with(|settings| {
        settings.limits.stall_timeout = SOON;
        settings.limits.connections_max = 1;
    });
    let mut stuck = edge.connect().await;
    stuck.write_all(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut waiting = edge.connect().await;
    waiting.write_all(b"GET /echo HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert_eq!(read(&mut waiting).await.status, 200, "the only place became free");
}

#[tokio::test]
async fn one_address_gets_its_share_of_connections() {
    let edge = Edge::with(|settings| settings.limits.connections_per_address_max = 2);
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut stream = edge.connect().await;
        stream.write_all(b"GET /echo HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        assert_eq!(read(&mut stream).await.status, 200);
        open.push(stream);
    }
    let mut third = edge.connect().await;
    assert!(read_to_end(&mut third).await.is_empty());
}

#[tokio::test]
async fn at_the_total_accepting_waits_for_a_connection_to_end() {
    let edge = Edge::with(|settings| settings.limits.connections_max = 1);
    let mut first = edge.connect().await;
    first.write_all(b"GET /held HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    edge.entered().await;
    let mut second = edge.connect().await;
    second.write_all(b"GET /echo HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    edge.echo.release.add_permits(1);
    assert_eq!(read(&mut first).await.body, "held");
    drop(first);
    assert_eq!(read(&mut second).await.status, 200);
}

/// A client over HTTP/2 whose streams have this window.
async fn narrow(edge: &Edge, window: u32) -> hyper::client::conn::http2::SendRequest<Full<Bytes>> {
    let io = TokioIo::new(edge.connect().await);
    let mut builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(window);
    let (client, connection) = builder.handshake(io).await.unwrap();
    tokio::spawn(connection);
    client
}

fn get(path: &str) -> Request<Full<Bytes>> {
    Request::get(format!("http://a{path}")).body(Full::default()).unwrap()
}

#[tokio::test]
async fn a_response_that_nobody_takes_is_reset_though_nothing_polls_it() {
    for path in ["/endless", "/echo"] {
        let edge = Edge::with(|settings| settings.limits.stall_timeout = SOON);
        let mut client = narrow(&edge, 0).await;
        let begun = Instant::now();
        let response = client.send_request(get(path)).await.unwrap();
        let ended = response.into_body().collect().await;
        assert!(ended.is_err(), "{path}: an end in place of a reset");
        assert!(begun.elapsed() >= SOON, "{path}: not before its time");
    }
}

#[tokio::test]
async fn a_response_that_waits_for_its_source_is_not_reset() {
    let edge = Edge::with(|settings| settings.limits.stall_timeout = SOON);
    let mut client = narrow(&edge, 65_535).await;
    let held = tokio::spawn(async move { client.send_request(get("/held")).await });
    edge.entered().await;
    let mut other = narrow(&edge, 0).await;
    let cut = other.send_request(get("/echo")).await.unwrap();
    assert!(cut.into_body().collect().await.is_err(), "the stall timeout has passed by now");
    edge.echo.release.add_permits(1);
    assert_eq!(held.await.unwrap().unwrap().status(), 200);
}
