//! `tollgate replay record`: receipts of a running gateway, page by page, into a file.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;
use tokio::time::{Instant, sleep, timeout_at};

use super::file::{Header, Lost, VERSION};
use crate::explain::runtime;
use crate::remote::{AdminArguments, Remote};
use crate::telemetry::say;

/// Receipts in a page: as many as the admin API gives.
const PAGE: usize = 500;
/// How long the recorder waits after a page that was not full.
const PAUSE: Duration = Duration::from_millis(50);

/// What `tollgate replay record` is asked.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    admin: AdminArguments,
    /// The file to be written.
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// Stop after so many receipts.
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000)]
    count: u64,
    /// Stop after so many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    seconds: u64,
    /// Of exchanges that pass, record one in so many, whatever the gateway keeps otherwise.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    sample_every: u64,
    /// Begin with the receipts that the gateway still has.
    #[arg(long)]
    past: bool,
}

/// Records until there is enough, the time is up, or it is interrupted.
pub(super) fn record(arguments: &Arguments) -> Result<ExitCode> {
    let path = &arguments.to;
    let file = File::create(path).with_context(|| format!("create {}", path.display()))?;
    let mut recorder = Recorder { file: BufWriter::new(file), after: 0, count: 0, lost: 0 };
    runtime()?.block_on(async {
        let remote = Remote::open(&arguments.admin)?;
        recorder.run(&remote, arguments).await
    })?;
    let (count, lost) = (recorder.count, recorder.lost);
    say(&format!(
        "{count} receipts in {}; {lost} were gone before they could be read",
        path.display()
    ))?;
    Ok(ExitCode::SUCCESS)
}

struct Recorder {
    file: BufWriter<File>,
    /// The number of the receipt that was recorded last.
    after: u64,
    count: u64,
    lost: u64,
}

impl Recorder {
    async fn run(&mut self, remote: &Remote, arguments: &Arguments) -> Result<()> {
        let recorded_by = env!("CARGO_PKG_VERSION").to_owned();
        self.line(&Header { tollgate_receipts: VERSION, recorded_by })?;
        if !arguments.past {
            self.after = remote.newest().await?;
        }
        let end = Instant::now() + Duration::from_secs(arguments.seconds);
        let interrupted = tokio::signal::ctrl_c();
        tokio::pin!(interrupted);
        while self.count < arguments.count {
            let page = remote.since(self.after, PAGE, arguments.sample_every).await?;
            let is_full = page.receipts.len() >= PAGE;
            for form in page.receipts {
                // Numbers are given without gaps: one that is missing was pushed out.
                let missing = form.sequence.saturating_sub(self.after + 1);
                if missing > 0 && (self.after > 0 || !arguments.past) {
                    self.lost += missing;
                    self.line(&Lost { lost: missing })?;
                }
                self.after = form.sequence;
                if self.count < arguments.count {
                    self.line(&form)?;
                    self.count += 1;
                }
            }
            if Instant::now() >= end {
                break;
            }
            if !is_full {
                tokio::select! {
                    _ = &mut interrupted => break,
                    _ = timeout_at(end, sleep(PAUSE)) => {}
                }
            }
        }
        self.file.flush().context("write receipts")
    }

    fn line(&mut self, value: &impl Serialize) -> Result<()> {
        serde_json::to_writer(&mut self.file, value).context("write a receipt")?;
        self.file.write_all(b"\n").context("write a receipt")
    }
}
