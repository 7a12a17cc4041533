//! The floor: what hyper costs when it only passes requests on over pooled connections.

use anyhow::Result;
use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri};
use http_body_util::Either;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use std::net::SocketAddr;
use tokio::net::TcpListener;

type Pool = Client<HttpConnector, Incoming>;
type Reply = Response<Either<Incoming, Empty<Bytes>>>;

/// Serves until it is killed; tells its address first.
///
/// # Errors
/// When no port is free.
pub(crate) async fn serve(to: SocketAddr) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on {}", listener.local_addr()?);
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let pool: Pool = Client::builder(TokioExecutor::new()).build(connector);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let pool = pool.clone();
        let service = service_fn(move |request| pass(pool.clone(), to, request));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn pass(
    pool: Pool,
    to: SocketAddr,
    mut request: Request<Incoming>,
) -> Result<Reply, Infallible> {
    let path = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let uri = Uri::builder().scheme("http").authority(to.to_string()).path_and_query(path).build();
    let Ok(uri) = uri else { return Ok(failed()) };
    *request.uri_mut() = uri;
    Ok(pool.request(request).await.map_or_else(|_| failed(), |reply| reply.map(Either::Left)))
}

fn failed() -> Reply {
    let mut reply = Response::new(Either::Right(Empty::new()));
    *reply.status_mut() = StatusCode::BAD_GATEWAY;
    reply
}
