//! An upstream that answers with what it was sent: plain HTTP/1.1, and gRPC over h2c.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};

use anyhow::Result;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A running upstream; gone when dropped.
#[derive(Debug)]
pub struct Echo {
    address: SocketAddr,
    calls: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Echo {
    /// Starts on a free port.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let calls = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&calls);

        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let counter = Arc::clone(&counter);
                tokio::spawn(async move {
                    let service = service_fn(move |request| {
                        counter.fetch_add(1, Ordering::Relaxed);
                        answer(request)
                    });
                    // A connection that breaks is the client's business.
                    let _ = Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });

        Ok(Self { address, calls, task })
    }

    /// `http://127.0.0.1:port`
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Requests so far.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Answer = Response<BoxBody<Bytes, Infallible>>;

async fn answer(request: Request<Incoming>) -> Result<Answer, hyper::Error> {
    let (parts, body) = request.into_parts();
    let grpc = parts.headers.get("content-type").is_some_and(|value| value == "application/grpc");
    let body = body.collect().await?.to_bytes();
    if grpc {
        return Ok(grpc_answer(body, &parts.headers));
    }

    let headers_as_text: Vec<String> = parts
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
        .collect();
    let wanted =
        parts.headers.get("x-answer-bytes").and_then(|value| value.to_str().ok()?.parse().ok());
    let account = serde_json::json!({
        "method": parts.method.as_str(),
        "target": parts.uri.path_and_query().map(|target| target.as_str()),
        "headers": headers_as_text,
        "body": String::from_utf8_lossy(&body),
    });

    let mut response = Response::new(
        Full::new(padded(account.to_string(), wanted)).map_err(|never| match never {}).boxed(),
    );
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    // What a gateway must not pass on as it is.
    headers.insert("access-control-allow-origin", HeaderValue::from_static("*"));
    headers.insert("vary", HeaderValue::from_static("Accept-Encoding"));
    headers.insert("server", HeaderValue::from_static("echo"));

    if let Some(coding) = parts.headers.get("x-answer-encoding") {
        headers.insert("content-encoding", coding.clone());
    }
    if let Some(status) = parts.headers.get("x-answer-status").and_then(|value| value.to_str().ok())
    {
        *response.status_mut() = status.parse().unwrap_or(StatusCode::IM_A_TEAPOT);
    }
    Ok(response)
}

/// Returns the text, or where a length is wanted that many spaces, which all answers share.
fn padded(text: String, wanted: Option<usize>) -> Bytes {
    static SPACES: LazyLock<Bytes> = LazyLock::new(|| vec![b' '; SPACES_MAX].into());
    match wanted {
        Some(wanted) => SPACES.slice(..wanted.min(SPACES_MAX)),
        None => Bytes::from(text),
    }
}

const SPACES_MAX: usize = 8 << 20;

/// The same message back, with the status in trailers, and in the head the names of the metadata
/// that came with it.
fn grpc_answer(body: Bytes, metadata: &HeaderMap) -> Answer {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let body = Full::new(body).with_trailers(std::future::ready(Some(Ok(trailers))));
    let mut response = Response::new(BodyExt::boxed(body));
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    let names: Vec<&str> = metadata.keys().map(http::HeaderName::as_str).collect();
    if let Ok(names) = HeaderValue::from_str(&names.join(" ")) {
        response.headers_mut().insert("x-metadata", names);
    }
    response
}
