//! Logs to standard error, metrics for Prometheus. What exchanges count is in `ledger.rs`.

mod ledger;

use std::io::{self, IsTerminal, Write};

use anyhow::{Context, Result};
use metrics::{describe_counter, describe_gauge};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

pub(crate) use ledger::{Ledger, Meters};

/// The log's target of everything that an operator did through the admin API.
pub(crate) const AUDIT: &str = "tollgate::audit";
/// The generation that serves.
pub(crate) const GENERATION: &str = "tollgate_config_generation";
/// Reloads, by `outcome`.
pub(crate) const RELOADS: &str = "tollgate_reloads_total";
/// 1 while draining.
pub(crate) const DRAINING: &str = "tollgate_draining";
/// Access records that were dropped.
pub(crate) const ACCESS_DROPPED: &str = "tollgate_access_log_dropped";

/// Starts logging to standard error: text on a terminal, JSON elsewhere.
pub(crate) fn start_logging(filter: &str) -> Result<()> {
    let told = || format!("log filter {filter:?}");
    let audit = format!("{AUDIT}=info").parse().with_context(told)?;
    // What was done through the admin API is told whatever else is not.
    let filter = EnvFilter::try_new(filter).with_context(told)?.add_directive(audit);
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    if io::stderr().is_terminal() {
        subscriber.init();
    } else {
        subscriber.json().flatten_event(true).init();
    }
    Ok(())
}

/// Starts recording metrics.
pub(crate) fn start_metrics() -> Result<PrometheusHandle> {
    let handle =
        PrometheusBuilder::new().install_recorder().context("install the metrics recorder")?;
    ledger::describe();
    crate::rollouts::describe();
    describe_gauge!(GENERATION, "Number of the Snapshot that serves.");
    describe_counter!(RELOADS, "Attempts to load a changed configuration, by outcome.");
    describe_gauge!(DRAINING, "1 from the signal to the end, 0 before.");
    describe_gauge!(ACCESS_DROPPED, "Access records dropped because the queue was full.");
    Ok(handle)
}

/// Says why the process ends, on standard error, where there may be no logging yet.
pub(crate) fn complain(message: &str) {
    // Nothing is left to be done when standard error is gone too.
    let _ = writeln!(io::stderr(), "tollgate: {message}");
}

/// Says a line on standard output.
pub(crate) fn say(line: &str) -> Result<()> {
    writeln!(io::stdout(), "{line}").context("write to standard output")
}
