//! The short form of `cargo xtask soak`.

use std::time::Duration;

use anyhow::Result;
use e2e::soak::Soak;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reloads_under_load_lose_no_request_and_leave_nothing_behind() -> Result<()> {
    let every = Duration::from_millis(100);
    let soak = Soak { lasts: Duration::from_secs(20), every, rate: 200, memory_percent: 30 };
    soak.run().await?.judge()
}
