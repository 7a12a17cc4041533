//! The load: HTTP/1.1 keep-alive connections, each with one request under way at a time.

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use clap::Args;
use http::{HeaderName, HeaderValue, Request, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// What to send where.
#[derive(Debug, Clone, Args)]
pub(crate) struct Order {
    /// Where.
    #[arg(long)]
    to: SocketAddr,
    /// For how long.
    #[arg(long)]
    seconds: u64,
    /// Over how many connections.
    #[arg(long)]
    connections: usize,
    /// An API key.
    #[arg(long)]
    key: Option<String>,
    /// Give each request an idempotency key of its own.
    #[arg(long)]
    unique: bool,
}

/// Sends until the time is over, then prints `requests p50 p99` (in microseconds).
///
/// # Errors
/// When a connection breaks or an answer is not a success: a benchmark of failures is none.
pub(crate) async fn run(order: Order) -> Result<()> {
    let end = Instant::now() + Duration::from_secs(order.seconds);
    let mut workers = JoinSet::new();
    for number in 0..order.connections {
        workers.spawn(work(order.clone(), number, end));
    }
    let mut micros: Vec<u128> = Vec::new();
    while let Some(part) = workers.join_next().await {
        micros.extend(part??);
    }
    micros.sort_unstable();
    let at = |share: usize| micros.get(micros.len() * share / 100).copied().unwrap_or(0);
    println!("{} {} {}", micros.len(), at(50), at(99));
    Ok(())
}

async fn work(order: Order, worker: usize, end: Instant) -> Result<Vec<u128>> {
    let stream = TcpStream::connect(order.to).await.context("connect")?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let mut micros = Vec::with_capacity(1 << 16);
    while Instant::now() < end {
        let request = request(&order, worker, micros.len())?;
        let since = Instant::now();
        sender.ready().await?;
        let reply = sender.send_request(request).await.context("no reply")?;
        let status = reply.status();
        let body = reply.into_body().collect().await?.to_bytes();
        if !status.is_success() {
            bail!("{status}: {}", String::from_utf8_lossy(&body));
        }
        micros.push(since.elapsed().as_micros());
    }
    Ok(micros)
}

/// A request as a tenant's program sends it: fifteen headers and a small JSON body.
fn request(order: &Order, worker: usize, number: usize) -> Result<Request<Full<Bytes>>> {
    let mut request = Request::post("/v1/work").body(Full::new(Bytes::from_static(BODY)))?;
    let headers = request.headers_mut();
    headers.insert(header::HOST, HeaderValue::from_str(&order.to.to_string())?);
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if let Some(key) = &order.key {
        headers.insert(header::AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {key}"))?);
    }
    if order.unique {
        let key = HeaderValue::from_str(&format!("\"{}-{worker}-{number}\"", std::process::id()))?;
        headers.insert(HeaderName::from_static("idempotency-key"), key);
    }
    Ok(request)
}

const BODY: &[u8] = br#"{"depositAccountId":"acc_01","amount":{"minorUnits":"1250","currency":"USD"},"reference":"a"}"#;

const HEADERS: [(&str, &str); 12] = [
    ("user-agent", "bench/1"),
    ("accept", "application/json"),
    ("accept-language", "en"),
    ("cache-control", "no-cache"),
    ("content-type", "application/json"),
    ("origin", "https://app.example.com"),
    ("referer", "https://app.example.com/deposits"),
    ("x-client-version", "4.2.0"),
    ("x-client-platform", "linux"),
    ("x-correlation", "5f3c1f0e9b2a4d57"),
    ("x-feature-a", "on"),
    ("x-feature-b", "off"),
];
