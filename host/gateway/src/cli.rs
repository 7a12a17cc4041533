//! The command line.

mod explain;
mod gateway;
mod replay;
mod rollout;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

use crate::{check, schema, serve, telemetry};

/// An API gateway whose every rule is a sandboxed WebAssembly component.
#[derive(Debug, Parser)]
#[command(name = "tollgate", version)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve traffic by a policies folder, and follow its changes.
    Serve {
        /// The policies folder.
        #[arg(long, value_name = "FOLDER")]
        policies: PathBuf,
        /// The level of the log on standard error: error, warn, info, debug, or a filter by module.
        #[arg(long, value_name = "FILTER", default_value = "info")]
        log: String,
    },
    /// Check a policies folder: every reference, component and setting. Opens no socket.
    Check {
        /// The policies folder.
        #[arg(long, value_name = "FOLDER")]
        policies: PathBuf,
        /// Print what would run.
        #[arg(long)]
        print: bool,
        /// Print what a caller would see of each policy that fails, cause by cause.
        #[arg(long)]
        failures: bool,
    },
    /// Write the JSON Schemas of policies' settings, for editors.
    Schema {
        /// The policies folder.
        #[arg(long, value_name = "FOLDER")]
        policies: PathBuf,
        /// Where the files go; without it the schema of the whole folder is printed.
        #[arg(long, value_name = "FOLDER")]
        out: Option<PathBuf>,
    },
    /// Show and move the candidates of policies in a running gateway.
    Rollout(rollout::RolloutArguments),
    /// Say in words why a request got its answer: a past one of a running gateway, or one that
    /// is described here, decided without a server.
    Explain(explain::ExplainArguments),
    /// Say which verdicts a candidate's rules would change, on recorded answers.
    Replay(replay::ReplayArguments),
}

/// The exit code of a command line that cannot be understood, and of a replay that cannot be run:
/// neither may look like a replay's finding.
pub(crate) const NOT_RUN: u8 = 3;

/// Does what the command line says.
pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    match arguments.command {
        Command::Serve { policies, log } => {
            telemetry::start_logging(&log)?;
            serve::serve(&policies)
        }
        Command::Check { policies, print, failures } => {
            telemetry::start_logging("error")?;
            check::check(&policies, check::Reports { print, failures })
        }
        Command::Schema { policies, out } => schema::schema(&policies, out.as_deref()),
        Command::Rollout(arguments) => {
            telemetry::start_logging("error")?;
            rollout::rollout(&arguments)
        }
        Command::Explain(arguments) => {
            telemetry::start_logging("error")?;
            explain::explain(&arguments)
        }
        Command::Replay(arguments) => {
            telemetry::start_logging("error")?;
            replay::replay(&arguments)
        }
    }
}

/// Starts a runtime for one command.
fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("start the runtime")
}
