//! `tollgate replay`: what a change of rules would change; and `tollgate replay record`, which
//! writes the receipts of a running gateway to the file that is replayed.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use tollgate_admin::{RecordingPlan, record};
use tollgate_insight::{Report, replay as decide_again};

use super::gateway::GatewayArguments;
use super::{NOT_RUN, runtime};
use crate::telemetry::{complain, say};

/// The command line of `tollgate replay`.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = EXIT
)]
pub(super) struct ReplayArguments {
    #[command(subcommand)]
    command: Option<ReplayCommand>,
    /// The candidate's policies folder.
    #[arg(long, value_name = "FOLDER", required = true)]
    policies: Option<PathBuf>,
    /// The file that `tollgate replay record` wrote.
    #[arg(value_name = "FILE", required = true)]
    file: Option<PathBuf>,
    /// A change that is meant, as it is printed: `auth: 403 insufficient-scope -> proceed`. It
    /// counts for no exit code. May be repeated.
    #[arg(long, value_name = "CHANGE")]
    expect: Vec<String>,
    /// Undecided verdicts count as changes.
    #[arg(long)]
    strict: bool,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum ReplayCommand {
    /// Record the receipts of a running gateway to a file, from now on.
    Record(RecordArguments),
}

/// The command line of `tollgate replay record`.
#[derive(Debug, Args)]
struct RecordArguments {
    #[command(flatten)]
    gateway: GatewayArguments,
    /// The file to be written.
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// Stop after so many receipts.
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000)]
    count: u64,
    /// Stop after so many seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    seconds: u64,
    /// Record one in so many of the exchanges that pass, whatever the gateway keeps otherwise.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    sample_every: u64,
    /// Begin with the receipts that the gateway still has.
    #[arg(long)]
    past: bool,
}

const EXIT: &str = "Exit codes: 0 no verdict changes; 1 some do; 2 something that was denied would \
                    be allowed; 3 the replay could not be run. Changes named by --expect count for \
                    neither 1 nor 2.";

/// Replays, or records.
pub(super) fn replay(arguments: &ReplayArguments) -> Result<ExitCode> {
    if let Some(ReplayCommand::Record(arguments)) = &arguments.command {
        return record_receipts(arguments);
    }
    match report(arguments) {
        Ok(report) => {
            if arguments.json {
                say(&serde_json::to_string_pretty(&report).context("write JSON")?)?;
            } else {
                for line in report.lines() {
                    say(&line)?;
                }
            }
            Ok(ExitCode::from(report.exit_code(arguments.strict)))
        }
        Err(error) => {
            complain(&format!("{error:#}"));
            Ok(ExitCode::from(NOT_RUN))
        }
    }
}

fn report(arguments: &ReplayArguments) -> Result<Report> {
    let folder = arguments.policies.as_ref().context("say --policies FOLDER")?;
    let path = arguments.file.as_ref().context("say which FILE was recorded")?;
    let config = tollgate_config::load(folder)
        .map_err(|problems| anyhow::anyhow!("the candidate was refused\n{problems}"))?;
    Ok(runtime()?.block_on(decide_again(&config, path, &arguments.expect))?)
}

fn record_receipts(arguments: &RecordArguments) -> Result<ExitCode> {
    let recording = RecordingPlan {
        to: arguments.to.clone(),
        count: arguments.count,
        time: Duration::from_secs(arguments.seconds),
        sample_every: arguments.sample_every,
        past: arguments.past,
    };
    let recorded = runtime()?.block_on(async {
        let client = arguments.gateway.client()?;
        anyhow::Ok(record(&client, &recording).await?)
    })?;
    let (count, lost, path) = (recorded.count, recorded.lost, arguments.to.display());
    say(&format!("{count} receipts in {path}; {lost} were lost before they could be read"))?;
    Ok(ExitCode::SUCCESS)
}
