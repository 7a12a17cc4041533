//! The HTTP probes, on a port of their own that answers until the process exits.
//!
//! `/healthz` and `/livez` depend on nothing. `/readyz` is ready when the gRPC listener is bound, every
//! required dependency is well and the process is not draining. `/metrics` is Prometheus text.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// Failures in a row after which a dependency that was well counts as lost; one success restores it.
const FAILURES_MAX: u32 = 3;

/// Probes come from one or two places; more connections than this wait.
const CONNECTIONS_MAX: usize = 32;

/// What readiness is made of. Clones share it.
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
    well: bool,
    failures: u32,
    reason: String,
}

impl Readiness {
    /// Names a dependency without which the service is not ready.
    pub fn require(&self, name: &'static str, reason: &str) {
        self.with(|state| {
            let waiting = Dependency { reason: reason.into(), ..Dependency::default() };
            state.dependencies.insert(name, waiting);
        });
    }

    /// Notes the outcome of a check: `Err` says why it failed.
    pub fn note(&self, name: &'static str, outcome: Result<(), String>) {
        self.with(|state| {
            let dependency = state.dependencies.entry(name).or_default();
            match outcome {
                Ok(()) => *dependency = Dependency { well: true, ..Dependency::default() },
                Err(reason) => {
                    dependency.failures = dependency.failures.saturating_add(1);
                    dependency.well = dependency.well && dependency.failures < FAILURES_MAX;
                    dependency.reason = reason;
                }
            }
        });
    }

    /// The gRPC listener is bound.
    pub fn listening(&self) {
        self.with(|state| state.listening = true);
    }

    /// The process is about to end.
    pub fn draining(&self) {
        self.with(|state| state.draining = true);
    }

    /// Why it is not ready; empty when it is.
    #[must_use]
    pub fn reasons(&self) -> BTreeMap<&'static str, String> {
        self.with(|state| {
            let mut reasons: BTreeMap<_, _> = state
                .dependencies
                .iter()
                .filter(|(_, dependency)| !dependency.well)
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

/// Answers probes until the process ends.
pub async fn serve(listener: TcpListener, readiness: Readiness, metrics: PrometheusHandle) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors: another try at once would spin.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (readiness, metrics) = (readiness.clone(), metrics.clone());
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let response = answer(&request, &readiness, &metrics);
                async move { Ok::<_, Infallible>(response) }
            });
            let served = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(Duration::from_secs(5))
                .serve_connection(TokioIo::new(stream), service)
                .await;
            if let Err(error) = served {
                tracing::debug!(%error, "probe connection ended");
            }
            drop(slot);
        });
    }
}

fn answer<B>(
    request: &Request<B>,
    readiness: &Readiness,
    metrics: &PrometheusHandle,
) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return text(StatusCode::METHOD_NOT_ALLOWED, "application/json", "{}".into());
    }
    match request.uri().path() {
        "/healthz" | "/livez" => {
            text(StatusCode::OK, "application/json", r#"{"status":"ok"}"#.into())
        }
        "/readyz" => ready(&readiness.reasons()),
        "/metrics" => text(StatusCode::OK, "text/plain; version=0.0.4", metrics.render()),
        _ => text(StatusCode::NOT_FOUND, "application/json", "{}".into()),
    }
}

fn ready(reasons: &BTreeMap<&'static str, String>) -> Response<Full<Bytes>> {
    if reasons.is_empty() {
        return text(StatusCode::OK, "application/json", r#"{"status":"ready"}"#.into());
    }
    let body = serde_json::json!({ "status": "unready", "reasons": reasons });
    text(StatusCode::SERVICE_UNAVAILABLE, "application/json", body.to_string())
}

fn text(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let kind = header::HeaderValue::from_static(kind);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn probes_answer_get_and_head_on_their_paths_and_nothing_else() {
        let metrics =
            metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder().handle();
        let readiness = Readiness::default();
        let ask = |method: &str, path: &str| {
            let request = Request::builder().method(method).uri(path).body(()).unwrap();
            answer(&request, &readiness, &metrics).status().as_u16()
        };
        assert_eq!(ask("GET", "/healthz"), 200);
        assert_eq!(ask("HEAD", "/livez"), 200);
        assert_eq!(ask("GET", "/readyz"), 503);
        assert_eq!(ask("GET", "/metrics"), 200);
        assert_eq!(ask("GET", "/v1/deposits"), 404);
        assert_eq!(ask("POST", "/livez"), 405);
    }
}
