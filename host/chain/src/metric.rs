//! The catalogue of metrics. The names that the places of counting use, the descriptions that the
//! recorder gets and the table in the README of `admin` follow from it; `tests/tidy` checks that no
//! metric is set that is not in it, and that each is set.
//!
//! Counting itself is done by the façade `metrics` in the crates that import this one.

/// A metric of the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// The name, in Prometheus' form.
    pub name: &'static str,
    /// The kind.
    pub kind: MetricKind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// A sentence that says what is measured.
    pub help: &'static str,
}

/// The kind of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// A whole number that only rises.
    Counter,
    /// A time in seconds, with fractions, that only rises.
    CounterOfSeconds,
    /// A number that rises and falls.
    Gauge,
}

/// Defines a constant with the name of each metric, and the list of all.
macro_rules! catalogue {
    ($( $constant:ident: $kind:ident $name:literal [$( $label:literal ),*] $help:literal; )*) => {
        $( #[doc = $help] pub const $constant: &str = $name; )*

        /// Every metric of the gateway, by name.
        pub const METRICS: &[Metric] = &[$( Metric {
            name: $name,
            kind: MetricKind::$kind,
            labels: &[$( $label ),*],
            help: $help,
        } ),*];
    };
}

catalogue! {
    ACCEPT_ERRORS: Counter "tollgate_accept_errors_total" []
        "Pauses in accepting connections, for want of descriptors or memory.";
    ACCESS_LOG_DROPPED: Counter "tollgate_access_log_dropped_total" []
        "Access records that were dropped: the queue was full, or the target refused them.";
    CERT_NOT_AFTER: Gauge "tollgate_cert_not_after_seconds" ["file", "use"]
        "End of the certificate in a file that ends first, in seconds since 1970.";
    CONFIG_GENERATION: Gauge "tollgate_config_generation" []
        "Number of the Snapshot that serves.";
    CONNECTIONS_REFUSED: Counter "tollgate_connections_refused_total" []
        "Connections closed at once: their address had as many as it may.";
    CONNECTIONS_SHED: Counter "tollgate_connections_shed_total" []
        "Connections at rest that were closed to make room for new ones.";
    CONTROL_FRAME_FLOODS: Counter "tollgate_control_frame_floods_total" []
        "HTTP/2 connections closed because of too many control frames.";
    CREDENTIAL_LOOKUPS: Counter "tollgate_credential_lookups_total" []
        "Look-ups that the store of credentials was asked for, beyond the cache.";
    DRAINING: Gauge "tollgate_draining" []
        "1 from the signal to the end of the process, 0 before.";
    EXCHANGES: Counter "tollgate_exchanges_total" ["status"]
        "Exchanges, by status class.";
    HEADS_UNPARSED: Counter "tollgate_heads_unparsed_total" ["reason"]
        "Heads that could not be parsed, by the problem that was answered.";
    IDEMPOTENCY_QUEUE_REFUSED: Counter "tollgate_idempotency_queue_refused_total" []
        "Idempotency records refused because the queue to their file was full.";
    POLICY_DECISIONS: Counter "tollgate_policy_decisions_total" ["policy", "hook", "way"]
        "Decisions of a policy: by its tree, in its component, or skipped.";
    POLICY_RUNS: Counter "tollgate_policy_runs_total" ["policy", "hook", "outcome"]
        "The part of a policy in exchanges, by outcome.";
    POLICY_SECONDS: CounterOfSeconds "tollgate_policy_seconds_total" ["policy", "hook", "way"]
        "Time of a policy's decisions, waits for the host included.";
    PROXY_HEADERS_REFUSED: Counter "tollgate_proxy_headers_refused_total" []
        "Connections closed because they did not begin with the PROXY header of a trusted proxy.";
    RELOADS: Counter "tollgate_reloads_total" ["outcome"]
        "Attempts to load a changed configuration, by outcome.";
    ROLLOUT_DECISIONS: Counter "tollgate_rollout_decisions_total"
        ["policy", "candidate", "version", "outcome"]
        "Decisions of a policy and of its candidate, by outcome.";
    ROLLOUT_ROLLBACKS: Counter "tollgate_rollout_rollbacks_total" ["policy"]
        "Candidates that were rolled back because they did worse.";
    ROLLOUT_SHADOW_RUNS: Counter "tollgate_rollout_shadow_runs_total"
        ["policy", "candidate", "result"]
        "Shadow runs of a candidate, by result.";
    ROLLOUT_SHARE: Gauge "tollgate_rollout_share_ratio" ["policy", "candidate"]
        "Share of tenants for whom the candidate decides, from 0 to 1.";
    SLOW_HEADS: Counter "tollgate_slow_heads_total" []
        "Connections closed because the head of a request took too long.";
    SLOW_READERS: Counter "tollgate_slow_readers_total" []
        "Responses over HTTP/2 that were cut off because their caller did not take them.";
    SNAPSHOTS_LIVE: Gauge "tollgate_snapshots_live" []
        "Snapshots that serve or that exchanges and streams still hold.";
    STORE_WORKING: Gauge "tollgate_store_working" ["store"]
        "1 while a store can be used, 0 while it fails.";
    TLS_HANDSHAKES_FAILED: Counter "tollgate_tls_handshakes_failed_total" ["reason"]
        "TLS handshakes that failed or took too long, by reason.";
    TREE_BYTES: Gauge "tollgate_tree_bytes" ["policy", "hook"]
        "Bytes of a policy's tree, estimated.";
    TREE_NODES: Gauge "tollgate_tree_nodes" ["policy", "hook"]
        "Questions and leaves of a policy's tree.";
    TREE_OFF: Gauge "tollgate_tree_off" ["policy", "hook"]
        "1 once a contradiction has switched the policy's tree off.";
    TREE_VERIFICATIONS: Counter "tollgate_tree_verifications_total" ["policy", "hook", "result"]
        "Decisions by a tree that were repeated in the component, by result.";
    TUNNEL_BYTES: Counter "tollgate_tunnel_bytes_total" ["from"]
        "Bytes of WebSockets that ended, by the side that sent them.";
    TUNNELS_OPEN: Gauge "tollgate_tunnels_open" []
        "WebSockets that are open.";
    TUNNELS: Counter "tollgate_tunnels_total" ["end"]
        "WebSockets that ended, by how.";
    UPSTREAM_CONNECTS: Counter "tollgate_upstream_connects_total" ["upstream", "outcome"]
        "Connections to an upstream, by outcome.";
    UPSTREAM_EJECTIONS: Counter "tollgate_upstream_ejections_total" ["upstream"]
        "Ejections of failing endpoints of an upstream.";
    UPSTREAM_RETRIES: Counter "tollgate_upstream_retries_total" ["upstream"]
        "Requests that were sent to an upstream once more.";
}

impl MetricKind {
    /// Returns the type in Prometheus' words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter | Self::CounterOfSeconds => "counter",
            Self::Gauge => "gauge",
        }
    }
}

/// Writes the catalogue as a table in Markdown.
#[must_use]
pub fn metric_table() -> String {
    let rows = METRICS.iter().map(|metric| {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let (name, kind) = (metric.name, metric.kind.as_str());
        format!("| `{name}` | {kind} | {} | {} |\n", labels.join(", "), metric.help)
    });
    format!(
        "| metric | type | labels | measures |\n|---|---|---|---|\n{}",
        rows.collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_conventions_of_prometheus() {
        for Metric { name, kind, labels, help } in METRICS {
            assert!(name.starts_with("tollgate_"), "{name}");
            let sound =
                |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            assert!(sound(name) && labels.iter().all(|label| sound(label)), "{name}");
            assert_eq!(name.ends_with("_total"), kind.as_str() == "counter", "{name}");
            let is_time = *kind == MetricKind::CounterOfSeconds;
            assert_eq!(name.ends_with("_seconds_total"), is_time, "{name}");
            for unit in ["nano", "micro", "milli", "percent", "_ms", "_us", "minutes", "kilo"] {
                assert!(!name.contains(unit), "{name} is in no base unit");
            }
            assert!(help.ends_with('.') && !help.contains('|'), "{name}: {help}");
        }
    }

    #[test]
    fn names_are_sorted_and_stand_once() {
        for pair in METRICS.windows(2) {
            assert!(pair[0].name < pair[1].name, "{} and {}", pair[0].name, pair[1].name);
        }
    }
}
