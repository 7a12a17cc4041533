//! The simplest promise: a request goes out and its answer comes back.
use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::time::Instant;
use tollgate_upstream::{Protocol, Safety, Upstream, UpstreamSettings};

async fn echo(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let line =
        format!("{:?} {} {:?}", request.version(), request.uri(), request.headers().get("host"));
    let body = request.into_body().collect().await.unwrap().to_bytes();
    Ok(Response::new(Full::new(Bytes::from([line.as_bytes(), b" ", &body].concat()))))
}

async fn server() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                let _ = builder.serve_connection(TokioIo::new(stream), service_fn(echo)).await;
            });
        }
    });
    address
}

async fn ask(protocol: Protocol) -> Vec<String> {
    let address = server().await;
    let upstream = Upstream::new(UpstreamSettings {
        name: "echo".into(),
        protocol,
        endpoints: vec![format!("http://{address}").parse().unwrap()],
        tls: None,
        connect_timeout: Duration::from_secs(2),
        idle_timeout: Duration::from_secs(30),
        connections_max: 4,
    })
    .unwrap();
    let mut answers = Vec::new();
    for n in 0..3 {
        let request = Request::post("/a?b=c").body(Bytes::from(n.to_string())).unwrap();
        let deadline = Instant::now() + Duration::from_secs(5);
        let answer = upstream.send_bytes(request, deadline, Safety::Once).await.unwrap();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        answers.push(String::from_utf8(body.to_vec()).unwrap().replace(&address.to_string(), "A"));
    }
    answers
}

#[tokio::test]
async fn http1_requests_are_answered() {
    let answers = ask(Protocol::Http).await;
    assert_eq!(answers[2], "HTTP/1.1 /a?b=c Some(\"A\") 2");
}

#[tokio::test]
async fn h2_requests_are_answered() {
    let answers = ask(Protocol::Grpc).await;
    assert_eq!(answers[2], "HTTP/2.0 http://A/a?b=c None 2");
}
