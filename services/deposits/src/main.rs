//! The `deposits` binary: serves the deposits of one environment.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use deposits::config::Config;
use tollgate_commons::config::Variables;
use tollgate_commons::principal::{Verifier, system_clock};
use tollgate_commons::server::Process;
use tollgate_commons::telemetry;

#[tokio::main]
async fn main() -> ExitCode {
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "deposits: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> anyhow::Result<()> {
    let config = Config::read(&Variables::read()?).context("read the configuration")?;
    let common = &config.common;
    let metrics = telemetry::start(common.stage, &common.log)?;
    tracing::info!(environment = %config.environment, "starting");
    let mut process = Process::start(common, metrics).await?;
    let pool = process.database(&deposits::MIGRATIONS).await?;
    process.relay(&pool)?;
    let audience = deposits::audience(config.environment);
    let verifier = Verifier::new(common.public_keys.clone(), audience, system_clock);
    let routes = deposits::routes(pool.clone(), verifier);
    process.serve(routes, pool).await?;
    Ok(())
}
