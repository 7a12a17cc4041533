//! The operators' port over a real socket, asked by the client of the command line and by others.

use std::sync::Arc;

use anyhow::{Context, Result};
use http::StatusCode;
use tokio_util::sync::{CancellationToken, DropGuard};
use tollgate_admin::{Admin, AdminClient, Api, Token, start_metrics};
use tollgate_control::Rollouts;
use tollgate_edge::{Listener, ListenerSettings, Responder};
use tollgate_harness::Client;
use tollgate_insight::Redactor;
use tollgate_proxy::{Ledger, Readiness, ReceiptLog};

const TOKEN: &str = "a-token-of-enough-length";

struct Port {
    url: String,
    readiness: Readiness,
    _stop: DropGuard,
}

/// The process has one recorder of metrics, so there is one port for all tests.
fn port() -> Result<Port> {
    let folder = tempfile::tempdir()?;
    let toml = "[chains.open]\npolicies = []\n[listeners.main]\naddress = \"127.0.0.1:0\"\n\
                chain = \"open\"\n";
    std::fs::write(folder.path().join("gateway.toml"), toml)?;
    let config = tollgate_config::load(folder.path())?;

    let responder = Arc::new(Responder::new(config.problem_type_base()));
    let readiness = Readiness::default();
    let api = Api {
        receipts: ReceiptLog::new(config.receipts()),
        redactor: Arc::new(Redactor::new()),
        rollouts: Rollouts::default(),
        token: Some(Arc::new(Token::new(TOKEN)?)),
        responder: Arc::clone(&responder),
    };
    let admin = Admin {
        readiness: readiness.clone(),
        metrics: start_metrics()?,
        ledger: Ledger::default(),
        responder: Arc::clone(&responder),
        api,
    };

    let listener = Listener::bind(ListenerSettings::plaintext("127.0.0.1:0".parse()?, responder))?;
    let url = format!("http://{}", listener.local_addr());
    let stop = CancellationToken::new();
    tokio::spawn(listener.serve(admin, stop.clone()));
    Ok(Port { url, readiness, _stop: stop.drop_guard() })
}

#[tokio::test]
async fn the_port_answers_health_to_all_and_the_api_to_whoever_has_the_token() -> Result<()> {
    let port = port()?;
    health(&port).await?;
    metrics(&port).await?;
    api(&port).await
}

async fn health(port: &Port) -> Result<()> {
    let get = async |path: &str| Client::h1().get(&format!("{}{path}", port.url)).await;
    for path in ["/healthz", "/livez"] {
        let alive = get(path).await?;
        assert_eq!((alive.status, &*alive.text()), (StatusCode::OK, r#"{"status":"ok"}"#));
    }

    let starting = get("/readyz").await?;
    assert_eq!(starting.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(starting.text(), r#"{"status":"unready","reasons":["starting"]}"#);
    port.readiness.ready();
    let ready = get("/readyz").await?;
    assert_eq!((ready.status, &*ready.text()), (StatusCode::OK, r#"{"status":"ready"}"#));
    port.readiness.draining();
    let draining = get("/readyz").await?;
    assert_eq!(draining.text(), r#"{"status":"unready","reasons":["draining"]}"#);
    Ok(())
}

async fn metrics(port: &Port) -> Result<()> {
    let url = format!("{}/metrics", port.url);
    let scraped = Client::h1().get(&url).await?;
    assert_eq!(scraped.header("content-type"), Some("text/plain; version=0.0.4"));
    assert!(scraped.text().contains("tollgate_exchanges_total"), "{}", scraped.text());

    let posted = Client::h1().post(&url, &[], "").await?;
    assert_eq!(posted.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(posted.header("allow"), Some("GET, HEAD"));
    Ok(())
}

async fn api(port: &Port) -> Result<()> {
    let stranger = Client::h1().get(&format!("{}/v1/receipts", port.url)).await?;
    assert_eq!(stranger.status, StatusCode::UNAUTHORIZED);
    assert_eq!(stranger.header("content-type"), Some("application/problem+json"));
    assert_eq!(
        stranger.json()?.get("code").and_then(|code| code.as_str()),
        Some("unauthenticated")
    );

    let client = AdminClient::open(&port.url, TOKEN)?;
    assert!(client.since(0, 10, 1).await?.receipts.is_empty());
    assert!(client.rollouts().await?.is_empty());
    assert_eq!(client.newest().await?, 0);
    let missing = client.find("no-such-request").await.err().context("no receipt")?.to_string();
    assert!(missing.contains("404") && missing.contains("no receipt of this request"), "{missing}");
    let unknown = client.advance("no-such-policy", "stage=off").await.err().context("none")?;
    assert!(unknown.to_string().contains("404"), "{unknown}");

    let wrong = AdminClient::open(&port.url, "another-token-of-length")?;
    let refused = wrong.newest().await.err().context("a refusal")?.to_string();
    assert!(refused.contains("401"), "{refused}");
    Ok(())
}
