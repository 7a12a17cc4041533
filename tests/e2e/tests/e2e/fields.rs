//! Header fields both ways: nobody but the gateway speaks as the gateway, callers assert no
//! identity to services, and each hop is named.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use bytes::Bytes;
use e2e::Echo;
use e2e::gate::{Folder, Gate, SOON, component};
use http::{Method, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tollgate_harness::{Client, Reply, eventually};

const RULES: &str = r#"
[plugins.allowed-hosts]
file = "allowed-hosts.wasm"
[policies.allowed-hosts]
plugin = "allowed-hosts"
grants = ["request", "notes"]
settings = { hosts = [{ name = "HOST" }] }
[chains.edge]
policies = ["allowed-hosts"]

[upstreams.plain]
protocol = "http"
endpoints = ["ECHO"]
[upstreams.trusted]
protocol = "http"
endpoints = ["ECHO"]
forwarded = "forwarded"
host = "caller"
pass_authorization = true
pass_cookie = true
[upstreams.untold]
protocol = "http"
endpoints = ["ECHO"]
forwarded = "none"
[upstreams.calls]
protocol = "grpc"
endpoints = ["ECHO"]
[upstreams.canned]
protocol = "http"
endpoints = ["CANNED"]
[upstreams.sessions]
protocol = "http"
endpoints = ["CANNED"]
pass_set_cookie = true
[upstreams.itself]
protocol = "http"
endpoints = ["http://HOST"]

[routes.plain]
match = ["GET /plain", "POST /plain"]
chain = "edge"
upstream = "plain"
[routes.trusted]
match = "GET /trusted"
chain = "edge"
upstream = "trusted"
[routes.untold]
match = "GET /untold"
chain = "edge"
upstream = "untold"
[routes.calls]
match = "POST /echo.Echo/Call"
chain = "edge"
upstream = "calls"
[routes.canned]
match = "GET /canned"
chain = "edge"
upstream = "canned"
[routes.sessions]
match = "GET /sessions"
chain = "edge"
upstream = "sessions"
[routes.itself]
match = "GET /itself"
chain = "edge"
upstream = "itself"
"#;

/// An HTTP/1.1 upstream that answers every request with these bytes.
struct Canned {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Canned {
    async fn start(answer: &'static str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    match stream.read_u8().await {
                        Ok(byte) => head.push(byte),
                        Err(_) => break,
                    }
                }
                // A gateway that went away reads no answer.
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Ok(Self { address, task })
    }
}

impl Drop for Canned {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn gate(echo: &Echo, canned: &str) -> Result<Gate> {
    let toml = RULES.replace("ECHO", &echo.url()).replace("CANNED", canned);
    let files = vec![("allowed-hosts.wasm".to_owned(), component("allowed-hosts")?)];
    Gate::start(&Folder { toml, files, ..Folder::default() }).await
}

/// The fields that the upstream got, each as `name: value`.
fn received(reply: &Reply) -> Result<Vec<String>> {
    assert_eq!(reply.status, 200, "{}", reply.text());
    Ok(serde_json::from_value(reply.json()?["headers"].clone())?)
}

fn has(fields: &[String], name: &str) -> bool {
    fields.iter().any(|field| field.starts_with(&format!("{name}: ")))
}

const UNUSED: &str = "http://127.0.0.1:9";

#[tokio::test]
async fn callers_asserted_identities_addresses_and_methods_to_services() -> Result<()> {
    let echo = Echo::start().await?;
    let gate = gate(&echo, UNUSED).await?;
    let asserted = [
        "cf-connecting-ip",
        "client-cert",
        "forwarded",
        "idempotent-replayed",
        "proxy",
        "remote-user",
        "true-client-ip",
        "x-amzn-oidc-data",
        "x-amzn-oidc-identity",
        "x-auth-request-email",
        "x-client-cert",
        "x-consumer-username",
        "x-envoy-original-path",
        "x-forwarded-user",
        "x-http-method-override",
        "x-operation-key",
        "x-original-url",
        "x-remote-user",
        "x-rewrite-url",
        "x-tenant-id",
        "x-tollgate-principal-bin",
    ];
    let mut headers: Vec<(&str, &str)> = asserted.iter().map(|name| (*name, "evil")).collect();
    headers.extend([("x-custom", "kept"), ("x-user-agent", "kept"), ("x-amzn-trace-id", "kept")]);

    for path in ["/plain", "/trusted", "/untold"] {
        let reply = gate.send(Method::GET, path, &headers, "").await?;
        let fields = received(&reply)?;
        for field in &fields {
            assert!(!field.contains("evil"), "{path}: {field}");
        }
        for name in ["x-custom", "x-user-agent", "x-amzn-trace-id"] {
            assert!(fields.contains(&format!("{name}: kept")), "{path}: {fields:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_upstream_learns_of_the_caller_as_it_is_set_and_gets_no_secret_unasked() -> Result<()> {
    let echo = Echo::start().await?;
    let gate = gate(&echo, UNUSED).await?;
    let secrets = [
        ("authorization", "Bearer secret"),
        ("cookie", "session=secret"),
        ("x-api-key", "secret"),
        ("proxy-authorization", "Basic secret"),
    ];

    let plain = received(&gate.send(Method::GET, "/plain", &secrets, "").await?)?;
    assert!(plain.iter().all(|field| !field.contains("secret")), "{plain:?}");
    assert!(plain.contains(&format!("host: {}", echo.url().replace("http://", ""))), "{plain:?}");
    assert!(plain.contains(&"x-forwarded-for: 127.0.0.1".to_owned()), "{plain:?}");
    assert!(plain.contains(&"x-forwarded-proto: http".to_owned()), "{plain:?}");
    assert!(plain.contains(&format!("x-forwarded-host: {}", gate.authority())), "{plain:?}");
    assert!(!has(&plain, "forwarded"), "{plain:?}");

    let trusted = received(&gate.send(Method::GET, "/trusted", &secrets, "").await?)?;
    assert!(trusted.contains(&"authorization: Bearer secret".to_owned()), "{trusted:?}");
    assert!(trusted.contains(&"cookie: session=secret".to_owned()), "{trusted:?}");
    assert!(!has(&trusted, "x-api-key") && !has(&trusted, "proxy-authorization"), "{trusted:?}");
    assert!(trusted.contains(&format!("host: {}", gate.authority())), "{trusted:?}");
    let forwarded = format!("forwarded: for=127.0.0.1;host=\"{}\";proto=http", gate.authority());
    assert!(trusted.contains(&forwarded), "{trusted:?}");
    assert!(!trusted.iter().any(|field| field.starts_with("x-forwarded-")), "{trusted:?}");

    let untold = received(&gate.send(Method::GET, "/untold", &secrets, "").await?)?;
    assert!(!untold.iter().any(|field| field.contains("forwarded")), "{untold:?}");
    Ok(())
}

#[tokio::test]
async fn an_upstream_answered_in_the_name_of_the_gateway() -> Result<()> {
    let echo = Echo::start().await?;
    let answer = "HTTP/1.1 200 OK\r\nx-tollgate-principal-bin: AA\r\nx-tenant-id: t\r\n\
                  idempotent-replayed: true\r\nalt-svc: h3=\":443\"\r\nset-cookie: a=b\r\n\
                  set-cookie: c=d\r\nserver: inner\r\nvia: 1.0 inner\r\nx-custom: kept\r\n\
                  content-length: 2\r\nconnection: close\r\n\r\nok";
    let canned = Canned::start(answer).await?;
    let gate = gate(&echo, &format!("http://{}", canned.address)).await?;

    let reply = gate.send(Method::GET, "/canned", &[], "").await?;
    assert_eq!((reply.status.as_u16(), reply.header("x-custom")), (200, Some("kept")));
    for name in [
        "x-tollgate-principal-bin",
        "x-tenant-id",
        "idempotent-replayed",
        "alt-svc",
        "set-cookie",
        "server",
    ] {
        assert_eq!(reply.header(name), None, "{name}");
    }

    let sessions = gate.send(Method::GET, "/sessions", &[], "").await?;
    let cookies: Vec<_> = sessions.headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=b", "c=d"]);
    assert_eq!(sessions.header("alt-svc"), None);
    Ok(())
}

#[tokio::test]
async fn a_status_that_no_client_knows_was_passed_on() -> Result<()> {
    let echo = Echo::start().await?;
    let answer = "HTTP/1.1 999 Odd\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let canned = Canned::start(answer).await?;
    let gate = gate(&echo, &format!("http://{}", canned.address)).await?;
    let reply = gate.send(Method::GET, "/canned", &[], "").await?;
    assert_eq!(reply.status, 502, "{}", reply.text());
    assert_eq!(reply.json()?["code"], "upstream_invalid");
    Ok(())
}

#[tokio::test]
async fn each_message_names_the_gateway_as_a_hop_and_hides_the_callers_own() -> Result<()> {
    let echo = Echo::start().await?;
    let gate = gate(&echo, UNUSED).await?;
    let reply = gate.send(Method::GET, "/plain", &[("via", "1.1 inner.corp (Squid)")], "").await?;
    let fields = received(&reply)?;
    let via: Vec<_> = fields.iter().filter(|field| field.starts_with("via: ")).collect();
    assert!(via.len() == 1 && via[0].starts_with("via: 1.1 tollgate-"), "{via:?}");
    let answered = reply.header("via").context("Via of the answer")?;
    assert_eq!(format!("via: {answered}"), *via[0], "one pseudonym both ways");

    let refusal = gate.send(Method::GET, "/none", &[], "").await?;
    assert_eq!((refusal.status.as_u16(), refusal.header("via")), (404, None));
    Ok(())
}

#[tokio::test]
async fn a_loop_through_the_gateway_took_every_connection() -> Result<()> {
    let echo = Echo::start().await?;
    let gate = gate(&echo, UNUSED).await?;
    let reply = gate.send(Method::GET, "/itself", &[], "").await?;
    assert_eq!(reply.status, 508, "{}", reply.text());
    assert_eq!(reply.json()?["code"], "loop_detected");

    // The request, and the one that came back: both are over, and in the access log.
    let rounds = eventually("two records", SOON, async || {
        let log = std::fs::read_to_string(gate.file("access.jsonl")).ok()?;
        let rounds = log.lines().filter(|line| line.contains("\"/itself\"")).count();
        (rounds >= 2).then_some(rounds)
    });
    assert_eq!(rounds.await?, 2);
    Ok(())
}

#[tokio::test]
async fn binary_metadata_of_a_native_grpc_caller_was_lost() -> Result<()> {
    let echo = Echo::start().await?;
    let gate = gate(&echo, UNUSED).await?;
    let call = |content_type: &'static str| {
        Request::post(gate.url("/echo.Echo/Call"))
            .header("content-type", content_type)
            .header("te", "trailers")
            .header("trace-bin", "AAEC")
            .header("x-tenant-secret-bin", "AAEC")
            .header("x-tollgate-principal-bin", "AAEC")
            .header("grpc-status-details-bin", "AAEC")
            .body(Bytes::from_static(&[0, 0, 0, 0, 0]))
    };

    let native = Client::h2().send(call("application/grpc")?).await?;
    let metadata = native.header("x-metadata").context("an answer of the echo")?;
    let names: Vec<&str> = metadata.split(' ').collect();
    assert!(names.contains(&"trace-bin"), "{names:?}");
    for name in ["x-tenant-secret-bin", "x-tollgate-principal-bin", "grpc-status-details-bin"] {
        assert!(!names.contains(&name), "{name}: {names:?}");
    }

    // A caller of HTTP does not reach a service with metadata.
    let plain = Request::post(gate.url("/plain")).header("trace-bin", "AAEC");
    let plain = received(&Client::h1().send(plain.body(Bytes::new())?).await?)?;
    assert!(!has(&plain, "trace-bin"), "{plain:?}");
    Ok(())
}
