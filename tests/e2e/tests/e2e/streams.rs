//! gRPC streams that are passed on: how long they live, and in which words they end.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use e2e::calls::framed;
use e2e::wide::{WideConnection, open, read};
use e2e::{Calls, Gate, Wire};
use http::{HeaderMap, Method, StatusCode};
use tollgate_harness::eventually;

const PATIENCE: Duration = Duration::from_secs(30);

struct Parts {
    gate: Gate,
    calls: Calls,
    _wire: Wire,
}

async fn parts(route: &str) -> Result<Parts> {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    let (calls, wire) = (Calls::start().await?, Wire::start(answer, false).await?);
    let gate = Gate::start(&open(&wire.url(), &calls.url(), route, "")).await?;
    Ok(Parts { gate, calls, _wire: wire })
}

fn status(headers: &HeaderMap) -> Option<&str> {
    headers.get("grpc-status")?.to_str().ok()
}

/// Waits for the access record of the only call.
async fn record(gate: &Gate) -> Result<serde_json::Value> {
    eventually("a record", PATIENCE, async || {
        let log = std::fs::read_to_string(gate.file("access.jsonl")).ok()?;
        serde_json::from_str(log.lines().find(|line| line.contains("demo.Calls"))?).ok()
    })
    .await
}

#[tokio::test]
async fn a_stream_of_small_messages_lives_by_its_deadline() -> Result<()> {
    let parts = parts("timeout_ms = 20000").await?;
    let mut connection = WideConnection::connect(&parts.gate, 65_535).await?;
    let (response, mut sender) = connection.call("Echo", &[]).await?;
    let mut body = response.await?.into_body();

    // Longer than a body that is read whole may come at so slow a rate.
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    for _ in 0..8 {
        tick.tick().await;
        sender.send_data(framed(b"abc"), false)?;
        let echoed = body.data().await.context("the stream ended")??;
        assert_eq!(echoed, framed(b"abc"));
    }
    sender.send_data(Bytes::new(), true)?;

    let (rest, trailers) = read(body).await?;
    assert_eq!((rest.len(), status(&trailers)), (0, Some("0")));
    assert_eq!(record(&parts.gate).await?["complete"], true);
    Ok(())
}

#[tokio::test]
async fn the_limit_of_a_stream_is_that_of_a_message() -> Result<()> {
    let parts = parts("body_bytes_max = 1000").await?;
    let mut connection = WideConnection::connect(&parts.gate, 65_535).await?;
    let (response, mut sender) = connection.call("Echo", &[]).await?;
    let mut body = response.await?.into_body();

    for _ in 0..20 {
        sender.send_data(framed(&[7; 500]), false)?;
        let mut echoed = 0;
        while echoed < 505 {
            let piece = body.data().await.context("the stream ended")??;
            body.flow_control().release_capacity(piece.len())?;
            echoed += piece.len();
        }
    }
    sender.send_data(framed(&[7; 1001]), false)?;

    let (_, trailers) = read(body).await?;
    assert_eq!(status(&trailers), Some("8"), "{trailers:?}");
    assert_eq!(record(&parts.gate).await?["complete"], false);
    Ok(())
}

#[tokio::test]
async fn a_deadline_within_a_stream_ends_it_in_trailers() -> Result<()> {
    for (route, headers) in [
        ("timeout_ms = 700", vec![]),
        ("timeout_ms = 60000", vec![("grpc-timeout", "700m")]),
        ("stream_idle_timeout_ms = 700", vec![]),
    ] {
        let parts = parts(route).await?;
        let mut connection = WideConnection::connect(&parts.gate, 65_535).await?;
        let (head, body, trailers) =
            connection.whole("Silent", &headers, framed(b"go")).await.context(route)?;
        assert_eq!((head.status(), body), (StatusCode::OK, framed(b"begun")), "{route}");
        assert_eq!(status(&trailers), Some("4"), "{route}: {trailers:?}");
        let record = record(&parts.gate).await?;
        assert_eq!(record["complete"], false, "{route}: {record}");
    }
    Ok(())
}

#[tokio::test]
async fn a_stream_that_both_sides_leave_idle_is_ended_and_one_that_moves_is_not() -> Result<()> {
    let parts = parts("stream_idle_timeout_ms = 900").await?;
    let mut connection = WideConnection::connect(&parts.gate, 65_535).await?;
    let (response, mut sender) = connection.call("Silent", &[]).await?;
    let mut body = response.await?.into_body();
    assert_eq!(body.data().await.context("a message")??, framed(b"begun"));

    // The caller alone moves, for longer than the idle time.
    let begun = Instant::now();
    let mut tick = tokio::time::interval(Duration::from_millis(300));
    for _ in 0..6 {
        tick.tick().await;
        sender.send_data(framed(b"still here"), false)?;
    }
    let (_, trailers) = read(body).await?;
    assert_eq!(status(&trailers), Some("4"), "{trailers:?}");
    assert!(begun.elapsed() > Duration::from_millis(1500 + 800), "{:?}", begun.elapsed());
    Ok(())
}

#[tokio::test]
async fn a_reset_with_a_reason_is_told_as_the_status_that_it_means() -> Result<()> {
    let parts = parts("").await?;
    let mut connection = WideConnection::connect(&parts.gate, 65_535).await?;
    for (method, grpc, http) in [("Calm", "8", 429), ("Cancel", "1", 499)] {
        let (head, _, _) = connection.whole(method, &[], framed(b"go")).await?;
        assert_eq!((head.status(), status(head.headers())), (StatusCode::OK, Some(grpc)));
        let reply =
            parts.gate.send(Method::POST, &format!("/demo.Calls/{method}"), &[], "{}").await?;
        assert_eq!(reply.status.as_u16(), http, "{}", reply.text());
    }
    Ok(())
}

#[tokio::test]
async fn a_status_that_is_lost_in_oversize_trailers_is_unavailable() -> Result<()> {
    let parts = parts("").await?;
    let mut connection = WideConnection::connect(&parts.gate, 65_535).await?;
    let (_, body, trailers) = connection.whole("Talkative", &[], framed(b"go")).await?;
    assert_eq!((body, status(&trailers)), (framed(b"hi"), Some("14")), "{trailers:?}");
    assert_eq!(record(&parts.gate).await?["complete"], false);
    Ok(())
}

#[tokio::test]
async fn grpc_over_http1_is_refused_before_anything_is_called() -> Result<()> {
    let parts = parts("").await?;
    let headers = [("content-type", "application/grpc"), ("te", "trailers")];
    let reply = parts.gate.send(Method::POST, "/demo.Calls/Unary", &headers, "").await?;
    assert_eq!(reply.status, StatusCode::HTTP_VERSION_NOT_SUPPORTED, "{}", reply.text());
    assert_eq!(reply.json()?["code"], "http_version_not_supported");
    assert_eq!(parts.calls.count(), 0);
    Ok(())
}

#[tokio::test]
async fn the_time_that_is_left_is_passed_on() -> Result<()> {
    let parts = parts("").await?;
    let mut connection = WideConnection::connect(&parts.gate, 65_535).await?;
    let microseconds = |told: &str| told.trim_end_matches('u').parse::<u64>().context("a number");
    let asked = [("grpc-timeout", "3300m")];
    let (head, _, _) = connection.whole("Unary", &asked, framed(b"hi")).await?;
    let told = head.headers().get("x-told-timeout").context("the service is told no deadline")?;
    assert!((2_000_000..3_300_000).contains(&microseconds(told.to_str()?)?), "{told:?}");

    let connect = [("content-type", "application/proto"), ("connect-timeout-ms", "3000")];
    let reply = parts.gate.send(Method::POST, "/demo.Calls/Unary", &connect, "").await?;
    let told = reply.header("x-told-timeout").context("no deadline")?;
    assert!((1_000_000..=3_000_000).contains(&microseconds(told)?), "{told}");
    Ok(())
}

#[tokio::test]
async fn a_deadline_is_read_from_the_field_of_the_callers_own_protocol() -> Result<()> {
    let parts = parts("").await?;
    let ask = async |headers: &[(&str, &str)]| {
        parts.gate.send(Method::POST, "/h/any", headers, "{}").await
    };
    let json = ("content-type", "application/json");
    for ignored in [("grpc-timeout", "1n"), ("connect-timeout-ms", "1"), ("grpc-timeout", "soon")] {
        let reply = ask(&[json, ignored]).await?;
        assert_eq!(reply.status, StatusCode::OK, "{ignored:?}: {}", reply.text());
    }

    let connect = [json, ("connect-protocol-version", "1")];
    for bad in ["12345678901", "-1", "1s", ""] {
        let reply = ask(&[connect[0], connect[1], ("connect-timeout-ms", bad)]).await?;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{bad}: {}", reply.text());
        assert_eq!(reply.json()?["code"], "invalid_argument", "{bad}");
    }
    let late = ask(&[connect[0], connect[1], ("connect-timeout-ms", "0")]).await?;
    assert_eq!(late.status, StatusCode::GATEWAY_TIMEOUT, "{}", late.text());
    assert_eq!(ask(&[json, ("x-request-timeout", "soon")]).await?.status, StatusCode::BAD_REQUEST);
    Ok(())
}

#[tokio::test]
async fn a_translated_stream_that_is_cut_says_so_in_its_own_words_and_in_the_record() -> Result<()>
{
    let parts = parts("timeout_ms = 700").await?;
    let message = String::from_utf8(framed(b"go").to_vec())?;
    let headers = [("content-type", "application/grpc-web+proto")];
    let reply = parts.gate.send(Method::POST, "/demo.Calls/Silent", &headers, &message).await?;
    let (begun, closing) = reply.body.split_at(framed(b"begun").len());
    assert_eq!(begun, framed(b"begun"));
    assert_eq!(closing.first(), Some(&0x80), "{closing:?}");
    assert!(String::from_utf8_lossy(closing).contains("grpc-status: 4"), "{closing:?}");
    assert_eq!(record(&parts.gate).await?["complete"], false);
    Ok(())
}
