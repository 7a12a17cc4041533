//! The soak of `cargo xtask soak`: prints its figures, and fails where a promise was not kept.
#![allow(clippy::print_stdout, reason = "it tells its figures to whoever runs it")]

use std::time::Duration;

use anyhow::{Context, Result};
use e2e::soak::Soak;

/// Ten minutes.
const SECONDS: u64 = 600;

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<()> {
    let mut seconds = SECONDS;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        anyhow::ensure!(argument == "--seconds", "expected --seconds and a number: {argument}");
        let number = arguments.next().context("a number after --seconds")?;
        seconds = number.parse().context("a number after --seconds")?;
    }
    let lasts = Duration::from_secs(seconds);
    let outcome = Soak { lasts, every: Duration::from_millis(100), rate: 300, memory_percent: 5 }
        .run()
        .await?;
    println!("{outcome}");
    outcome.judge()
}
