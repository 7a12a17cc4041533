//! The command line.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::{check, serve, telemetry};

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
        /// What is logged to standard error: error, warn, info, debug, or a filter by module.
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
    },
}

/// Does what the command line says.
pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    match arguments.command {
        Command::Serve { policies, log } => {
            telemetry::start_logging(&log)?;
            serve::serve(&policies)
        }
        Command::Check { policies, print } => {
            telemetry::start_logging("error")?;
            check::check(&policies, print)
        }
    }
}
