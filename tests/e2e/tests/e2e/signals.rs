//! Going away without dropping anybody.

use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use e2e::gate::{Gate, SOON, six};
use e2e::{Echo, Key, Relay};
use http::{Request, StatusCode};
use nix::sys::signal::Signal;
use tollgate_harness::{Client, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_under_load_drops_no_request() -> Result<()> {
    let (echo, key) = (Echo::start().await?, Key::new("sandbox", 6));
    let folder = six(&echo, &[(&key, &["things:read"])])?;
    let mut gate = Gate::start(&folder).await?;
    let (url, bearer) = (gate.url("/v1/things/1"), key.bearer());

    let mut connections = Vec::new();
    for _ in 0..20 {
        connections.push(Client::h1().connect(&url.parse()?).await?);
    }

    let mut workers = tokio::task::JoinSet::new();
    for mut connection in connections {
        let (url, bearer) = (url.clone(), bearer.clone());
        workers.spawn(async move {
            // A keep-alive caller goes on until it is told that the connection ends.
            let mut served = 0_u32;
            loop {
                let request = Request::get(&url).header("authorization", &bearer);
                let reply = connection.send(request.body(Bytes::new())?).await?;
                anyhow::ensure!(reply.status == StatusCode::OK, "{}", reply.text());
                served += 1;
                if reply.header("connection") == Some("close") {
                    return Ok::<u32, anyhow::Error>(served);
                }
            }
        });
    }

    eventually("traffic", SOON, async || (echo.calls() > 500).then_some(())).await?;
    gate.process.signal(Signal::SIGTERM)?;
    let mut served = 0;
    while let Some(worker) = workers.join_next().await {
        served += worker??;
    }

    let status = gate.process.ended(SOON).await?;
    assert!(status.success(), "{status}\n{}", gate.process.log());
    assert!(served > 500, "{served}");
    Ok(())
}

#[tokio::test]
async fn readiness_falls_before_the_listener_closes() -> Result<()> {
    let (echo, key) = (Echo::start().await?, Key::new("sandbox", 7));
    let mut gate = Gate::start(&six(&echo, &[(&key, &["things:read"])])?).await?;
    let load = gate.traffic(&key, 2, 200);
    load.flow(20, SOON).await?;
    gate.process.signal(Signal::SIGTERM)?;

    eventually("a falling readiness", SOON, async || {
        let reply = Client::h1().get(&gate.ready_url()).await.ok()?;
        (reply.status == StatusCode::SERVICE_UNAVAILABLE).then_some(())
    })
    .await?;

    // Endpoints are still spreading: a new caller is served.
    let request = Request::get(gate.url("/v1/things/1")).header("authorization", key.bearer());
    let late = Client::h1().send(request.body(Bytes::new())?).await?;
    assert_eq!(late.status, StatusCode::OK);

    load.stop().await?;
    assert!(gate.process.ended(SOON).await?.success());
    Ok(())
}

#[tokio::test]
async fn an_operation_whose_caller_left_is_finished_before_the_process_ends() -> Result<()> {
    an_operation_outlives(Client::h2(), "listener drained").await
}

/// TCP does not tell a caller that closed its sending side from one that left: the drain itself
/// waits for the answer.
#[tokio::test]
async fn an_operation_whose_caller_left_over_http_1_is_finished_within_the_drain() -> Result<()> {
    an_operation_outlives(Client::h1(), "\"draining\"").await
}

/// Lets the caller of an operation leave, and the service answer only after this was logged.
async fn an_operation_outlives(client: Client, logged: &str) -> Result<()> {
    let (echo, key) = (Echo::start().await?, Key::new("sandbox", 8));
    let port = echo.url().rsplit(':').next().context("a port")?.parse()?;
    let relay = Relay::start(port).await?;
    let mut folder = six(&echo, &[(&key, &["things:write"])])?;
    folder.toml = folder.toml.replace(&echo.url(), &format!("http://127.0.0.1:{}", relay.port()));
    let mut gate = Gate::start(&folder).await?;

    relay.hold();
    let request = Request::post(gate.url("/v1/things"))
        .header("authorization", key.bearer())
        .header("content-type", "application/json")
        .header("idempotency-key", "left-alone")
        .body(Bytes::from_static(b"{}"))?;
    let caller = tokio::spawn(async move { client.send(request).await });
    eventually("an answer on its way", SOON, async || (relay.waiting() > 0).then_some(())).await?;
    caller.abort();
    assert!(caller.await.is_err(), "the caller left");

    gate.process.signal(Signal::SIGTERM)?;
    eventually("the drain", SOON, async || gate.process.log().contains(logged).then_some(()))
        .await?;
    let early = gate.process.ended(Duration::from_secs(2)).await;
    assert!(early.is_err(), "it left the operation: {early:?}\n{}", gate.process.log());

    relay.release();
    let status = gate.process.ended(SOON).await?;
    let log = gate.process.log();
    assert!(status.success() && !log.contains("unfinished"), "{status}\n{log}");
    assert_eq!(echo.calls(), 1);
    Ok(())
}
