//! Requests spread over endpoints, and away from those that are slow or busy.

use std::sync::Arc;

use futures_util::future::join_all;
use tollgate_upstream::{Safety, SendBounds, Upstream, WireProtocol};

use crate::SendBytes as _;
use crate::server::{Gate, Server, get, read, settings, soon, text, until};

#[tokio::test]
async fn every_endpoint_gets_its_share() {
    let mut servers = Vec::new();
    for _ in 0..3 {
        servers.push(Server::start(|_| async { text("hello") }).await);
    }
    let endpoints: Vec<_> = servers.iter().map(Server::endpoint).collect();

    for protocol in [WireProtocol::Http, WireProtocol::Grpc] {
        let upstream = Upstream::new(settings(protocol, &endpoints)).unwrap();
        for _ in 0..30 {
            let ask = || async {
                read(
                    upstream
                        .send_bytes(get("/"), SendBounds::new(soon(), Safety::Once))
                        .await
                        .unwrap(),
                )
                .await
            };
            join_all((0..10).map(|_| ask())).await;
        }
    }

    let shares: Vec<_> = servers.iter().map(|server| server.seen.requests()).collect();
    assert_eq!(shares.iter().sum::<usize>(), 600);
    assert!(shares.iter().all(|share| *share >= 60), "{shares:?}");
}

#[tokio::test]
async fn an_endpoint_that_is_stuck_gets_few_of_the_requests() {
    let gate = Gate::new();
    let stuck = {
        let gate = gate.clone();
        Server::start(move |_| {
            let gate = gate.clone();
            async move {
                gate.pass().await;
                text("hello")
            }
        })
        .await
    };

    let quick = Server::start(|_| async { text("hello") }).await;
    let endpoints = [stuck.endpoint(), quick.endpoint()];
    let upstream = Arc::new(Upstream::new(settings(WireProtocol::Http, &endpoints)).unwrap());
    let mut requests = Vec::new();

    for sent in 1..=100 {
        let upstream = upstream.clone();
        requests.push(tokio::spawn(async move {
            read(
                upstream.send_bytes(get("/"), SendBounds::new(soon(), Safety::Once)).await.unwrap(),
            )
            .await
        }));
        until("it arrives", || stuck.seen.requests() + quick.seen.requests() == sent).await;
    }

    assert!(stuck.seen.requests() <= 10, "{}", stuck.seen.requests());
    gate.open();

    for request in requests {
        assert_eq!(request.await.unwrap(), "hello");
    }
}
