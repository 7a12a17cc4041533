//! A name that comes to mean another address: new requests go there.

use std::net::SocketAddr;
use std::sync::atomic::AtomicUsize;

use http::{Request, Response};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;

use super::*;
use crate::connect::Target;

/// A server that counts the requests it gets.
async fn server() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let requests = Arc::new(AtomicUsize::new(0));
    let counter = requests.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let counter = counter.clone();
            let service = service_fn(move |_| {
                counter.fetch_add(1, Ordering::SeqCst);
                async { Ok::<_, std::convert::Infallible>(Response::new(OutboundBody::Empty)) }
            });
            tokio::spawn(async move {
                let builder = auto::Builder::new(TokioExecutor::new());
                let _ = builder.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    (address, requests)
}

async fn ask(endpoint: &Arc<Endpoint>) {
    let mut request = Request::new(OutboundBody::Empty);
    *request.uri_mut() = "http://service.example/".parse().unwrap();
    let attempt = Attempt {
        request: Box::new(request),
        fresh: false,
        caller: CallerKey::GATEWAY,
        is_handshake: false,
    };
    let Ok(answer) = endpoint.attempt(attempt).await else { panic!("no answer") };
    answer.lease.give_back(true);
}

#[tokio::test]
async fn new_requests_follow_a_name_though_its_old_server_lives() {
    for protocol in [WireProtocol::Http, WireProtocol::Grpc] {
        let ((old, of_old), (new, of_new)) = (server().await, server().await);
        let settings = UpstreamSettings {
            name: "service".into(),
            protocol,
            endpoints: Vec::new(),
            tls: None,
            connect_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(60),
            connections_max: 4,
            websockets_max: 1,
        };
        let target = Target::parse(&"http://service.example:80".parse().unwrap()).unwrap();
        let endpoint = Arc::new(Endpoint::new(&settings, target, None).unwrap());
        let point_to =
            |address| *endpoint.connector.resolver().scripted.lock() = Some(vec![address]);

        point_to(old);
        ask(&endpoint).await;
        endpoint.sweep_now().await;
        ask(&endpoint).await;
        point_to(new);
        for _ in 0..2 {
            endpoint.sweep_now().await;
        }
        ask(&endpoint).await;

        let counts = [of_old, of_new].map(|requests| requests.load(Ordering::SeqCst));
        assert_eq!(counts, [2, 1], "{protocol:?}");
    }
}
