//! The HTTP probes, on a port of their own that answers until the process exits.
//!
//! `/healthz` and `/livez` depend on nothing. `/readyz` is ready if the gRPC listener is bound, every
//! required dependency is healthy and the process is not draining. `/metrics` is Prometheus text.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::middleware::map_response;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::{HeaderValue, StatusCode, header};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Consecutive failures after which a healthy dependency counts as lost; one success restores it.
const FAILURES_MAX: u32 = 3;

/// Most connections at once; further ones wait. Probes come from one or two places.
const CONNECTIONS_MAX: usize = 32;

/// Longest wait for the head of a request.
const HEADER_READ_MAX: Duration = Duration::from_secs(5);

/// The readiness of the process. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    listening: bool,
    draining: bool,
    dependencies: BTreeMap<&'static str, Dependency>,
}

#[derive(Debug, Default)]
struct Dependency {
    healthy: bool,
    failures: u32,
    reason: String,
}

impl Readiness {
    /// Adds a dependency without which the service is not ready, with the reason until its first check.
    pub fn require(&self, name: &'static str, reason: &str) {
        self.with(|state| {
            let unchecked = Dependency { reason: reason.into(), ..Dependency::default() };
            state.dependencies.insert(name, unchecked);
        });
    }

    /// Records the outcome of a check; the error is the reason for people.
    pub fn note(&self, name: &'static str, outcome: Result<(), String>) {
        self.with(|state| {
            let dependency = state.dependencies.entry(name).or_default();
            match outcome {
                Ok(()) => *dependency = Dependency { healthy: true, ..Dependency::default() },
                Err(reason) => {
                    dependency.failures = dependency.failures.saturating_add(1);
                    dependency.healthy = dependency.healthy && dependency.failures < FAILURES_MAX;
                    dependency.reason = reason;
                }
            }
        });
    }

    /// Records that the gRPC listener is bound.
    pub fn listening(&self) {
        self.with(|state| state.listening = true);
    }

    /// Records that the process is about to end.
    pub fn draining(&self) {
        self.with(|state| state.draining = true);
    }

    /// Returns the reasons for being unready, by dependency; empty if ready.
    #[must_use]
    pub fn reasons(&self) -> BTreeMap<&'static str, String> {
        self.with(|state| {
            let mut reasons: BTreeMap<_, _> = state
                .dependencies
                .iter()
                .filter(|(_, dependency)| !dependency.healthy)
                .map(|(&name, dependency)| (name, dependency.reason.clone()))
                .collect();
            if !state.listening {
                reasons.insert("listener", "not bound".into());
            }
            if state.draining {
                reasons.insert("process", "draining".into());
            }
            reasons
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Answers probes until `ending` is cancelled.
pub async fn serve(
    listener: Arc<TcpListener>,
    readiness: Readiness,
    metrics: PrometheusHandle,
    ending: CancellationToken,
) {
    let service = TowerToHyperService::new(router(readiness, metrics));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEADER_READ_MAX);

    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = ending.cancelled() => return,
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                Ok((stream, _)) => {
                    let connection = http.serve_connection(TokioIo::new(stream), service.clone());
                    connections.spawn(connection);
                }
                // Out of descriptors: another try at once would spin.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            Some(ended) = connections.join_next() => {
                if let Ok(Err(error)) = ended {
                    tracing::debug!(%error, "probe connection ended");
                }
            }
        }
    }
}

fn router(readiness: Readiness, metrics: PrometheusHandle) -> Router {
    let alive = async || json(StatusCode::OK, r#"{"status":"ok"}"#.into());
    Router::new()
        .route("/healthz", get(alive))
        .route("/livez", get(alive))
        .route("/readyz", get(async move || ready(&readiness.reasons())))
        .route("/metrics", get(async move || text("text/plain; version=0.0.4", metrics.render())))
        .fallback(async || json(StatusCode::NOT_FOUND, "{}".into()))
        .method_not_allowed_fallback(async || json(StatusCode::METHOD_NOT_ALLOWED, "{}".into()))
        .layer(map_response(no_store))
}

fn ready(reasons: &BTreeMap<&'static str, String>) -> Response {
    if reasons.is_empty() {
        return json(StatusCode::OK, r#"{"status":"ready"}"#.into());
    }
    let body = serde_json::json!({ "status": "unready", "reasons": reasons });
    json(StatusCode::SERVICE_UNAVAILABLE, body.to_string())
}

fn json(status: StatusCode, body: String) -> Response {
    (status, text("application/json", body)).into_response()
}

fn text(content_type: &'static str, body: String) -> Response {
    ([(header::CONTENT_TYPE, content_type)], body).into_response()
}

async fn no_store(mut response: Response) -> Response {
    let value = HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, value);
    response
}

#[cfg(test)]
mod tests {
    use tower::ServiceExt as _;

    use super::*;

    #[test]
    fn readiness_needs_the_listener_and_every_dependency_and_ends_with_draining() {
        let readiness = Readiness::default();
        readiness.require("database", "connecting");
        assert_eq!(readiness.reasons().len(), 2);
        readiness.note("database", Ok(()));
        readiness.listening();
        assert!(readiness.reasons().is_empty());
        readiness.draining();
        assert_eq!(readiness.reasons().get("process").map(String::as_str), Some("draining"));
    }

    #[test]
    fn a_brief_failure_of_a_dependency_does_not_make_the_process_unready() {
        let readiness = Readiness::default();
        readiness.listening();
        readiness.note("database", Ok(()));
        for expected in [true, true, false] {
            readiness.note("database", Err("gone".into()));
            assert_eq!(readiness.reasons().is_empty(), expected);
        }
        readiness.note("database", Ok(()));
        assert!(readiness.reasons().is_empty());
    }

    async fn ask(router: &Router, method: &str, path: &str) -> (u16, String) {
        let request = http::Request::builder().method(method).uri(path);
        let request = request.body(axum::body::Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store", "{method} {path}");
        let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap();
        (status, String::from_utf8(body.to_bytes().to_vec()).unwrap())
    }

    #[tokio::test]
    async fn probes_answer_get_and_head_on_their_paths_and_nothing_else() {
        let metrics =
            metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder().handle();
        let readiness = Readiness::default();
        readiness.require("database", "connecting");
        let router = router(readiness.clone(), metrics);
        let ok = (200, r#"{"status":"ok"}"#.to_owned());
        assert_eq!(ask(&router, "GET", "/healthz").await, ok);
        assert_eq!(ask(&router, "HEAD", "/livez").await, (200, String::new()));
        let reasons =
            r#"{"reasons":{"database":"connecting","listener":"not bound"},"status":"unready"}"#;
        assert_eq!(ask(&router, "GET", "/readyz").await, (503, reasons.to_owned()));
        assert_eq!(ask(&router, "GET", "/metrics").await.0, 200);
        assert_eq!(ask(&router, "GET", "/v1/deposits").await, (404, "{}".to_owned()));
        assert_eq!(ask(&router, "POST", "/livez").await, (405, "{}".to_owned()));

        readiness.listening();
        readiness.note("database", Ok(()));
        let ready = (200, r#"{"status":"ready"}"#.to_owned());
        assert_eq!(ask(&router, "GET", "/readyz").await, ready);
    }
}
