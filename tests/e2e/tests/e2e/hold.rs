//! Connections and streams stay open while others work and the rules change.

use std::time::Duration;

use anyhow::Result;
use e2e::hold::Hold;

/// The long runs of `cargo xtask soak`, in short.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_and_streams_outlast_reloads() -> Result<()> {
    let every = Some(Duration::from_secs(1));
    let lasts = Duration::from_secs(6);
    let hold = Hold { idle: 50, calls: 40, events: 2, sockets: 2, rate: 50, every, lasts };
    let outcome = hold.run().await?;
    outcome.judge()?;
    assert!(outcome.changes >= 3, "{outcome}");
    Ok(())
}
