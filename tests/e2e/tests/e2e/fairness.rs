//! Callers who do not read, or send slowly, delay nobody but themselves.

use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use e2e::calls::framed;
use e2e::wide::{WideConnection, open};
use e2e::{Calls, Gate, Wire};
use http::{Method, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tollgate_harness::eventually;

/// Longer than anything that is not held up by others takes.
const SOON: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(30);

/// An answer of 8 MiB, which no window and no buffer takes whole.
fn large() -> Vec<u8> {
    let body = vec![b'x'; 8 << 20];
    let mut answer =
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len()).into_bytes();
    answer.extend(body);
    answer
}

fn small() -> &'static str {
    "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"
}

async fn a_call_is_answered(gate: &Gate) -> Result<()> {
    let mut caller = WideConnection::connect(gate, 65_535).await?;
    for _ in 0..5 {
        let call = caller.whole("Unary", &[], framed(b"hi"));
        let (head, _, trailers) =
            tokio::time::timeout(SOON, Box::pin(call)).await.context("a call is held up")??;
        assert_eq!((head.status(), &trailers["grpc-status"]), (StatusCode::OK, &"0".parse()?));
    }
    Ok(())
}

#[tokio::test]
async fn streamed_answers_that_nobody_reads_hold_up_no_other_call() -> Result<()> {
    let (calls, wire) = (Calls::start().await?, Wire::start(small(), false).await?);
    let gate = Gate::start(&open(&wire.url(), &calls.url(), "", "")).await?;

    let mut unread = Vec::new();
    for _ in 0..24 {
        let mut connection = WideConnection::connect(&gate, 65_535).await?;
        let (response, mut sender) = connection.call("Flood", &[]).await?;
        sender.send_data(framed(b"go"), true)?;
        let answer = response.await?;
        assert_eq!(answer.status(), StatusCode::OK);
        unread.push((connection, answer));
    }

    a_call_is_answered(&gate).await
}

#[tokio::test]
async fn callers_over_http1_who_do_not_read_hold_up_no_other_call() -> Result<()> {
    let (calls, wire) = (Calls::start().await?, Wire::start(small(), false).await?);
    let gate = Gate::start(&open(&wire.url(), &calls.url(), "", "")).await?;

    let mut unread = Vec::new();
    for _ in 0..24 {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(2048)?;
        let mut stream = socket.connect(gate.authority().parse()?).await?;
        let host = gate.authority();
        let head = format!("POST /demo.Calls/Flood HTTP/1.1\r\nHost: {host}\r\n\r\n");
        stream.write_all(head.as_bytes()).await?;
        stream.readable().await?;
        unread.push(stream);
    }

    // Buffers of the system take some megabytes of each answer before it stops.
    let mut tick = tokio::time::interval(Duration::from_millis(200));
    for _ in 0..20 {
        tick.tick().await;
        a_call_is_answered(&gate).await?;
    }
    Ok(())
}

/// Reads the head of an answer to a new caller.
async fn an_answer_begins(gate: &Gate) -> Result<()> {
    let mut stream = TcpStream::connect(gate.authority()).await?;
    let head = format!("GET /h/large HTTP/1.1\r\nHost: {}\r\n\r\n", gate.authority());
    stream.write_all(head.as_bytes()).await?;
    let mut begun = [0; 15];
    tokio::time::timeout(SOON, stream.read_exact(&mut begun)).await.context("held up")??;
    assert_eq!(&begun, b"HTTP/1.1 200 OK");
    Ok(())
}

#[tokio::test]
async fn streams_whose_window_stays_closed_leave_places_for_other_callers() -> Result<()> {
    let (calls, wire) = (Calls::start().await?, Wire::start(large(), false).await?);
    let settings = "connections_max = 64";
    let gate = Gate::start(&open(&wire.url(), &calls.url(), "", settings)).await?;

    let mut held = Vec::new();
    for _ in 0..3 {
        let mut connection = WideConnection::connect(&gate, 0).await?;
        for _ in 0..100 {
            held.push(connection.begin(Method::GET, "/h/large", &[], true).await?.0);
        }
        held.push(connection.begin(Method::GET, "/nowhere", &[], true).await?.0);
    }
    eventually("the places are taken", PATIENCE, async || (wire.requests() >= 48).then_some(()))
        .await?;

    an_answer_begins(&gate).await
}

#[tokio::test]
async fn a_small_body_that_comes_slowly_takes_no_place_at_the_upstream() -> Result<()> {
    let (calls, wire) = (Calls::start().await?, Wire::start(small(), false).await?);
    let settings = "connections_max = 2";
    let gate = Gate::start(&open(&wire.url(), &calls.url(), "", settings)).await?;

    let mut slow = Vec::new();
    for framing in ["Content-Length: 2000", "Content-Length: 64000", "Content-Length: 100"] {
        for _ in 0..4 {
            let mut stream = TcpStream::connect(gate.authority()).await?;
            let host = gate.authority();
            let head = format!("POST /h/slow HTTP/1.1\r\nHost: {host}\r\n{framing}\r\n\r\nbegun");
            stream.write_all(head.as_bytes()).await?;
            slow.push(stream);
        }
    }
    for _ in 0..10 {
        let reply = gate.send(Method::GET, "/h/quick", &[], "");
        let reply = tokio::time::timeout(SOON, Box::pin(reply)).await.context("held up")??;
        assert_eq!((reply.status, reply.text()), (StatusCode::OK, "hi".to_owned()));
    }
    assert_eq!(wire.requests(), 10, "the slow bodies have not arrived");

    let mut stream = slow.pop().context("a slow caller")?;
    stream.write_all(&[b'x'; 95]).await?;
    let mut answer = [0; 15];
    stream.read_exact(&mut answer).await?;
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    Ok(())
}

#[tokio::test]
async fn an_answer_that_is_not_taken_ends_with_the_time_of_its_route() -> Result<()> {
    let (calls, wire) = (Calls::start().await?, Wire::start(large(), false).await?);
    let settings = "connections_max = 1";
    let gate = Gate::start(&open(&wire.url(), &calls.url(), "timeout_ms = 1500", settings)).await?;

    let mut connection = WideConnection::connect(&gate, 0).await?;
    let (response, _) = connection.begin(Method::GET, "/h/large", &[], true).await?;
    let (_, mut body) = response.await?.into_parts();
    let cut = tokio::time::timeout(PATIENCE, body.data()).await.context("it is never cut")?;
    let error = cut.context("an end in place of a reset")?.unwrap_err();
    assert_eq!(error.reason(), Some(h2::Reason::CANCEL), "{error}");

    // Its place is free: there is only one.
    an_answer_begins(&gate).await?;
    eventually("a record of the cut answer", PATIENCE, async || {
        let log = std::fs::read_to_string(gate.file("access.jsonl")).ok()?;
        let line = log.lines().find(|line| line.contains("the caller did not take"))?;
        let record: serde_json::Value = serde_json::from_str(line).ok()?;
        (record["complete"] == false && record["status"] == 200).then_some(())
    })
    .await
}

#[tokio::test]
async fn a_call_with_an_empty_body_is_passed_on_at_once() -> Result<()> {
    let (calls, wire) = (Calls::start().await?, Wire::start(small(), false).await?);
    let gate = Gate::start(&open(&wire.url(), &calls.url(), "", "")).await?;
    let mut connection = WideConnection::connect(&gate, 65_535).await?;
    let (response, mut sender) =
        connection.begin(Method::POST, "/h/empty", &[("content-length", "0")], false).await?;
    sender.send_data(Bytes::new(), true)?;
    assert_eq!(response.await?.status(), StatusCode::OK);
    Ok(())
}
