//! Streams that are held: each ends in words that say what went wrong, or at the end of all.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use h2::{RecvStream, SendStream};
use http::{Method, StatusCode};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, timeout, timeout_at};
use tokio_tungstenite::tungstenite::Message;
use tollgate_harness::Client;

use crate::calls::framed;
use crate::websocket::{Socket, SocketConnection, closed, echoed, open};
use crate::wide::WideConnection;
use crate::{Gate, Key};

/// Streams under way.
pub(super) type Streams = JoinSet<Result<()>>;

/// From one message of a call to the next.
const PACE: Duration = Duration::from_secs(5);
/// Longest wait for a message that the other side has sent.
const PATIENCE: Duration = Duration::from_secs(30);

/// Opens calls in which each message comes back, so many on each connection.
pub(super) async fn calls(
    streams: &mut Streams,
    gate: &Gate,
    keys: &[Key],
    (count, each): (usize, usize),
    until: Instant,
) -> Result<()> {
    let mut connection = None;
    for (number, key) in keys.iter().cycle().take(count).enumerate() {
        if number % each == 0 {
            connection = Some(WideConnection::connect(gate, 65_535).await?);
        }
        let connection = connection.as_mut().context("a connection")?;
        let (response, sender) =
            connection.call("Echo", &[("authorization", &*key.bearer())]).await?;

        let response = timeout(PATIENCE, response).await.context("no head of a call")??;
        let (status, body) = (response.status(), response.into_body());
        ensure!(status == StatusCode::OK, "a call was answered by {status}");
        streams.spawn(async move {
            call(sender, body, until).await.with_context(|| format!("call {number}"))
        });
    }
    Ok(())
}

async fn call(mut sender: SendStream<Bytes>, mut body: RecvStream, until: Instant) -> Result<()> {
    let message = framed(b"still here");
    let mut tick = interval(PACE);
    while Instant::now() < until {
        tick.tick().await;
        sender.send_data(message.clone(), false)?;
        let mut back = 0;
        while back < message.len() {
            let piece = timeout(PATIENCE, body.data()).await.context("no message came back")?;
            let piece = piece.context("it ended")??;
            body.flow_control().release_capacity(piece.len())?;
            back += piece.len();
        }
    }

    sender.send_data(Bytes::new(), true)?;
    while let Some(piece) = body.data().await {
        piece?;
    }
    let trailers = body.trailers().await?.context("no trailers")?;
    ensure!(trailers.get("grpc-status").is_some_and(|code| code == "0"), "{trailers:?}");
    Ok(())
}

/// Opens streams of server-sent events.
pub(super) async fn events(
    streams: &mut Streams,
    gate: &Gate,
    key: &Key,
    count: usize,
    until: Instant,
) -> Result<()> {
    for number in 0..count {
        let mut connection = WideConnection::connect(gate, 65_535).await?;
        let key = key.bearer();
        let headers = [("authorization", &*key), ("accept", "text/event-stream")];
        let begun = connection.begin(Method::GET, "/v1/events", &headers, true).await?;
        let response = timeout(PATIENCE, begun.0).await.context("no head of events")??;
        let (status, mut body) = (response.status(), response.into_body());
        ensure!(status == StatusCode::OK, "events were answered by {status}");

        streams.spawn(async move {
            // The connection lives for as long as somebody can send over it.
            let _connection = connection;
            read_events(&mut body, until).await.with_context(|| format!("events {number}"))
        });
    }
    Ok(())
}

async fn read_events(body: &mut RecvStream, until: Instant) -> Result<()> {
    let mut text = String::new();
    let mut next = 0_u64;
    while Instant::now() < until {
        let Ok(piece) = timeout_at(until.min(Instant::now() + PATIENCE), body.data()).await else {
            if Instant::now() >= until {
                return Ok(());
            }
            bail!("no event for {PATIENCE:?}, after {next}");
        };
        let piece = piece.with_context(|| format!("it ended after {next} events"))??;
        body.flow_control().release_capacity(piece.len())?;
        text.push_str(std::str::from_utf8(&piece)?);

        while let Some((event, rest)) = text.split_once("\n\n") {
            ensure!(event == format!("id: {next}\ndata: {{}}"), "event {next}: {event:?}");
            next += 1;
            text = rest.to_owned();
        }
    }
    Ok(())
}

/// Opens WebSockets in which each message comes back. Half of them are over the connection that is
/// returned, which lives for as long as somebody can send over it.
pub(super) async fn sockets(
    streams: &mut Streams,
    gate: &Gate,
    key: &Key,
    count: usize,
    until: Instant,
) -> Result<SocketConnection> {
    let (url, bearer) = (gate.url("/v1/sockets"), key.bearer());
    let headers = [("authorization", &*bearer)];
    let mut wide = SocketConnection::connect(&Client::h2(), &gate.url("")).await?;

    for number in 0..count {
        let (socket, _) = if number % 2 == 0 {
            open(&Client::h1(), &url, &headers).await?
        } else {
            wide.open("/v1/sockets", &headers).await?
        };
        streams.spawn(async move {
            speak(socket, until).await.with_context(|| format!("WebSocket {number}"))
        });
    }
    Ok(wide)
}

async fn speak(mut socket: Socket, until: Instant) -> Result<()> {
    let mut tick = interval(PACE);
    while Instant::now() < until {
        tick.tick().await;
        let echo = echoed(&mut socket, Message::text("still here"));
        timeout(PATIENCE, echo).await.context("no message came back")??;
    }
    socket.close(None).await?;
    closed(&mut socket).await;
    Ok(())
}

/// Waits for all streams. Returns the losses.
pub(super) async fn ends(mut streams: Streams) -> Vec<String> {
    let mut lost = Vec::new();
    while let Some(ended) = streams.join_next().await {
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => lost.push(format!("{error:#}")),
            Err(error) => lost.push(error.to_string()),
        }
    }
    lost
}
