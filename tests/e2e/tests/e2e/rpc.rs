//! Callers by gRPC-Web, Connect and JSON streams of a service that speaks gRPC alone.

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use e2e::Gate;
use e2e::gate::Folder;
use e2e::greeter::{Greeter, PROTO};
use http::{Request, StatusCode};
use serde_json::json;
use tollgate_harness::{Client, Reply};

/// `GreetRequest { name: "you" }`.
const YOU: &[u8] = b"\x0a\x03you";
/// `GreetReply { greeting: "Hello, you" }`.
const HELLO: &[u8] = b"\x0a\x0aHello, you";

async fn gate(greeter: &Greeter, keys: &str) -> Result<Gate> {
    let toml = format!(
        "[chains.edge]\npolicies = []\n\
         [upstreams.greeter]\nprotocol = \"grpc\"\n{keys}\
         endpoints = [\"http://127.0.0.1:{}\"]\n\
         [routes.any]\nchain = \"edge\"\nupstream = \"greeter\"\n\
         match = [\"POST /demo.Greeter/{{method}}\", \"GET /demo.Greeter/{{method}}\"]\n",
        greeter.port()
    );
    Gate::start(&Folder { toml, ..Folder::default() }).await
}

/// Posts to a method of the greeter.
async fn post(
    client: &Client,
    gate: &Gate,
    method: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Result<Reply> {
    let mut request = Request::post(gate.url(&format!("/demo.Greeter/{method}")));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    client.send(request.body(body.into())?).await
}

fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes();
    [&[flag][..], &length, message].concat()
}

#[tokio::test]
async fn grpc_web_is_told_in_frames_and_in_text() -> Result<()> {
    let greeter = Greeter::start().await?;
    let gate = gate(&greeter, "").await?;
    for client in [Client::h1(), Client::h2()] {
        let headers = [("content-type", "application/grpc-web+proto"), ("x-grpc-web", "1")];
        let reply = post(&client, &gate, "Greet", &headers, framed(0, YOU)).await?;
        assert_eq!(reply.status, StatusCode::OK);
        assert_eq!(reply.header("content-type"), Some("application/grpc-web+proto"));
        let trailers = framed(0x80, b"grpc-status: 0\r\n");
        assert_eq!(reply.body, [framed(0, HELLO), trailers].concat());

        let text = [("content-type", "application/grpc-web-text")];
        let body = STANDARD.encode(framed(0, YOU));
        let reply = post(&client, &gate, "Greet", &text, body).await?;
        assert_eq!(reply.header("content-type"), Some("application/grpc-web-text+proto"));
        let pieces = [
            STANDARD.encode(framed(0, HELLO)),
            STANDARD.encode(framed(0x80, b"grpc-status: 0\r\n")),
        ];
        assert_eq!(reply.text(), pieces.concat());
    }
    Ok(())
}

#[tokio::test]
async fn an_error_of_the_service_ends_a_grpc_web_call_in_its_last_frame() -> Result<()> {
    let greeter = Greeter::start().await?;
    let gate = gate(&greeter, "").await?;
    let headers = [("content-type", "application/grpc-web+proto")];
    let reply = post(&Client::h1(), &gate, "Absent", &headers, framed(0, YOU)).await?;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(reply.body.first(), Some(&0x80));
    assert!(reply.text().contains("grpc-status: 12\r\n"), "{}", reply.text());
    assert!(reply.text().contains("grpc-message: no%20such%20method\r\n"), "{}", reply.text());
    Ok(())
}

#[tokio::test]
async fn connect_is_told_by_status_and_bare_message() -> Result<()> {
    let greeter = Greeter::start().await?;
    let gate = gate(&greeter, "").await?;
    for client in [Client::h1(), Client::h2()] {
        let headers = [("content-type", "application/proto"), ("connect-protocol-version", "1")];
        let reply = post(&client, &gate, "Greet", &headers, YOU).await?;
        assert_eq!(reply.status, StatusCode::OK);
        assert_eq!(reply.header("content-type"), Some("application/proto"));
        assert_eq!(reply.body, HELLO);

        let reply = post(&client, &gate, "Absent", &headers, YOU).await?;
        assert_eq!(reply.status, StatusCode::NOT_IMPLEMENTED);
        assert_eq!(reply.header("content-type"), Some("application/json"));
        assert_eq!(reply.json()?, json!({ "code": "unimplemented", "message": "no such method" }));

        let query = "connect=v1&encoding=proto&base64=1&message=CgN5b3U";
        let reply = client.get(&gate.url(&format!("/demo.Greeter/Greet?{query}"))).await?;
        assert_eq!((reply.status, &reply.body[..]), (StatusCode::OK, HELLO));
    }
    Ok(())
}

#[tokio::test]
async fn a_stream_of_connect_ends_in_an_envelope() -> Result<()> {
    let greeter = Greeter::start().await?;
    let gate = gate(&greeter, "").await?;
    let headers =
        [("content-type", "application/connect+proto"), ("connect-protocol-version", "1")];
    let reply = post(&Client::h2(), &gate, "Greet", &headers, framed(0, YOU)).await?;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(reply.header("content-type"), Some("application/connect+proto"));
    assert_eq!(reply.body, [framed(0, HELLO), framed(2, b"{}")].concat());

    let reply = post(&Client::h2(), &gate, "Absent", &headers, framed(0, YOU)).await?;
    let error = br#"{"error":{"code":"unimplemented","message":"no such method"}}"#;
    assert_eq!(reply.body, framed(2, error));
    Ok(())
}

#[tokio::test]
async fn what_is_no_call_is_refused_in_the_callers_protocol() -> Result<()> {
    let greeter = Greeter::start().await?;
    let gate = gate(&greeter, "").await?;
    let text = [("content-type", "application/grpc-web-text")];
    let reply = post(&Client::h1(), &gate, "Greet", &text, "!!!!").await?;
    assert_eq!(reply.header("grpc-status"), Some("3"));

    let reply =
        Client::h1().get(&gate.url("/demo.Greeter/Greet?connect=v1&encoding=proto")).await?;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    assert_eq!(reply.json()?["code"], "invalid_argument");
    assert!(reply.text().contains("message: expected the message"), "{}", reply.text());
    Ok(())
}

#[tokio::test]
async fn a_protocol_that_the_service_speaks_is_passed_on() -> Result<()> {
    let greeter = Greeter::start().await?;
    let gate = gate(&greeter, "rpc_protocols = [\"grpc-web\", \"connect\"]\n").await?;
    let headers = [("content-type", "application/grpc-web+proto")];
    let reply = post(&Client::h1(), &gate, "Greet", &headers, framed(0, YOU)).await?;
    // The greeter answers as gRPC does, whatever it is asked in.
    assert_eq!(reply.header("content-type"), Some("application/grpc"));
    Ok(())
}

/// A gateway with `GET /v1/greetings/{name}` in JSON.
async fn json_gate(greeter: &Greeter) -> Result<Gate> {
    let toml = format!(
        "[chains.edge]\npolicies = []\n\
         [descriptors]\nfiles = [\"greet.proto\"]\nincludes = [\".\"]\n\
         [upstreams.greeter]\nprotocol = \"grpc\"\nendpoints = [\"http://127.0.0.1:{}\"]\n\
         [routes.greetings]\nchain = \"edge\"\nupstream = \"greeter\"\n\
         grpc = \"demo.Greeter/Greetings\"\nmatch = \"GET /v1/greetings\"\n",
        greeter.port()
    );
    let files = vec![("greet.proto".to_owned(), PROTO.as_bytes().to_vec())];
    Gate::start(&Folder { toml, files, ..Folder::default() }).await
}

async fn greetings(gate: &Gate, name: &str, accept: Option<&str>) -> Result<Reply> {
    let mut request = Request::get(gate.url(&format!("/v1/greetings?name={name}")));
    if let Some(accept) = accept {
        request = request.header("accept", accept);
    }
    Client::h1().send(request.body(Bytes::new())?).await
}

#[tokio::test]
async fn a_stream_of_messages_is_told_in_lines_or_events() -> Result<()> {
    let greeter = Greeter::start().await?;
    let gate = json_gate(&greeter).await?;
    for accept in [None, Some("*/*"), Some("application/x-ndjson"), Some("application/json")] {
        let reply = greetings(&gate, "you", accept).await?;
        assert_eq!(reply.status, StatusCode::OK, "{accept:?}");
        assert_eq!(reply.header("content-type"), Some("application/x-ndjson"));
        let lines = "{\"result\":{\"greeting\":\"Hello, you\"}}\n\
                     {\"result\":{\"greeting\":\"Again, you\"}}\n";
        assert_eq!(reply.text(), lines);
    }

    let reply = greetings(&gate, "you", Some("text/event-stream")).await?;
    assert_eq!(reply.header("content-type"), Some("text/event-stream"));
    let events = "data: {\"greeting\":\"Hello, you\"}\n\ndata: {\"greeting\":\"Again, you\"}\n\n";
    assert_eq!(reply.text(), events);

    let reply = greetings(&gate, "you", Some("text/html")).await?;
    assert_eq!(reply.status, StatusCode::NOT_ACCEPTABLE);
    Ok(())
}

#[tokio::test]
async fn a_stream_that_fails_before_its_first_message_is_a_problem_and_later_a_last_line()
-> Result<()> {
    let greeter = Greeter::start().await?;
    let gate = json_gate(&greeter).await?;
    let reply = greetings(&gate, "", None).await?;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    assert_eq!(reply.header("content-type"), Some("application/problem+json"));
    assert_eq!(reply.json()?["detail"], "a name is missing");

    let reply = greetings(&gate, "nobody", None).await?;
    assert_eq!(reply.status, StatusCode::OK);
    let text = reply.text();
    let last = text.lines().last().unwrap_or_default();
    let error = json!({ "code": 5, "message": "there is nobody", "details": [] });
    assert_eq!(serde_json::from_str::<serde_json::Value>(last)?, json!({ "error": error }));
    assert_eq!(text.lines().count(), 2);

    let reply = greetings(&gate, "nobody", Some("text/event-stream")).await?;
    assert!(reply.text().contains("\n\nevent: error\ndata: {\"code\":5,"), "{}", reply.text());
    Ok(())
}
