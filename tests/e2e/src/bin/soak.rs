//! The long runs of `cargo xtask soak`: each prints its figures, and fails where a promise was not
//! kept.
#![allow(clippy::print_stdout, reason = "it tells its figures to whoever runs it")]

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use e2e::hold::Hold;
use e2e::soak::Soak;
use e2e::starve::{Attack, Row, Starvation};

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<()> {
    let (mut run, mut seconds, mut idle) = ("reloads".to_owned(), None, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--seconds" {
            let number = arguments.next().context("a number after --seconds")?;
            seconds = Some(number.parse().context("a number after --seconds")?);
        } else if argument == "--idle" {
            let number = arguments.next().context("a number after --idle")?;
            idle = Some(number.parse().context("a number after --idle")?);
        } else {
            run = argument;
        }
    }

    let lasts = |default| Duration::from_secs(seconds.unwrap_or(default));
    match &*run {
        "reloads" => reloads(lasts(600)).await,
        "starvation" => starvation(lasts(10)).await,
        "connections" => {
            let many = Hold::many(lasts(600));
            held(Hold { idle: idle.unwrap_or(many.idle), ..many }).await
        }
        "streams" => held(Hold::long(lasts(3600))).await,
        other => bail!("expected reloads, starvation, connections or streams: {other}"),
    }
}

async fn reloads(lasts: Duration) -> Result<()> {
    let soak = Soak { lasts, every: Duration::from_millis(100), rate: 300, memory_percent: 5 };
    let outcome = soak.run().await?;
    println!("{outcome}");
    outcome.judge()
}

async fn starvation(lasts: Duration) -> Result<()> {
    let measurement = Starvation { lasts, rate: 200 };
    println!("Milliseconds, as another tenant sees them at 200 requests a second.");
    println!("{}", Row::heads());

    let mut lost = Vec::new();
    for attack in Attack::ALL {
        match measurement.row(attack).await {
            Ok(row) => {
                println!("{row}");
                lost.extend(row.judge().err().map(|error| error.to_string()));
            }
            Err(error) => lost.push(format!("{}: {error:#}", attack.name())),
        }
    }
    ensure!(lost.is_empty(), "{}", lost.join("\n"));
    Ok(())
}

async fn held(hold: Hold) -> Result<()> {
    let outcome = hold.run().await?;
    println!("{outcome}");
    outcome.judge()
}
