//! The `identity` binary: serves, or runs one command of an operator.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use identity::cli::{self, Cli, Command};
use identity::config::Config;
use tollgate_commons::config::Variables;
use tollgate_commons::principal::{Verifier, system_clock};
use tollgate_commons::server::Process;
use tollgate_commons::telemetry;

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Serve => serve().await,
        Command::Tenant(command) => cli::tenant(command).await,
        Command::Key(command) => cli::key(command).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            cli::report(&error);
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> anyhow::Result<()> {
    let config = Config::read(&Variables::read()?).context("read the configuration")?;
    let common = &config.common;
    let metrics = telemetry::start(common.stage, &common.log)?;
    let mut process = Process::start(common, metrics).await?;
    let pool = process.database(&identity::MIGRATIONS).await?;
    process.relay(&pool)?;
    let verifier = Verifier::new(common.public_keys.clone(), identity::AUDIENCE, system_clock);
    let routes = identity::routes(pool.clone(), config.peppers, verifier);
    process.serve(routes, pool).await?;
    Ok(())
}
