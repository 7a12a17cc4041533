//! Logs and metrics of a process.

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::Stage;

/// The errors of setting up logs and metrics.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The filter in `LOG` cannot be parsed.
    #[error("parse the log filter in LOG")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// They were set up before in this process.
    #[error("logs or metrics are set up already")]
    Twice,
}

/// Sets up logs and metrics, once per process: text in the local stage, JSON lines elsewhere.
///
/// # Errors
/// [`Error::Filter`] if the filter cannot be parsed; [`Error::Twice`] on a second call.
pub fn start(stage: Stage, filter: &str) -> Result<PrometheusHandle, Error> {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_new(filter)?)
        .with_writer(std::io::stderr);
    let logs = match stage {
        Stage::Local => builder.with_ansi(false).try_init(),
        Stage::Staging | Stage::Production => builder.json().flatten_event(true).try_init(),
    };
    logs.map_err(|_| Error::Twice)?;
    PrometheusBuilder::new().install_recorder().map_err(|_| Error::Twice)
}
