//! The recorder of metrics, in the Prometheus text form.

use metrics::{describe_counter, describe_gauge};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};
use tollgate_chain::metric::{METRICS, MetricKind};

/// The recorder cannot be installed: the process has another one.
#[derive(Debug, thiserror::Error)]
#[error("install the metrics recorder")]
pub struct MetricsError(#[from] BuildError);

/// Installs the recorder of this process and describes every metric of the catalogue to it.
///
/// # Errors
/// The process has a recorder already.
pub fn start_metrics() -> Result<PrometheusHandle, MetricsError> {
    let handle = PrometheusBuilder::new().install_recorder()?;
    for metric in METRICS {
        match metric.kind {
            MetricKind::Counter => describe_counter!(metric.name, metric.help),
            MetricKind::CounterOfSeconds | MetricKind::Gauge => {
                describe_gauge!(metric.name, metric.help);
            }
        }
    }
    Ok(handle)
}

/// Renders all metrics. The façade has no counter with fractions, so times are kept in gauges; here
/// they get the type that they have.
pub(crate) fn render(handle: &PrometheusHandle) -> String {
    let times = METRICS.iter().filter(|metric| metric.kind == MetricKind::CounterOfSeconds);
    times.fold(handle.render(), |text, metric| {
        let [kept, actual] =
            ["gauge", "counter"].map(|kind| format!("# TYPE {} {kind}", metric.name));
        text.replace(&kept, &actual)
    })
}
