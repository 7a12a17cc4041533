//! Answers of HTTP/1 upstreams, as they leave the gateway.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use e2e::gate::Folder;
use e2e::wide::{WideConnection, open, read};
use e2e::{Echo, Gate, Wire};
use http::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn folder(wire: &Wire) -> Folder {
    open(&wire.url(), "http://127.0.0.1:1", "timeout_ms = 90000", "")
}

#[tokio::test]
async fn trailers_are_filtered_as_a_head_is() -> Result<()> {
    let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n\
                  2\r\nhi\r\n0\r\nConnection: close\r\nSet-Cookie: a=b\r\n\
                  Access-Control-Allow-Origin: *\r\nX-Tenant-Id: t\r\nX-Sum: 7\r\n\r\n";
    let wire = Wire::start(answer, false).await?;
    let gate = Gate::start(&folder(&wire)).await?;

    let mut connection = WideConnection::connect(&gate, 65_535).await?;
    for _ in 0..2 {
        let (response, _) = connection.begin(Method::GET, "/h/any", &[], true).await?;
        let (body, trailers) = read(response.await?.into_body()).await.context("the stream")?;
        assert_eq!(body, "hi");
        let names: Vec<_> = trailers.keys().map(http::HeaderName::as_str).collect();
        assert_eq!(names, ["x-sum"]);
    }
    Ok(())
}

#[tokio::test]
async fn the_version_of_an_upstream_is_not_told_to_callers() -> Result<()> {
    let wire = Wire::start("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", true).await?;
    let gate = Gate::start(&folder(&wire)).await?;
    let mut stream = TcpStream::connect(gate.authority()).await?;
    let head = format!("GET /h/any HTTP/1.1\r\nHost: {}\r\n\r\n", gate.authority());
    stream.write_all(head.as_bytes()).await?;
    let mut begun = [0; 15];
    stream.read_exact(&mut begun).await?;
    assert_eq!(&begun, b"HTTP/1.1 200 OK");
    Ok(())
}

#[tokio::test]
async fn a_refusal_before_the_body_was_read_reaches_the_caller() -> Result<()> {
    let refusal = "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno";
    let wire = Wire::start(refusal, true).await?;
    let gate = Gate::start(&folder(&wire)).await?;
    let body = "x".repeat(1_000_000);
    let mut statuses = String::new();
    for _ in 0..20 {
        let reply = gate.send(Method::POST, "/h/refused", &[], &body).await;
        match reply {
            Ok(reply) => write!(statuses, "{} ", reply.status.as_u16())?,
            Err(error) => write!(statuses, "{error:#} ")?,
        }
    }
    assert_eq!(statuses, "403 ".repeat(20));
    Ok(())
}

#[tokio::test]
async fn a_slow_upload_lives_by_the_limits_of_its_route() -> Result<()> {
    let echo = Echo::start().await?;
    let folder = open(&echo.url(), "http://127.0.0.1:1", "timeout_ms = 90000", "");
    let gate = Gate::start(&folder).await?;
    let mut stream = TcpStream::connect(gate.authority()).await?;
    let head = format!(
        "POST /h/slow HTTP/1.1\r\nHost: {}\r\nContent-Length: 68000\r\n\r\n",
        gate.authority()
    );
    stream.write_all(head.as_bytes()).await?;

    // 2,000 bytes a second, for longer than a body may take where no Route says otherwise.
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    for _ in 0..34 {
        tick.tick().await;
        stream.write_all(&[b'x'; 2000]).await?;
    }
    let mut begun = [0; 15];
    stream.read_exact(&mut begun).await?;
    assert_eq!(&begun, b"HTTP/1.1 200 OK");
    Ok(())
}

#[tokio::test]
async fn a_connection_without_requests_is_kept_for_the_time_of_its_listener() -> Result<()> {
    let wire = Wire::start("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", false).await?;
    let listener = "idle_timeout_ms = 700".to_owned();
    let gate = Gate::start(&Folder { listener, ..folder(&wire) }).await?;
    let mut stream = TcpStream::connect(gate.authority()).await?;
    let head = format!("GET /h/any HTTP/1.1\r\nHost: {}\r\n\r\n", gate.authority());
    stream.write_all(head.as_bytes()).await?;

    let begun = Instant::now();
    let mut answer = Vec::new();
    let closed = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer));
    closed.await.context("it is kept for longer")??;
    assert!(answer.ends_with(b"\r\n\r\nhi"), "{}", String::from_utf8_lossy(&answer));
    assert!(begun.elapsed() >= Duration::from_millis(700), "{:?}", begun.elapsed());
    Ok(())
}
