//! Each way in which a WebSocket ends, with its code, its record, and what the service sees of it.

use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, timeout};

use super::*;

/// Waits until the service saw so many connections end.
async fn ends(service: &SocketService, count: usize) -> Result<Vec<Option<u16>>> {
    eventually("the service's end", SOON, async || {
        let ends = service.ends().await;
        (ends.len() >= count).then_some(ends)
    })
    .await
}

/// The end that a record tells: how, with which code, and whether properly.
fn end(record: &Value) -> (Option<&str>, Option<u64>, bool) {
    let text = record["tunnel_end"].as_str();
    (text, record["close_code"].as_u64(), record["complete"] == true)
}

/// Opens one WebSocket over each version of HTTP, has each end in one way, and compares: the code
/// that the caller gets, and what the record says.
async fn both_end(
    more: &str,
    told: &[Message],
    code: Option<u16>,
    expected: (&str, Option<u64>, bool),
) -> Result<SocketService> {
    let service = SocketService::start().await?;
    let gate = Gate::start(&folder(&service, more)).await?;
    let mut connection = SocketConnection::connect(&Client::h2(), &gate.url("")).await?;
    let (first, _) = open(&Client::h1(), &gate.url("/ws/h1"), &[]).await?;
    let (second, _) = connection.open("/ws/h2", &[]).await?;

    for (path, mut socket) in [("/ws/h1", first), ("/ws/h2", second)] {
        for message in told {
            // The gateway may have ended it meanwhile, of which the next look tells.
            let _ = socket.send(message.clone()).await;
        }
        let got = timeout(SOON, closed(&mut socket)).await.context("it does not end")?;
        assert_eq!(got, code, "{path}");
        let record = record(&gate, path).await?;
        assert_eq!(end(&record), (Some(expected.0), expected.1, expected.2), "{record}");
    }
    Ok(service)
}

#[tokio::test]
async fn a_service_that_closes_first_is_answered_by_the_caller() -> Result<()> {
    let told = [Message::text("close")];
    let expected = ("upstream_closed", Some(4001), true);
    both_end("websocket = {}", &told, Some(4001), expected).await.map(drop)
}

#[tokio::test]
async fn a_service_that_is_lost_is_told_as_an_internal_error() -> Result<()> {
    let told = [Message::text("drop")];
    let expected = ("upstream_lost", Some(1011), false);
    both_end("websocket = {}", &told, Some(1011), expected).await.map(drop)
}

#[tokio::test]
async fn no_close_frame_is_spoken_into_a_frame_that_the_service_left_unfinished() -> Result<()> {
    let told = [Message::text("drop within a frame")];
    let expected = ("upstream_lost", Some(1011), false);
    both_end("websocket = {}", &told, None, expected).await.map(drop)
}

#[tokio::test]
async fn an_idle_websocket_is_ended_by_a_clock_that_nobody_polls() -> Result<()> {
    let more = "stream_idle_timeout_ms = 700\nwebsocket = {}";
    let service = both_end(more, &[], Some(1001), ("idle", Some(1001), false)).await?;
    assert_eq!(ends(&service, 2).await?, [Some(1001); 2]);
    Ok(())
}

#[tokio::test]
async fn a_websocket_lives_no_longer_than_its_route_allows() -> Result<()> {
    let more = "websocket = { lifetime_ms = 700 }";
    let service = both_end(more, &[], Some(1001), ("expired", Some(1001), false)).await?;
    assert_eq!(ends(&service, 2).await?, [Some(1001); 2]);
    Ok(())
}

#[tokio::test]
async fn pings_count_as_life() -> Result<()> {
    let service = SocketService::start().await?;
    let more = "timeout_ms = 1000\nstream_idle_timeout_ms = 900\nwebsocket = {}";
    let gate = Gate::start(&folder(&service, more)).await?;
    let (mut socket, _) = open(&Client::h1(), &gate.url("/ws/a"), &[]).await?;
    let mut tick = tokio::time::interval(Duration::from_millis(300));
    for _ in 0..8 {
        tick.tick().await;
        socket.send(Message::Ping("".into())).await?;
        let pong = timeout(SOON, socket.next()).await?.context("the connection ended")??;
        assert_eq!(pong, Message::Pong("".into()));
    }
    echoed(&mut socket, Message::text("still here")).await
}

#[tokio::test]
async fn a_message_that_is_too_large_is_not_passed_on() -> Result<()> {
    let told =
        [Message::Binary(Bytes::from(vec![1; 1000])), Message::Binary(Bytes::from(vec![1; 1001]))];
    let more = "websocket = { message_bytes_max = 1000 }";
    let expected = ("message_too_large", Some(1009), false);
    let service = both_end(more, &told, Some(1009), expected).await?;
    assert_eq!(ends(&service, 2).await?, [Some(1001); 2]);
    Ok(())
}

/// A caller that writes its bytes by hand, past the answer to its handshake.
async fn by_hand(gate: &Gate, path: &str) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(gate.authority()).await?;
    stream.write_all(handshake(&gate.authority(), path).as_bytes()).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let text = String::from_utf8_lossy(&head).to_ascii_lowercase();
    assert!(text.starts_with("http/1.1 101 "), "{text}");
    let proof = text.lines().find_map(|line| line.strip_prefix("sec-websocket-accept: "));
    assert_eq!(proof, Some("s3pplmbitxaq9kygzzhzrbk+xoo="));
    Ok(stream)
}

/// The code of the close frame that ends what is read, and nothing after it.
async fn last_code(stream: &mut TcpStream) -> Result<Option<u16>> {
    let mut bytes = Vec::new();
    timeout(SOON, stream.read_to_end(&mut bytes)).await.context("it is not closed")??;
    Ok(match *bytes {
        [0x88, length, high, low, ref reason @ ..] if usize::from(length) == reason.len() + 2 => {
            Some(u16::from_be_bytes([high, low]))
        }
        _ => None,
    })
}

#[tokio::test]
async fn frames_that_are_none_of_the_protocol_are_refused_and_not_passed_on() -> Result<()> {
    let service = SocketService::start().await?;
    let gate = Gate::start(&folder(&service, "websocket = {}")).await?;
    for (name, frame) in [
        ("unmasked", &[0x81, 2, b'h', b'i'][..]),
        ("opcode", &[0x83, 0x82, 1, 2, 3, 4, 5, 6]),
        ("ping", &[0x09, 0x80, 1, 2, 3, 4]),
        ("parts", &[0x80, 0x80, 1, 2, 3, 4]),
    ] {
        let path = format!("/ws/{name}");
        let mut stream = by_hand(&gate, &path).await?;
        stream.write_all(frame).await?;
        assert_eq!(last_code(&mut stream).await?, Some(1002), "{name}");
        drop(stream);
        let record = record(&gate, &path).await?;
        assert_eq!(end(&record), (Some("caller_invalid"), Some(1002), false), "{record}");
    }
    assert_eq!(ends(&service, 4).await?, [Some(1001); 4]);
    Ok(())
}

#[tokio::test]
async fn a_caller_that_vanishes_leaves_no_connection_behind() -> Result<()> {
    let service = SocketService::start().await?;
    let gate = Gate::start(&folder(&service, "websocket = {}")).await?;
    let (socket, _) = open(&Client::h1(), &gate.url("/ws/h1"), &[]).await?;
    drop(socket);
    let mut connection = SocketConnection::connect(&Client::h2(), &gate.url("")).await?;
    let (socket, _) = connection.open("/ws/h2", &[]).await?;
    drop(socket);

    for path in ["/ws/h1", "/ws/h2"] {
        let record = record(&gate, path).await?;
        assert_eq!(end(&record), (Some("caller_lost"), None, false), "{record}");
    }
    assert_eq!(ends(&service, 2).await?, [None; 2], "nobody closed it");
    assert_eq!(gate.metric("tollgate_tunnels_open", "").await?.round(), 0.0);
    Ok(())
}

#[tokio::test]
async fn a_close_frame_that_is_never_answered_is_waited_for_a_while_and_no_longer() -> Result<()> {
    let service = SocketService::start().await?;
    let gate = Gate::start(&folder(&service, "websocket = {}")).await?;
    let (mut socket, _) = open(&Client::h1(), &gate.url("/ws/a"), &[]).await?;
    socket.send(Message::text("sulk")).await?;
    let begun = Instant::now();
    socket.close(Some(CloseFrame { code: 1000.into(), reason: "".into() })).await?;
    assert_eq!(timeout(SOON, closed(&mut socket)).await?, None);
    assert!(begun.elapsed() > Duration::from_secs(3), "{:?}", begun.elapsed());
    let record = record(&gate, "/ws/a").await?;
    assert_eq!(end(&record), (Some("caller_closed"), Some(1000), false), "{record}");
    Ok(())
}

#[tokio::test]
async fn a_drain_tells_every_websocket_to_come_back_and_waits_for_none() -> Result<()> {
    let service = SocketService::start().await?;
    let mut gate = Gate::start(&folder(&service, "websocket = {}")).await?;
    let (mut first, _) = open(&Client::h1(), &gate.url("/ws/h1"), &[]).await?;
    let mut connection = SocketConnection::connect(&Client::h2(), &gate.url("")).await?;
    let (mut second, _) = connection.open("/ws/h2", &[]).await?;
    echoed(&mut first, Message::text("hi")).await?;

    gate.process.signal(Signal::SIGTERM)?;
    assert_eq!(timeout(SOON, closed(&mut first)).await?, Some(1012));
    assert_eq!(timeout(SOON, closed(&mut second)).await?, Some(1012));
    assert!(gate.process.ended(SOON).await?.success(), "{}", gate.process.log());
    for path in ["/ws/h1", "/ws/h2"] {
        let record = record(&gate, path).await?;
        assert_eq!(end(&record), (Some("draining"), Some(1012), false), "{record}");
    }
    assert_eq!(ends(&service, 2).await?, [Some(1001); 2]);
    Ok(())
}

#[tokio::test]
async fn a_caller_who_does_not_read_holds_back_its_service_and_nobody_else() -> Result<()> {
    let service = SocketService::start().await?;
    let gate = Gate::start(&folder(&service, "websocket = {}")).await?;
    let before = gate.process.resident()?;

    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(4096)?;
    let mut stalled = socket.connect(gate.authority().parse()?).await?;
    stalled.write_all(handshake(&gate.authority(), "/ws/stalled").as_bytes()).await?;
    let flood = [&[0x81, 0x85, 0, 0, 0, 0][..], b"flood"].concat();
    stalled.write_all(&flood).await?;
    let mut connection = SocketConnection::connect(&Client::h2(), &gate.url("")).await?;
    let (mut unread, _) = connection.open("/ws/unread", &[]).await?;
    unread.send(Message::text("flood")).await?;

    // Until nothing more fits anywhere.
    let mut flooded = 0;
    eventually("the service to be held back", SOON, async || {
        let now = service.flooded();
        (now > 0 && std::mem::replace(&mut flooded, now) == now).then_some(())
    })
    .await?;
    assert!(flooded < 64 << 20, "{flooded} bytes are somewhere");
    let grown = gate.process.resident()?.saturating_sub(before);
    assert!(grown < 32 << 20, "{grown} bytes are held");

    let (mut other, _) = open(&Client::h1(), &gate.url("/ws/other"), &[]).await?;
    for _ in 0..20 {
        timeout(Duration::from_secs(3), echoed(&mut other, Message::text("hi"))).await??;
    }
    Ok(())
}
