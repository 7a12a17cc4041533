//! The recorder of metrics, in the Prometheus text form.

use metrics::describe_gauge;
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};

/// 1 while draining.
pub const DRAINING: &str = "tollgate_draining";
/// Access records that were dropped.
const ACCESS_DROPPED: &str = "tollgate_access_log_dropped";

/// The recorder cannot be installed: the process has another one.
#[derive(Debug, thiserror::Error)]
#[error("install the metrics recorder")]
pub struct MetricsError(#[from] BuildError);

/// Installs the recorder of this process and describes every metric to it.
///
/// # Errors
/// The process has a recorder already.
pub fn start_metrics() -> Result<PrometheusHandle, MetricsError> {
    let handle = PrometheusBuilder::new().install_recorder()?;
    tollgate_proxy::describe();
    tollgate_control::describe();
    describe_gauge!(DRAINING, "1 from the signal to the end, 0 before.");
    describe_gauge!(ACCESS_DROPPED, "Access records dropped because the queue was full.");
    Ok(handle)
}
