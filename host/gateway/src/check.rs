//! `tollgate check`: the context from folder to Snapshot, without sockets and stores.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, anyhow};
use tollgate_config::Config;
use tollgate_control as control;

use crate::telemetry::{complain, say};

/// What is said of a folder beside its mistakes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    /// What would run.
    pub(crate) print: bool,
    /// What follows when a policy fails.
    pub(crate) failures: bool,
}

/// Checks the folder; says every mistake, or what would run.
pub(crate) fn check(folder: &Path, told: Told) -> Result<ExitCode> {
    let config = match tollgate_config::load(folder) {
        Ok(config) => config,
        Err(problems) => return refused(&problems.to_string()),
    };
    let unsnapshotted = match control::try_out(&config) {
        Ok(unsnapshotted) => unsnapshotted,
        Err(control::Error::Problems(problems)) => return refused(&problems.to_string()),
        Err(error) => return Err(anyhow!(error)),
    };
    if told.print {
        show(&config, &unsnapshotted)?;
    }
    if told.failures && !is_closed(&config)? {
        return Ok(ExitCode::FAILURE);
    }
    for (policy, reason) in &unsnapshotted {
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
