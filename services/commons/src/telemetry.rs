//! Logs and metrics of a process.

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::Stage;

/// Why logs or metrics could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The filter in `LOG` cannot be read.
    #[error("read the log filter in LOG")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// It was done before in this process.
    #[error("logs or metrics are set up already")]
    Twice,
}

/// Sets logs and metrics up, once per process: text for a person locally, JSON lines elsewhere.
///
/// # Errors
/// When the filter cannot be read or it was done before.
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
