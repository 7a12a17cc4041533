//! Echoes over one WebSocket, one after the other.

use anyhow::{Context, Result, ensure};
use bench::rules::SOCKET;
use bench::world::{BODY, HOST};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use hdrhistogram::Histogram;
use std::net::SocketAddr;
use std::time::Instant;
use tokio::net::TcpStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;

use super::{histogram, since_then};

/// WebSockets that are open at once at most: fewer than an upstream takes unless it is told.
pub(super) const OPEN_MAX: usize = 64;

/// Opens a WebSocket and waits for an echo after each message until the time is over.
pub(super) async fn work(to: SocketAddr, end: Instant) -> Result<Histogram<u32>> {
    let stream = TcpStream::connect(to).await?;
    stream.set_nodelay(true)?;
    let (mut socket, _) = client_async(format!("ws://{HOST}{SOCKET}"), stream).await?;

    let mut micros = histogram()?;
    let message = Message::Binary(Bytes::from_static(BODY));
    while Instant::now() < end {
        let since = Instant::now();
        socket.send(message.clone()).await?;
        let echo = socket.next().await.context("the WebSocket ended")??;
        ensure!(echo == message, "{} bytes came back", echo.len());
        micros.saturating_record(since_then(since));
    }
    socket.close(None).await?;
    Ok(micros)
}
