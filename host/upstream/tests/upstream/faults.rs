//! Endpoints that fail are left alone for a while, and taken back when they work.

use tokio::net::TcpListener;
use tollgate_chain::{Error, UpstreamState};
use tollgate_upstream::{Safety, SendBounds, Upstream, WireProtocol};

use crate::SendBytes as _;
use crate::server::{Server, get, read, settings, soon, text, until};

#[tokio::test]
async fn a_service_that_is_down_is_ejected_after_five_failures_and_taken_back_when_it_is_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);

    for protocol in [WireProtocol::Http, WireProtocol::Grpc] {
        let upstream = Upstream::new(settings(protocol, &[format!("http://{address}")])).unwrap();
        let mut failures = Vec::new();
        while upstream.state() == UpstreamState::Ready {
            let outcome =
                upstream.send_bytes(get("/"), SendBounds::new(soon(), Safety::Once)).await;
            failures.push(outcome.unwrap_err());
            assert!(failures.len() <= 5);
        }
        let outcome = upstream.send_bytes(get("/"), SendBounds::new(soon(), Safety::Once)).await;
        match outcome.unwrap_err() {
            Error::UpstreamUnavailable { internal, unsent: true } => {
                assert_eq!(internal, "every endpoint of service is ejected");
            }
            other => panic!("{other:?}"),
        }
        let listener = TcpListener::bind(address).await.unwrap();
        let server = Server::script_on(listener, |seen, stream, _| {
            crate::server::serve(stream, seen, std::sync::Arc::new(|_| async { text("hello") }))
        });
        until("its time is over", || upstream.state() == UpstreamState::Ready).await;
        for _ in 0..3 {
            let answer =
                upstream.send_bytes(get("/"), SendBounds::new(soon(), Safety::Once)).await.unwrap();
            assert_eq!(read(answer).await, "hello");
        }
        drop(upstream);
        until("closed", || server.seen.open.load(std::sync::atomic::Ordering::SeqCst) == 0).await;
    }
}

#[tokio::test]
async fn one_endpoint_that_loses_connections_is_left_alone_while_others_serve() {
    let bad = Server::script(|seen, mut stream, _| async move {
        if crate::server::read_head(&mut stream).await.is_some() {
            seen.request();
        }
    })
    .await;
    let good = Server::start(|_| async { text("hello") }).await;
    let endpoints = [bad.endpoint(), good.endpoint()];
    let upstream = Upstream::new(settings(WireProtocol::Http, &endpoints)).unwrap();
    for _ in 0..100 {
        let answer = upstream
            .send_bytes(get("/"), SendBounds::new(soon(), Safety::Repeatable))
            .await
            .unwrap();
        assert_eq!(read(answer).await, "hello");
    }
    assert!(bad.seen.requests() <= 8, "{}", bad.seen.requests());
    assert_eq!(upstream.state(), UpstreamState::Ready);
}

#[tokio::test]
async fn a_service_alone_is_not_ejected_for_the_connections_it_loses() {
    let server = Server::script(|seen, mut stream, _| async move {
        if crate::server::read_head(&mut stream).await.is_some() {
            seen.request();
        }
    })
    .await;
    let upstream = server.upstream(WireProtocol::Http);
    for _ in 0..10 {
        upstream.send_bytes(get("/"), SendBounds::new(soon(), Safety::Once)).await.unwrap_err();
    }
    assert_eq!(upstream.state(), UpstreamState::Ready);
    assert_eq!(server.seen.requests(), 10);
}
