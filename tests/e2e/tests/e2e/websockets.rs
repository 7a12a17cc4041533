//! WebSockets through the gateway: who may open one, what passes, and how each of them ends.

mod ends;

use anyhow::{Context, Result};
use bytes::Bytes;
use e2e::gate::{Folder, SOON, six};
use e2e::websocket::{Socket, SocketConnection, closed, echoed, open};
use e2e::{Echo, Gate, Key, SocketService, Wire};
use futures_util::{SinkExt, StreamExt};
use http::{Method, Response, StatusCode};
use serde_json::Value;
use tokio_tungstenite::tungstenite::{Error, Message, protocol::CloseFrame};
use tollgate_harness::{Ca, Client, eventually, raw};

/// The folder of a gateway without policies: `/ws/…` opens WebSockets with `websocket`, `/plain/…`
/// opens none.
fn folder(service: &SocketService, more: &str) -> Folder {
    let toml = format!(
        "[chains.edge]\npolicies = []\n\
         [upstreams.sockets]\nprotocol = \"http\"\nendpoints = [\"{}\"]\n\
         [routes.ws]\nmatch = [\"GET /ws/{{rest=**}}\", \"POST /ws/{{rest=**}}\"]\n\
         chain = \"edge\"\nupstream = \"sockets\"\n{more}\n\
         [routes.plain]\nmatch = \"GET /plain/{{rest=**}}\"\nchain = \"edge\"\n\
         upstream = \"sockets\"\n",
        service.url()
    );
    Folder { toml, ..Folder::default() }
}

/// The only access record of a path, once the exchange is over.
async fn record(gate: &Gate, path: &str) -> Result<Value> {
    eventually("a record", SOON, async || {
        let log = std::fs::read_to_string(gate.file("access.jsonl")).ok()?;
        let line = log.lines().find(|line| line.contains(&format!("\"path\":\"{path}\"")))?;
        serde_json::from_str(line).ok()
    })
    .await
}

/// Does what every WebSocket does, whatever it was opened over.
async fn converses(socket: &mut Socket, response: &Response<()>) -> Result<()> {
    assert_eq!(response.headers()["sec-websocket-protocol"], "chat");
    echoed(socket, Message::text("hi")).await?;
    echoed(socket, Message::Binary(Bytes::from(vec![9; 300_000]))).await?;
    echoed(socket, Message::text("")).await?;

    socket.send(Message::Ping("are you there".into())).await?;
    let pong = socket.next().await.context("no pong")??;
    assert_eq!(pong, Message::Pong("are you there".into()));

    let frame = CloseFrame { code: 4000.into(), reason: "done".into() };
    socket.close(Some(frame)).await?;
    assert_eq!(closed(socket).await, Some(4000), "the close frame is answered");
    Ok(())
}

const CHAT: [(&str, &str); 1] = [("sec-websocket-protocol", "chat")];

#[tokio::test]
async fn messages_pass_both_ways_over_http1_and_http2_in_clear_and_by_tls() -> Result<()> {
    let (service, ca) = (SocketService::start().await?, Ca::new()?);
    let issued = ca.server(&["127.0.0.1"])?;
    let mut by_tls = folder(&service, "websocket = {}");
    by_tls.listener = "tls = { certificate = \"a.pem\", key = \"a.key\" }".to_owned();
    by_tls.files.push(("a.pem".to_owned(), issued.cert_pem.into_bytes()));
    by_tls.files.push(("a.key".to_owned(), issued.key_pem.into_bytes()));

    for (folder, scheme) in [(folder(&service, "websocket = {}"), "http"), (by_tls, "https")] {
        let gate = Gate::start(&folder).await?;
        let url = format!("{scheme}://{}", gate.authority());
        let client = |client: Client| match scheme {
            "https" => client.tls(ca.pem()),
            _ => Ok(client),
        };

        let address = format!("{url}/ws/one");
        let (mut socket, response) = open(&client(Client::h1())?, &address, &CHAT).await?;
        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
        assert!(response.headers().contains_key("x-request-id"));
        converses(&mut socket, &response).await?;

        let mut connection = SocketConnection::connect(&client(Client::h2())?, &url).await?;
        let (mut socket, response) = connection.open("/ws/two", &CHAT).await?;
        converses(&mut socket, &response).await?;
        let (mut second, response) = connection.open("/ws/three", &CHAT).await?;
        converses(&mut second, &response).await?;

        for (path, status) in [("/ws/one", 101), ("/ws/two", 200), ("/ws/three", 200)] {
            let record = record(&gate, path).await?;
            assert_eq!(record["status"], status, "{record}");
            assert_eq!(record["method"], "GET", "{record}");
            assert_eq!(record["route"], "ws", "{record}");
            assert_eq!(record["upstream"], "sockets", "{record}");
            assert_eq!(record["tunnel_end"], "caller_closed", "{record}");
            assert_eq!(record["close_code"], 4000, "{record}");
            assert_eq!(record["complete"], true, "{record}");
            for bytes in ["request_bytes", "response_bytes"] {
                assert!(record[bytes].as_u64() > Some(300_000), "{record}");
            }
        }
        assert!(gate.metric("tollgate_tunnels_total", "caller_closed").await? > 2.0);
        assert!(gate.metric("tollgate_tunnels_open", "").await? < 1.0);
    }
    assert_eq!(service.ends().await, [Some(4000); 6]);
    Ok(())
}

#[tokio::test]
async fn a_handshake_has_the_fields_of_any_request_and_a_key_of_its_own() -> Result<()> {
    let service = SocketService::start().await?;
    let gate = Gate::start(&folder(&service, "websocket = {}")).await?;
    let headers = [
        ("authorization", "Bearer secret"),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-tenant-id", "somebody"),
        ("sec-websocket-extensions", "permessage-deflate; client_max_window_bits"),
        ("x-mine", "kept"),
    ];
    let (mut socket, response) = open(&Client::h1(), &gate.url("/ws/a"), &headers).await?;
    echoed(&mut socket, Message::text("hi")).await?;
    assert_eq!(response.headers()["connection"], "upgrade");
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    let mut connection = SocketConnection::connect(&Client::h2(), &gate.url("")).await?;
    let _second = connection.open("/ws/b", &headers).await?;

    let heads = service.heads().await;
    assert_eq!(heads.len(), 2);
    for head in &heads {
        let field = |name: &str| head.get(name).and_then(|value| value.to_str().ok());
        assert_eq!(field("authorization"), None);
        assert_eq!(field("x-tenant-id"), None);
        assert_eq!(field("x-forwarded-for"), Some("127.0.0.1"));
        assert_eq!(field("x-mine"), Some("kept"));
        assert_eq!(field("sec-websocket-version"), Some("13"));
        assert_eq!(field("sec-websocket-extensions"), Some(headers[3].1));
        assert!(field("via").is_some() && field("x-request-id").is_some(), "{head:?}");
    }
    assert_ne!(heads[0]["sec-websocket-key"], heads[1]["sec-websocket-key"]);
    Ok(())
}

/// The status of the answer to a handshake, which opens nothing.
async fn refused(gate: &Gate, path: &str, headers: &[(&'static str, &str)]) -> Result<u16> {
    let error = open(&Client::h1(), &gate.url(path), headers).await.err().context("it is open")?;
    match error.downcast_ref::<Error>() {
        Some(Error::Http(response)) => Ok(response.status().as_u16()),
        _ => Err(error),
    }
}

#[tokio::test]
async fn policies_decide_about_a_handshake_before_anything_is_opened() -> Result<()> {
    let (echo, service) = (Echo::start().await?, SocketService::start().await?);
    let (key, other) = (Key::new("sandbox", 71), Key::new("sandbox", 72));
    let mut folder = six(&echo, &[(&key, &["things:read"]), (&other, &["things:write"])])?;
    folder.toml = folder.toml.replace(&echo.url(), &service.url())
        + "[routes.ws]\nmatch = \"GET /v1/ws\"\nchain = \"tenant\"\nwebsocket = {}\n\
           attributes = { service = \"echo\", scope = \"things:read\", rate-class = \"few\" }\n";
    let gate = Gate::start(&folder).await?;
    let (bearer, other) = (key.bearer(), other.bearer());
    let known = ("authorization", &*bearer);

    for (headers, status) in [
        (vec![], 401),
        (vec![("authorization", &*other)], 403),
        (vec![known, ("origin", "https://evil.example")], 403),
        (vec![known, ("host", "elsewhere.example")], 421),
    ] {
        assert_eq!(refused(&gate, "/v1/ws", &headers).await?, status, "{headers:?}");
    }
    assert_eq!(refused(&gate, "/v1/nowhere", &[known]).await?, 404);
    assert_eq!(refused(&gate, "/v1/things/1", &[known]).await?, 501);
    assert_eq!(service.connections(), 0);

    let allowed = [known, ("origin", "https://app.example.com")];
    for _ in 0..3 {
        let (mut socket, response) = open(&Client::h1(), &gate.url("/v1/ws"), &allowed).await?;
        let origin = response.headers().get("access-control-allow-origin");
        assert_eq!(origin.context("no CORS")?, "https://app.example.com");
        echoed(&mut socket, Message::text("hi")).await?;
    }
    assert_eq!(refused(&gate, "/v1/ws", &allowed).await?, 429);
    assert_eq!(service.connections(), 3);

    let record = record(&gate, "/v1/ws").await?;
    assert_eq!(record["status"], 401, "{record}");
    Ok(())
}

#[tokio::test]
async fn a_handshake_that_is_not_sound_is_refused_and_says_why() -> Result<()> {
    let service = SocketService::start().await?;
    let gate = Gate::start(&folder(&service, "websocket = {}")).await?;
    let sound = [
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "WebSocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let but = |name: &str, value: &'static str| {
        let others = sound.into_iter().filter(|(other, _)| *other != name);
        let with: Vec<_> = others.chain([(name.to_owned().leak() as &str, value)]).collect();
        with.into_iter().filter(|(_, value)| !value.is_empty()).collect::<Vec<_>>()
    };

    for (headers, body, status, code) in [
        (but("sec-websocket-version", "8"), "", 426, "websocket_version_not_supported"),
        (but("sec-websocket-version", ""), "", 400, "malformed_request"),
        (but("sec-websocket-key", ""), "", 400, "malformed_request"),
        (but("sec-websocket-key", "c2hvcnQ="), "", 400, "malformed_request"),
        (but("sec-websocket-key", "not base64 at all!!!!!!!"), "", 400, "malformed_request"),
        (sound.to_vec(), "body", 400, "malformed_request"),
    ] {
        let reply = gate.send(Method::GET, "/ws/a", &headers, body).await?;
        assert_eq!(reply.status.as_u16(), status, "{headers:?}: {}", reply.text());
        assert_eq!(reply.json()?["code"], code, "{headers:?}");
        if status == 426 {
            assert_eq!(reply.header("sec-websocket-version"), Some("13"));
            assert_eq!(reply.header("upgrade"), Some("websocket"));
        }
    }
    let reply = gate.send(Method::GET, "/plain/a", &sound, "").await?;
    assert_eq!(reply.status, StatusCode::NOT_IMPLEMENTED, "{}", reply.text());
    assert_eq!(reply.json()?["code"], "protocol_not_supported");
    assert_eq!(service.connections(), 0);

    // What asks for nothing is an ordinary request.
    let wire = Wire::start("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi", false).await?;
    let mut ordinary = folder(&service, "websocket = {}");
    ordinary.toml = ordinary.toml.replace(&service.url(), &wire.url());
    let gate = Gate::start(&ordinary).await?;
    for (method, headers) in [
        (Method::GET, but("upgrade", "h2c")),
        (Method::GET, but("connection", "keep-alive")),
        (Method::POST, sound.to_vec()),
    ] {
        let reply = gate.send(method.clone(), "/ws/a", &headers, "").await?;
        assert_eq!((reply.status, reply.text()), (StatusCode::OK, "hi".to_owned()), "{method}");
    }
    Ok(())
}

#[tokio::test]
async fn extended_connect_opens_websockets_alone_and_plain_connect_nothing() -> Result<()> {
    let service = SocketService::start().await?;
    let gate = Gate::start(&folder(&service, "websocket = {}")).await?;
    let mut connection = SocketConnection::connect(&Client::h2(), &gate.url("")).await?;
    let version = ("sec-websocket-version", "13");

    for (protocol, path, headers, status) in [
        ("websocket", "/plain/a", vec![version], 501),
        ("connect-udp", "/ws/a", vec![version], 501),
        ("websocket", "/ws/a", vec![], 400),
        ("websocket", "/ws/a", vec![("sec-websocket-version", "12")], 426),
        ("websocket", "/nowhere", vec![version], 404),
    ] {
        let response = connection.ask(protocol, path, &headers).await?;
        assert_eq!(response.status().as_u16(), status, "{protocol} {path} {headers:?}");
        assert!(!response.headers().contains_key("upgrade"));
    }
    assert_eq!(service.connections(), 0);

    let bytes = b"CONNECT 127.0.0.1:80 HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n";
    let answer = raw(gate.authority().parse()?, bytes, SOON).await?;
    assert!(answer.starts_with(b"HTTP/1.1 405"), "{}", String::from_utf8_lossy(&answer));
    Ok(())
}

#[tokio::test]
async fn an_answer_that_opens_none_is_passed_on_and_one_without_its_proof_is_not() -> Result<()> {
    let service = SocketService::start().await?;
    let gate = Gate::start(&folder(&service, "websocket = {}")).await?;
    assert_eq!(refused(&gate, "/ws/refuse", &[]).await?, 418);
    let mut connection = SocketConnection::connect(&Client::h2(), &gate.url("")).await?;
    let version = ("sec-websocket-version", "13");
    let response = connection.ask("websocket", "/ws/refuse", &[version]).await?;
    assert_eq!(response.status(), StatusCode::IM_A_TEAPOT);

    let switch =
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n";
    let proof = "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
    for (answer, h1, h2) in [
        (format!("{switch}\r\n"), 502, 502),
        (format!("{switch}{proof}\r\n"), 502, 502),
        // Over HTTP/2 a 200 would be the begin of a tunnel.
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi".to_owned(), 200, 502),
    ] {
        let wire = Wire::start(answer.clone(), false).await?;
        let mut folder = folder(&service, "websocket = {}");
        folder.toml = folder.toml.replace(&service.url(), &wire.url());
        let gate = Gate::start(&folder).await?;
        assert_eq!(refused(&gate, "/ws/a", &[]).await?, h1, "{answer}");
        let mut connection = SocketConnection::connect(&Client::h2(), &gate.url("")).await?;
        let response = connection.ask("websocket", "/ws/b", &[version]).await?;
        assert_eq!(response.status().as_u16(), h2, "{answer}");
        let record = record(&gate, "/ws/b").await?;
        assert_eq!((&record["status"], &record["upstream"]), (&h2.into(), &"sockets".into()));
    }
    Ok(())
}

#[tokio::test]
async fn a_websocket_outlives_a_reload_and_has_the_route_it_was_opened_by() -> Result<()> {
    let service = SocketService::start().await?;
    let folder = folder(&service, "websocket = {}");
    let gate = Gate::start(&folder).await?;
    let (mut socket, _) = open(&Client::h1(), &gate.url("/ws/a"), &[]).await?;
    echoed(&mut socket, Message::text("before")).await?;

    let without = folder.toml.replace("websocket = {}", "");
    gate.rewrite("rules.toml", without.as_bytes(), "swapped").await?;
    assert_eq!(refused(&gate, "/ws/b", &[]).await?, 501);
    echoed(&mut socket, Message::text("after")).await?;
    assert_eq!(gate.metric("tollgate_tunnels_open", "").await?.round(), 1.0);
    Ok(())
}

/// Fields of a handshake as bytes, for callers that write frames by hand.
fn handshake(authority: &str, path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}
