//! Logs to standard error, and the lines that commands write.

use std::io::{self, IsTerminal, Write};

use anyhow::{Context, Result};
use tollgate_control::AUDIT;
use tracing_subscriber::EnvFilter;

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

/// Says why the process ends, on standard error, where there may be no logging yet.
pub(crate) fn complain(message: &str) {
    // Nothing is left to be done when standard error is gone too.
    let _ = writeln!(io::stderr(), "tollgate: {message}");
}

/// Says a line on standard output.
pub(crate) fn say(line: &str) -> Result<()> {
    writeln!(io::stdout(), "{line}").context("write to standard output")
}
