//! Dependencies of policies that are down: real stores and services that cannot be reached.

use std::process::Command;

use anyhow::{Result, ensure};
use e2e::gate::{Folder, Gate, SOON, six};
use e2e::{Echo, Key};
use http::Method;
use tollgate_harness::{Reply, SigningKey, eventually, free_port};

use super::table;

const SCOPES: &[&str] = &["things:read", "things:write"];

/// Status and code, as the table says them.
fn told(reply: &Reply) -> Result<String> {
    let problem = reply.json()?;
    let code = problem["code"].as_str().unwrap_or_default();
    Ok(format!("{} {code}", reply.status.as_u16()))
}

/// Sends the request until this policy has replied; every reply is as the table says.
async fn is_as_told(gate: &Gate, policy: &str, cause: &str, request: (Method, &str)) -> Result<()> {
    let printed = table(gate.folder())?;
    let expected = printed.follows(policy, "on-request", cause)?.to_owned();

    let key = Key::new("sandbox", 22);
    let bearer = key.bearer();
    let (method, path) = request;
    let replied = format!("policy=\"{policy}\",hook=\"on-request\",outcome=\"reply\"");

    let mut wrong = None;
    eventually(&format!("a reply of {policy}"), SOON, async || {
        let headers = [("authorization", bearer.as_str()), ("idempotency-key", "\"down-1\"")];
        let reply = gate.send(method.clone(), path, &headers, "{}").await.ok()?;
        let outcome = told(&reply).unwrap_or_else(|_| reply.text());
        if outcome != expected {
            wrong = Some(outcome);
            return Some(());
        }
        let replies = gate.metric("tollgate_policy_runs_total", &replied).await.ok()?;
        (replies >= 1.0).then_some(())
    })
    .await?;

    ensure!(wrong.is_none(), "{policy}, {cause}: expected {expected}, saw {wrong:?}");
    ensure!(expected.starts_with("503 "), "{expected}");
    Ok(())
}

fn folder(echo: &Echo) -> Result<Folder> {
    six(echo, &[(&Key::new("sandbox", 22), SCOPES)])
}

#[tokio::test]
async fn credentials_that_cannot_be_looked_up_let_nobody_pass() -> Result<()> {
    let echo = Echo::start().await?;
    let mut folder = folder(&echo)?;
    let nobody = free_port()?;
    folder.toml = folder.toml.replace(
        "kind = \"file\"\npath = \"credentials.keys\"",
        &format!("kind = \"identity\"\nendpoint = \"http://127.0.0.1:{nobody}\""),
    );
    folder.toml += "[principal]\nissuer = \"test\"\nkey_id = \"test\"\nkey_file = \"key.pem\"\n";
    let signing = SigningKey::generate("test")?;
    folder.files.push(("key.pem".to_owned(), signing.private_pem.as_bytes().to_vec()));
    let gate = Gate::start(&folder).await?;
    is_as_told(&gate, "auth", "credentials down", (Method::GET, "/v1/things/1")).await?;
    ensure!(echo.calls() == 0, "{} calls", echo.calls());
    Ok(())
}

#[tokio::test]
async fn records_that_cannot_be_written_let_no_operation_begin() -> Result<()> {
    let echo = Echo::start().await?;
    let mut folder = folder(&echo)?;
    folder.toml += "[stores.idempotency]\nkind = \"file\"\npath = \"records.redb\"\n";
    // A disk that takes no more: writes fail, and the process is not killed for trying.
    folder.first = Some("trap '' XFSZ");
    let gate = Gate::start(&folder).await?;
    let pid = gate.process.pid().to_string();
    let full = Command::new("prlimit").args(["--pid", &pid, "--fsize=1:1"]).status()?;
    ensure!(full.success(), "{full}");
    is_as_told(&gate, "idempotency", "idempotency down", (Method::POST, "/v1/things")).await?;
    ensure!(echo.calls() == 0, "{} calls", echo.calls());
    Ok(())
}

#[tokio::test]
async fn an_upstream_that_is_down_is_told_by_the_policy_that_would_choose_it() -> Result<()> {
    let echo = Echo::start().await?;
    let mut folder = folder(&echo)?;
    let nobody = format!("http://127.0.0.1:{}", free_port()?);
    folder.toml = folder.toml.replace(&echo.url(), &nobody);
    let gate = Gate::start(&folder).await?;
    is_as_told(&gate, "routing", "upstream down", (Method::GET, "/v1/things/1")).await
}
