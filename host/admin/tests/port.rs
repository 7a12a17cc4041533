//! The operators' port over a real socket, asked by the client of the command line and by others.

use std::sync::Arc;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use metrics::gauge;
use tokio_util::sync::{CancellationToken, DropGuard};
use tollgate_admin::{Admin, AdminClient, AdminHosts, AdminState, Token, start_metrics};
use tollgate_chain::metric::{self, METRICS, metric_table};
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
    let admin = Admin::new(AdminState {
        readiness: readiness.clone(),
        metrics: start_metrics()?,
        ledger: Ledger::default(),
        responder: Arc::clone(&responder),
        receipts: ReceiptLog::new(config.receipts()),
        redactor: Redactor::new(),
        rollouts: Rollouts::default(),
        hosts: AdminHosts::new("127.0.0.1:0".parse()?, &[]),
        token: Some(Arc::new(Token::new(TOKEN)?)),
    });

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
    scrape(&port).await?;
    api(&port).await
}

#[test]
fn the_readme_lists_the_metrics_of_the_catalogue() {
    let readme = include_str!("../README.md");
    let table = metric_table();
    assert!(readme.contains(&table), "README.md of this crate has another table than\n{table}");
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

async fn scrape(port: &Port) -> Result<()> {
    let url = format!("{}/metrics", port.url);
    let scraped = Client::h1().get(&url).await?;
    assert_eq!(scraped.header("content-type"), Some("text/plain; version=0.0.4"));
    assert!(scraped.text().contains("tollgate_exchanges_total"), "{}", scraped.text());

    // Each sample belongs to a metric of the catalogue, with its type and its description.
    gauge!(metric::POLICY_SECONDS, "policy" => "auth").set(0.25);
    let text = Client::h1().get(&url).await?.text();
    for sample in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let name = sample.split(['{', ' ']).next().context("a name")?;
        let known = METRICS.iter().find(|metric| metric.name == name).context(name.to_owned())?;
        assert!(text.contains(&format!("# HELP {name} {}\n", known.help)), "{text}");
        assert!(text.contains(&format!("# TYPE {name} {}\n", known.kind.as_str())), "{text}");
    }
    assert!(text.contains("tollgate_policy_seconds_total{policy=\"auth\"} 0.25\n"), "{text}");

    let posted = Client::h1().post(&url, &[], "").await?;
    assert_eq!(posted.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(posted.header("allow"), Some("GET, HEAD"));
    assert_eq!(posted.header("content-type"), Some("application/problem+json"));

    let head = Request::builder().method(Method::HEAD).uri(format!("{}/livez", port.url));
    let head = Client::h1().send(head.body(Bytes::new())?).await?;
    assert_eq!((head.status, head.header("content-length")), (StatusCode::OK, Some("15")));
    assert_eq!(Client::h1().get(&format!("{}/v2", port.url)).await?.status, StatusCode::NOT_FOUND);
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
    // Whoever has no token learns of no path.
    for path in ["/v1", "/v1/unknown", "/v1/receipts/a/b"] {
        let stranger = Client::h1().get(&format!("{}{path}", port.url)).await?;
        assert_eq!(stranger.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    let bearer = format!("Bearer {TOKEN}");
    let asked = async |method: Method, path: &str| {
        let request = Request::builder().method(method).uri(format!("{}{path}", port.url));
        let request = request.header("authorization", &bearer).body(Bytes::new())?;
        Client::h1().send(request).await
    };
    let unknown = asked(Method::GET, "/v1/unknown").await?;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    assert_eq!(unknown.header("content-type"), Some("application/problem+json"));
    let moved = asked(Method::GET, "/v1/rollouts/auth").await?;
    assert_eq!(moved.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(moved.header("allow"), Some("POST"));
    let malformed = asked(Method::GET, "/v1/receipts?limit=0").await?;
    assert_eq!(malformed.status, StatusCode::BAD_REQUEST);

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
