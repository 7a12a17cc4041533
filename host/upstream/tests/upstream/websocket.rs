//! The handshake of a WebSocket, and the places that WebSockets hold.

use std::time::Duration;

use http::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;
use tollgate_chain::Error;
use tollgate_upstream::{
    CallerKey, HandshakeAnswer, Safety, SendBounds, Upstream, UpstreamTunnel, WireProtocol,
};
use tungstenite::handshake::derive_accept_key;

use crate::SendBytes as _;
use crate::server::{Server, get, read, read_head, settings, soon};

/// A server that switches protocols where it is asked to, and echoes then; with these fields beside
/// the proof. It answers all else with `hi`.
async fn switches(fields: &'static str) -> Server {
    Server::script(move |_, mut stream, _| async move {
        while let Some(head) = read_head(&mut stream).await {
            let key = head.lines().find_map(|line| line.strip_prefix("sec-websocket-key: "));
            let Some(key) = key else {
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";
                let _ = stream.write_all(answer).await;
                continue;
            };
            let accept = derive_accept_key(key.as_bytes());
            let switch = format!("HTTP/1.1 101 Switching Protocols\r\n{fields}\r\n\r\n");
            let switch = switch.replace("PROOF", &accept);
            let _ = stream.write_all(switch.as_bytes()).await;
            let (mut reader, mut writer) = stream.split();
            let _ = tokio::io::copy(&mut reader, &mut writer).await;
            return;
        }
    })
    .await
}

const SOUND: &str = "connection: Upgrade\r\nupgrade: WebSocket\r\nsec-websocket-accept: PROOF";

/// An upstream of so many connections and WebSockets.
fn upstream(server: &Server, connections_max: usize, websockets_max: usize) -> Upstream {
    let mut settings = settings(WireProtocol::Http, &[server.endpoint()]);
    settings.connections_max = connections_max;
    settings.websockets_max = websockets_max;
    Upstream::new(settings).unwrap()
}

async fn open(upstream: &Upstream, caller: CallerKey) -> Result<UpstreamTunnel, Error> {
    let bounds = SendBounds { caller, ..SendBounds::new(soon(), Safety::Repeatable) };
    open_within(upstream, bounds).await
}

async fn open_within(upstream: &Upstream, bounds: SendBounds) -> Result<UpstreamTunnel, Error> {
    let request = Request::get("/socket").body(()).unwrap();
    match upstream.open_websocket(request, bounds).await? {
        HandshakeAnswer::Open(response) => Ok(response.into_body()),
        HandshakeAnswer::Refused(response) => panic!("{}", response.status()),
    }
}

#[tokio::test]
async fn a_handshake_leaves_a_connection_that_speaks_no_http() {
    let server = switches(SOUND).await;
    let upstream = upstream(&server, 4, 4);
    let mut tunnel = open(&upstream, CallerKey::GATEWAY).await.unwrap();
    tunnel.write_all(b"anything").await.unwrap();
    let mut echo = [0; 8];
    tunnel.read_exact(&mut echo).await.unwrap();
    assert_eq!(&echo, b"anything");
}

#[tokio::test]
async fn an_answer_that_does_not_prove_itself_opens_nothing() {
    for fields in [
        "connection: upgrade\r\nupgrade: websocket",
        "connection: upgrade\r\nsec-websocket-accept: PROOF",
        "connection: close\r\nupgrade: websocket\r\nsec-websocket-accept: PROOF",
        "connection: upgrade\r\nupgrade: h2c\r\nsec-websocket-accept: PROOF",
        "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: dHJ1c3QgbWU=",
    ] {
        let server = switches(fields).await;
        let outcome = open(&upstream(&server, 4, 4), CallerKey::GATEWAY).await.err();
        assert!(matches!(outcome, Some(Error::UpstreamInvalid { .. })), "{fields}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_websocket_holds_its_place_until_its_end() {
    let server = switches(SOUND).await;
    let upstream = upstream(&server, 1, 1);
    let tunnel = open(&upstream, CallerKey::of_connection(1)).await.unwrap();

    let soon_over = Instant::now() + Duration::from_millis(200);
    let bounds = SendBounds::new(soon_over, Safety::Repeatable);
    let outcome = upstream.send_bytes(get("/"), bounds).await;
    assert!(matches!(outcome, Err(Error::UpstreamTimeout)), "there is one connection only");

    drop(tunnel);
    let bounds = SendBounds::new(soon(), Safety::Repeatable);
    assert_eq!(read(upstream.send_bytes(get("/"), bounds).await.unwrap()).await, "hi");
    open(&upstream, CallerKey::of_connection(2)).await.unwrap();
}

#[tokio::test]
async fn websockets_leave_places_for_requests_and_each_caller_leaves_some_for_others() {
    let server = switches(SOUND).await;
    let upstream = upstream(&server, 8, 4);
    let [first, second] = [1, 2].map(CallerKey::of_connection);

    let mut open_tunnels = Vec::new();
    for _ in 0..3 {
        open_tunnels.push(open(&upstream, first).await.unwrap());
    }
    assert!(matches!(open(&upstream, first).await, Err(Error::Overloaded)));
    open_tunnels.push(open(&upstream, second).await.unwrap());
    for caller in [first, second, CallerKey::of_connection(3)] {
        assert!(matches!(open(&upstream, caller).await, Err(Error::Overloaded)));
    }
    let bounds = SendBounds::new(soon(), Safety::Repeatable);
    assert_eq!(read(upstream.send_bytes(get("/"), bounds).await.unwrap()).await, "hi");

    open_tunnels.clear();
    open(&upstream, first).await.unwrap();
}

#[tokio::test]
async fn a_service_that_speaks_grpc_opens_none() {
    let server = switches(SOUND).await;
    let upstream = server.upstream(WireProtocol::Grpc);
    let outcome = open(&upstream, CallerKey::GATEWAY).await.err();
    assert!(matches!(outcome, Some(Error::NoUpstream { .. })), "{outcome:?}");
    assert_eq!(server.seen.connections(), 0);
}
