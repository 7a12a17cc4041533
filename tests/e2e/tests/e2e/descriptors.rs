//! Health answers though callers take all the connections that there are descriptors for.

use std::time::Duration;

use anyhow::Result;
use e2e::Echo;
use e2e::gate::{Folder, Gate};
use http::{Method, StatusCode};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tollgate_harness::Client;

fn folder(echo: &Echo, first: &'static str) -> Folder {
    let toml = format!(
        "[chains.edge]\npolicies = []\n\
         [upstreams.echo]\nprotocol = \"http\"\nendpoints = [\"{}\"]\n\
         [routes.all]\nmatch = \"GET /echo\"\nchain = \"edge\"\nupstream = \"echo\"\n",
        echo.url()
    );
    Folder { toml, first: Some(first), ..Folder::default() }
}

async fn silent(gate: &Gate, connections: usize) -> Result<Vec<TcpStream>> {
    let mut open = Vec::new();
    for _ in 0..connections {
        open.push(TcpStream::connect(gate.authority()).await?);
    }
    Ok(open)
}

#[tokio::test]
async fn silent_connections_beyond_the_descriptors_do_not_silence_health() -> Result<()> {
    let echo = Echo::start().await?;
    let gate = Gate::start(&folder(&echo, "ulimit -n 200")).await?;
    let held = silent(&gate, 250).await?;

    for path in ["/livez", "/readyz", "/metrics"] {
        let url = gate.admin_url(path);
        let reply =
            timeout(Duration::from_secs(5), async { Client::h1().get(&url).await }).await??;
        assert_eq!(reply.status, StatusCode::OK, "{path}");
    }
    let log = gate.process.log();
    assert!(log.contains("too few file descriptors for the declared connections"), "{log}");

    // Sooner than silent connections are given up: one of them makes room.
    let asking = gate.send(Method::GET, "/echo", &[], "");
    let reply = timeout(Duration::from_secs(5), asking).await??;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    assert!(gate.metric("tollgate_connections_shed_total", "").await? > 0.0);

    drop(held);
    let reply = gate.send(Method::GET, "/echo", &[], "").await?;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    Ok(())
}

#[tokio::test]
async fn a_low_soft_limit_of_descriptors_is_raised_at_the_start() -> Result<()> {
    let echo = Echo::start().await?;
    let gate = Gate::start(&folder(&echo, "ulimit -S -n 200")).await?;
    let _held = silent(&gate, 250).await?;
    // Sooner than silent connections are given up.
    let asking = gate.send(Method::GET, "/echo", &[], "");
    let reply = timeout(Duration::from_secs(5), asking).await??;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    Ok(())
}
