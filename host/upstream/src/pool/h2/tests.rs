//! A peer that goes without a word: its pings, made short, find it.

use std::sync::atomic::AtomicUsize;

use http::{Request, Response};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::caller::CallerKey;
use crate::connect::Target;
use crate::pool::ProtocolPool as AnyPool;
use crate::settings::{UpstreamSettings, WireProtocol};

fn endpoint(address: SocketAddr) -> Arc<Endpoint> {
    let settings = UpstreamSettings {
        name: "service".into(),
        protocol: WireProtocol::Grpc,
        endpoints: Vec::new(),
        tls: None,
        connect_timeout: Duration::from_secs(5),
        idle_timeout: Duration::from_secs(60),
        connections_max: 1,
        websockets_max: 1,
    };
    let target = Target::parse(&format!("http://{address}").parse().unwrap()).unwrap();
    let mut endpoint = Endpoint::new(&settings, target, None).unwrap();
    let mut pool = Http2Pool::new(1);
    pool.pings = Pings { interval: Duration::from_millis(20), timeout: Duration::from_millis(60) };
    endpoint.pool = AnyPool::Http2(pool);
    Arc::new(endpoint)
}

fn attempt() -> Attempt {
    let mut request = Request::new(OutboundBody::Empty);
    *request.uri_mut() = "http://service/".parse().unwrap();
    Attempt {
        request: Box::new(request),
        fresh: false,
        caller: CallerKey::GATEWAY,
        is_handshake: false,
    }
}

/// Takes a connection's first call and then neither reads nor writes; answers on later ones.
async fn serve(stream: TcpStream, number: usize) {
    let mut connection = h2::server::handshake(stream).await.unwrap();
    while let Some(Ok((_, mut respond))) = connection.accept().await {
        if number == 0 {
            std::future::pending::<()>().await;
        }
        respond.send_response(Response::new(()), true).unwrap();
    }
}

#[tokio::test]
async fn a_peer_that_falls_silent_is_given_up_and_a_new_connection_made() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = endpoint(listener.local_addr().unwrap());
    let accepted = Arc::new(AtomicUsize::new(0));
    let count = accepted.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(serve(stream, count.fetch_add(1, Ordering::SeqCst)));
        }
    });
    // Without pings this would wait for ever.
    let Err(AttemptFailure::Lost { cause, .. }) = endpoint.attempt(attempt()).await else {
        panic!("a silent peer cannot have answered");
    };
    assert!(cause.contains("timed out"), "{cause}");
    let Ok(answer) = endpoint.attempt(attempt()).await else { panic!("no new connection") };
    assert_eq!(answer.response.status(), 200);
    assert_eq!(accepted.load(Ordering::SeqCst), 2);
}
