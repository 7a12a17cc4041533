//! Connections that switched protocols: they keep their place, and end with the listener.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::Empty;
use hyper::ext::Protocol;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tollgate_edge::{AccessLog, Drained};

use super::support::{Edge, Lines, PATIENCE, http2_client_of, read, read_to_end};

/// The handshake of RFC 6455 §1.3.
const HANDSHAKE: &str = "GET /tunnel HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n\
                         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

async fn open(edge: &Edge) -> TcpStream {
    let mut stream = edge.connect().await;
    stream.write_all(HANDSHAKE.as_bytes()).await.unwrap();
    let told = read(&mut stream).await;
    assert_eq!(told.status, 101, "{}", told.head);
    for field in [
        "connection: upgrade",
        "upgrade: websocket",
        "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
    ] {
        assert!(told.has(field), "{field}: {}", told.head);
    }
    stream
}

async fn echoes(stream: &mut TcpStream) {
    stream.write_all(b"anything").await.unwrap();
    let mut echo = [0; 8];
    timeout(PATIENCE, stream.read_exact(&mut echo)).await.unwrap().unwrap();
    assert_eq!(&echo, b"anything");
}

fn with_log(change: impl FnOnce(&mut tollgate_edge::ListenerSettings)) -> (Edge, AccessLog, Lines) {
    let lines = Lines::default();
    let log = AccessLog::start(lines.clone(), 16).unwrap();
    let edge = Edge::with(|settings| {
        settings.access_log = Some(log.clone());
        change(settings);
    });
    (edge, log, lines)
}

#[tokio::test]
async fn a_connection_that_switched_protocols_counts_until_its_end() {
    let (edge, log, lines) = with_log(|settings| settings.limits.connections_per_address_max = 1);
    let mut first = open(&edge).await;
    echoes(&mut first).await;
    assert!(read_to_end(&mut edge.connect().await).await.is_empty(), "it has its share");
    echoes(&mut first).await;

    first.shutdown().await.unwrap();
    assert!(read_to_end(&mut first).await.is_empty());
    drop(first);
    let mut attempts = tokio::time::interval(Duration::from_millis(5));
    let admitted = async {
        loop {
            attempts.tick().await;
            let mut stream = edge.connect().await;
            let _ = stream.write_all(HANDSHAKE.as_bytes()).await;
            if stream.read_u8().await.is_ok() {
                return;
            }
        }
    };
    timeout(PATIENCE, admitted).await.expect("the place is given back");

    log.close();
    let record = &lines.all()[0];
    assert_eq!(record["status"], 101, "{record}");
    assert_eq!(record["tunnel_end"], "caller_closed", "{record}");
    assert_eq!((&record["request_bytes"], &record["response_bytes"]), (&16.into(), &16.into()));
    assert_eq!(record["complete"], true, "{record}");
}

#[tokio::test]
async fn tunnels_that_do_not_heed_a_drain_are_cut_off_at_its_end() {
    let (edge, log, lines) =
        with_log(|settings| settings.limits.drain_timeout = Duration::from_millis(300));
    let mut first = open(&edge).await;
    echoes(&mut first).await;
    let (mut client, _driving) = http2_client_of(edge.connect().await).await;
    let ordinary = Request::get("http://a/echo").body(Empty::<Bytes>::new()).unwrap();
    assert_eq!(client.send_request(ordinary).await.unwrap().status(), StatusCode::OK);
    let request = Request::builder()
        .method(Method::CONNECT)
        .uri("http://a/tunnel")
        .header("sec-websocket-version", "13")
        .extension(Protocol::from_static("websocket"))
        .body(Empty::new())
        .unwrap();
    let mut response = client.send_request(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let mut second = TokioIo::new(hyper::upgrade::on(&mut response).await.unwrap());
    second.write_all(b"anything").await.unwrap();
    let mut echo = [0; 8];
    second.read_exact(&mut echo).await.unwrap();

    edge.stop.cancel();
    assert!(read_to_end(&mut first).await.is_empty());
    let _ = timeout(PATIENCE, second.read_to_end(&mut Vec::new())).await.unwrap();
    let drained = timeout(PATIENCE, edge.served).await.unwrap().unwrap();
    assert_eq!(drained, Drained { finished: 0, aborted: 2 });

    log.close();
    let records = lines.all();
    let cut: Vec<_> = records.iter().filter(|record| record["path"] == "/tunnel").collect();
    assert_eq!(cut.len(), 2, "{records:?}");
    for record in cut {
        assert_eq!(record["tunnel_end"], "cut", "{record}");
        assert_eq!(record["complete"], false, "{record}");
    }
}
