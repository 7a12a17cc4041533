//! `tollgate replay`: what a change of rules would change. Receipts that a running gateway kept are
//! recorded in a file; the policies of a candidate folder are asked again, and are given the
//! answers that were recorded. No answer is ever made up: a question that was not recorded leaves
//! its verdict undecided, and is told.

mod fed;
mod file;
mod judge;
mod record;
mod report;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};

use crate::compile::Candidates;
use crate::explain::runtime;
use crate::telemetry::{complain, say};
use judge::Judge;
use report::Report;

/// What `tollgate replay` is asked.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = EXIT
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// The candidate's policies folder.
    #[arg(long, value_name = "FOLDER", required = true)]
    policies: Option<PathBuf>,
    /// What `tollgate replay record` wrote.
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
enum Command {
    /// Record the receipts of a running gateway to a file, from now on.
    Record(record::Arguments),
}

const EXIT: &str = "Exit codes: 0 no verdict changes; 1 some do; 2 something that was denied would \
                    be allowed; 3 the replay could not be run. Changes named by --expect count for \
                    neither 1 nor 2.";

/// Replays, or records.
pub(crate) fn replay(arguments: &Arguments) -> Result<ExitCode> {
    if let Some(Command::Record(arguments)) = &arguments.command {
        return record::record(arguments);
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
            Ok(ExitCode::from(crate::cli::NOT_RUN))
        }
    }
}

fn report(arguments: &Arguments) -> Result<Report> {
    let folder = arguments.policies.as_ref().context("say --policies FOLDER")?;
    let path = arguments.file.as_ref().context("say which FILE was recorded")?;
    let config = tollgate_config::load(folder)
        .map_err(|problems| anyhow::anyhow!("the candidate was refused\n{problems}"))?;
    let runtime = runtime()?;
    let _within = runtime.enter();
    let candidates = Candidates::load(&config)?;
    let judge = Judge::new(&config, &candidates);
    let mut report = Report::new(&arguments.expect);
    for line in file::read(path)? {
        match line? {
            file::Line::Receipt(form) => runtime.block_on(judge.judge(&form, &mut report)),
            file::Line::Lost(lost) => report.lost(lost),
        }
    }
    Ok(report)
}
