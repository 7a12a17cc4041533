//! Logs to standard error, metrics for Prometheus.

use std::collections::HashMap;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;

use anyhow::{Context, Result};
use http::StatusCode;
use metrics::{Counter, Histogram, counter, histogram};
use metrics::{describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tollgate_chain::{Entry, Hook, Receipt, Verdict, Way};
use tracing_subscriber::EnvFilter;

/// Exchanges, by `status` class.
pub(crate) const EXCHANGES: &str = "tollgate_exchanges_total";
/// A policy's part in exchanges, by `policy`, `hook` and `outcome`.
pub(crate) const POLICY_RUNS: &str = "tollgate_policy_runs_total";
/// Seconds of a policy's run, host waits included, by `policy` and `hook`.
pub(crate) const POLICY_SECONDS: &str = "tollgate_policy_run_seconds";
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
    let filter = EnvFilter::try_new(filter).with_context(|| format!("log filter {filter:?}"))?;
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
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full(POLICY_SECONDS.to_owned()), &SECONDS)
        .context("histogram buckets")?
        .install_recorder()
        .context("install the metrics recorder")?;
    describe_counter!(EXCHANGES, "Exchanges, by status class.");
    describe_counter!(POLICY_RUNS, "A policy's part in exchanges, by outcome.");
    describe_histogram!(POLICY_SECONDS, "Time of a policy's run, waits for the host included.");
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

const SECONDS: [f64; 10] = [5e-6, 10e-6, 25e-6, 50e-6, 100e-6, 250e-6, 1e-3, 5e-3, 25e-3, 250e-3];

/// Instruments that exchanges write to, looked up once for each Snapshot.
#[derive(Debug)]
pub(crate) struct Meters {
    classes: [Counter; 6],
    policies: HashMap<Arc<str>, [HookMeters; 2]>,
}

struct HookMeters {
    proceed: Counter,
    forward: Counter,
    reply: Counter,
    failure: Counter,
    skipped: Counter,
    seconds: Histogram,
}

impl std::fmt::Debug for HookMeters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HookMeters")
    }
}

impl Meters {
    /// Instruments for these policies.
    pub(crate) fn new(policies: impl Iterator<Item = Arc<str>>) -> Self {
        let class = |class: &'static str| counter!(EXCHANGES, "status" => class);
        let hooks = |policy: &Arc<str>| {
            [Hook::Request, Hook::Response].map(|hook| HookMeters::new(policy, hook))
        };
        Self {
            classes: ["other", "1xx", "2xx", "3xx", "4xx", "5xx"].map(class),
            policies: policies.map(|policy| (Arc::clone(&policy), hooks(&policy))).collect(),
        }
    }

    /// Records an exchange.
    pub(crate) fn record(&self, receipt: &Receipt, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100);
        if let Some(counter) = self.classes.get(class).or(self.classes.first()) {
            counter.increment(1);
        }
        for entry in &receipt.entries {
            let Some([request, response]) = self.policies.get(&entry.policy) else { continue };
            match entry.hook {
                Hook::Request => request.record(entry),
                Hook::Response => response.record(entry),
            }
        }
    }
}

impl HookMeters {
    fn new(policy: &Arc<str>, hook: Hook) -> Self {
        let policy = policy.to_string();
        let runs = |outcome: &'static str| {
            let policy = policy.clone();
            counter!(POLICY_RUNS, "policy" => policy, "hook" => hook.as_str(), "outcome" => outcome)
        };
        Self {
            proceed: runs("proceed"),
            forward: runs("forward"),
            reply: runs("reply"),
            failure: runs("failure"),
            skipped: runs("skipped"),
            seconds: histogram!(POLICY_SECONDS, "policy" => policy.clone(), "hook" => hook.as_str()),
        }
    }

    fn record(&self, entry: &Entry) {
        let counter = match (entry.way, &entry.outcome) {
            (Way::Skipped, _) => {
                self.skipped.increment(1);
                return;
            }
            (Way::Wasm, Ok(Verdict::Proceed)) => &self.proceed,
            (Way::Wasm, Ok(Verdict::Forward(_))) => &self.forward,
            (Way::Wasm, Ok(Verdict::Reply(_))) => &self.reply,
            (Way::Wasm, Err(failure)) => {
                tracing::error!(policy = %entry.policy, hook = entry.hook.as_str(), %failure, "a policy failed");
                &self.failure
            }
        };
        counter.increment(1);
        self.seconds.record(entry.took);
    }
}
