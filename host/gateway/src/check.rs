//! `tollgate check`: builds everything that `serve` builds but sockets and worker threads, and
//! drops it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow};
use tollgate_config::{Config, Problems};
use tollgate_control::{self as control, BuildMode, Purpose, SnapshotBuilder};
use tollgate_proxy::Ledger;

use crate::parts;
use crate::telemetry::{complain, say};

/// The reports on a folder beside its mistakes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reports {
    /// Print what would run.
    pub(crate) print: bool,
    /// Print what follows when a policy fails.
    pub(crate) failures: bool,
}

/// Checks the folder and reports every mistake, or what would run.
pub(crate) fn check(folder: &Path, reports: Reports) -> Result<ExitCode> {
    let config = match tollgate_config::load(folder) {
        Ok(config) => config,
        Err(problems) => return refused(&problems.to_string()),
    };
    // Stores bind to the runtime that they are opened in; nothing of theirs runs here.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("start the runtime")?;
    let entered = runtime.enter();
    let parts = parts::prepare(&config, Purpose::Check);
    let built = SnapshotBuilder::open(folder, config, Ledger::default(), BuildMode::DryRun(None));
    let (builder, _snapshot) = match (parts, built) {
        (Ok(_), Ok(built)) => built,
        (Err(problems), Ok(_)) => return refused(&problems.to_string()),
        (parts, Err(control::Error::Problems(problems))) => {
            let parts = parts.err().unwrap_or_default();
            let all: Vec<_> = parts.iter().chain(problems.iter()).cloned().collect();
            return refused(&Problems::from(all).to_string());
        }
        (_, Err(error)) => return Err(anyhow!(error)),
    };
    drop(entered);
    let (config, unsnapshotted) = (builder.config(), builder.unsnapshotted());

    if reports.print {
        show(config, unsnapshotted)?;
    }
    if reports.failures && !is_closed(config)? {
        return Ok(ExitCode::FAILURE);
    }
    for (policy, reason) in unsnapshotted {
        say(&format!("policies.{policy}: configured anew for each request: {reason}"))?;
    }
    say(&format!(
        "{}: {} listeners, {} routes, {} chains, {} policies, {} upstreams: all good",
        folder.display(),
        config.listeners().len(),
        config.routes().len(),
        config.chains().len(),
        config.policies().len(),
        config.upstreams().len(),
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// Says what follows when a policy fails; false when one of class `security` lets requests pass.
fn is_closed(config: &Config) -> Result<bool> {
    let failures = tollgate_insight::failures(config)?;
    for line in failures.table() {
        say(&line)?;
    }
    for open in &failures.open {
        complain(open);
    }
    Ok(failures.open.is_empty())
}

fn refused(problems: &str) -> Result<ExitCode> {
    for problem in problems.lines() {
        complain(problem);
    }
    Ok(ExitCode::FAILURE)
}

fn show(config: &Config, unsnapshotted: &BTreeMap<String, String>) -> Result<()> {
    for chain in config.chains() {
        say(&format!("chain {}", chain.name))?;
        for policy in chain.policies.iter().filter_map(|index| config.policies().get(*index)) {
            let plugin = config.plugins().get(policy.plugin);
            let file = plugin.map(|plugin| plugin.file.display().to_string()).unwrap_or_default();
            let mut grants: Vec<_> = policy.grants.iter().map(|grant| grant.as_str()).collect();
            grants.sort_unstable();
            let grants = grants.join(", ");

            say(&format!("  {} ({:?}) {file}", policy.name, policy.class))?;
            let configured = unsnapshotted.get(&policy.name).map_or("once", |_| "for each request");
            say(&format!("    grants: {grants}"))?;
            say(&format!("    configured: {configured}"))?;
            say(&format!("    settings: {}", policy.settings))?;
        }
    }

    for route in config.routes() {
        let chain = config.chains().get(route.chain).map_or("", |chain| &chain.name);
        let places: Vec<String> =
            route.matches.iter().map(|one| format!("{} {}", one.method, one.template)).collect();
        let grpc = route.grpc.as_ref().map(|grpc| grpc.full_name());
        let place = if places.is_empty() { "by google.api.http".into() } else { places.join(", ") };
        say(&format!("route {}: {place} → {} by {chain}", route.name, grpc.unwrap_or_default()))?;
    }
    Ok(())
}
