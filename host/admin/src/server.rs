//! The routes of the operators' port. Its listener is one of `edge`, which bounds connections and
//! the wait for a request's head, and checks the head; it answers before the data listeners are
//! bound and until the process ends.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Extension, Router, extract::State, middleware};
use http::uri::PathAndQuery;
use http::{Request, StatusCode, Uri, header};
use metrics_exporter_prometheus::PrometheusHandle;
use tollgate_chain::{Error, Head};
use tollgate_control::Rollouts;
use tollgate_edge::{Caller, Handler, RequestBody, Responder, ResponseBody};
use tollgate_insight::Redactor;
use tollgate_proxy::{Ledger, Readiness, ReadyState, ReceiptLog};
use tower::ServiceExt as _;

use crate::api;
use crate::hosts::AdminHosts;
use crate::token::Token;

/// Everything that the operators' port answers from.
#[derive(Debug)]
pub struct AdminState {
    /// The readiness that is reported.
    pub readiness: Readiness,
    /// The recorder of metrics.
    pub metrics: PrometheusHandle,
    /// The counters of exchanges, published whenever metrics are read.
    pub ledger: Ledger,
    /// The writer of problems.
    pub responder: Arc<Responder>,
    /// The receipts that are asked for.
    pub receipts: ReceiptLog,
    /// Puts receipts into their form.
    pub redactor: Redactor,
    /// The rollouts that are shown and moved.
    pub rollouts: Rollouts,
    /// The hosts that the port answers for.
    pub hosts: AdminHosts,
    /// The token that callers of the API present; without one every call of it is refused.
    pub token: Option<Arc<Token>>,
}

/// Answers `/healthz`, `/livez`, `/readyz`, `/metrics`, and the API below `/v1/`. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Admin {
    router: Router,
    hosts: Arc<AdminHosts>,
    responder: Arc<Responder>,
}

impl Admin {
    /// Makes the routes.
    #[must_use]
    pub fn new(state: AdminState) -> Self {
        let responder = Arc::clone(&state.responder);
        let hosts = Arc::new(state.hosts.clone());
        Self { router: router(Arc::new(state)), hosts, responder }
    }
}

impl Handler for Admin {
    async fn handle(&self, head: Head, _body: RequestBody) -> http::Response<ResponseBody> {
        if !self.hosts.include(&head.authority) {
            return self.responder.problem(&Error::Misdirected, &Caller::of(&head));
        }

        let head = Arc::new(head);
        let mut request = Request::new(Body::empty());
        *request.method_mut() = head.method.clone();
        match target(&head) {
            Ok(target) => *request.uri_mut() = target,
            Err(error) => return self.responder.problem(&error, &Caller::of(&head)),
        }
        request.extensions_mut().insert(head);

        let Ok(response) = self.router.clone().oneshot(request).await;
        let (parts, body) = response.into_parts();
        // Every answer is in memory already.
        match to_bytes(body, usize::MAX).await {
            Ok(bytes) => http::Response::from_parts(parts, ResponseBody::full(bytes)),
            Err(_) => {
                let mut failed = http::Response::new(ResponseBody::empty());
                *failed.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                failed
            }
        }
    }
}

fn target(head: &Head) -> Result<Uri, Error> {
    let text = match &head.query {
        Some(query) => format!("{}?{query}", head.path),
        None => head.path.to_string(),
    };
    PathAndQuery::try_from(text)
        .map(Uri::from)
        .map_err(|error| Error::MalformedRequest { detail: format!("request target: {error}") })
}

fn router(state: Arc<AdminState>) -> Router {
    let api = Router::new()
        .route("/receipts", only(get(api::receipts), "GET, HEAD"))
        .route("/receipts/{request_id}", only(get(api::receipt), "GET, HEAD"))
        .route("/rollouts", only(get(api::rollouts), "GET, HEAD"))
        .route("/rollouts/{policy}", only(post(api::advance), "POST"))
        .fallback(unknown)
        .layer(middleware::from_fn_with_state(Arc::clone(&state), api::authenticate))
        .layer(middleware::from_fn(api::audit));

    Router::new()
        .route("/healthz", only(get(alive), "GET, HEAD"))
        .route("/livez", only(get(alive), "GET, HEAD"))
        .route("/readyz", only(get(ready), "GET, HEAD"))
        .route("/metrics", only(get(metrics), "GET, HEAD"))
        .nest("/v1", api)
        .fallback(unknown)
        .with_state(state)
}

/// Answers other methods than these by a problem that names them.
fn only(
    methods: MethodRouter<Arc<AdminState>>,
    allow: &'static str,
) -> MethodRouter<Arc<AdminState>> {
    methods.fallback(
        async move |State(state): State<Arc<AdminState>>, Extension(head): Extension<Arc<Head>>| {
            problem(&state, &Error::MethodNotAllowed { allow: allow.into() }, &head)
        },
    )
}

async fn unknown(
    State(state): State<Arc<AdminState>>,
    Extension(head): Extension<Arc<Head>>,
) -> Response {
    problem(&state, &Error::RouteNotFound, &head)
}

async fn alive() -> Response {
    json(StatusCode::OK, r#"{"status":"ok"}"#)
}

async fn ready(State(state): State<Arc<AdminState>>) -> Response {
    let unready = StatusCode::SERVICE_UNAVAILABLE;
    match state.readiness.state() {
        ReadyState::Ready => ready_but_for(&state.readiness.failing_stores()),
        ReadyState::Draining => json(unready, r#"{"status":"unready","reasons":["draining"]}"#),
        ReadyState::Starting => json(unready, r#"{"status":"unready","reasons":["starting"]}"#),
    }
}

/// A store that fails makes the gateway no less ready: only requests that need it are refused.
fn ready_but_for(failing: &[&str]) -> Response {
    if failing.is_empty() {
        return json(StatusCode::OK, r#"{"status":"ready"}"#);
    }
    let body = serde_json::json!({ "status": "ready", "failing_stores": failing });
    json(StatusCode::OK, body.to_string())
}

async fn metrics(State(state): State<Arc<AdminState>>) -> Response {
    state.ledger.publish();
    state.rollouts.publish();
    let text = crate::metrics::render(&state.metrics);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

fn json(status: StatusCode, body: impl Into<Body>) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body.into()).into_response()
}

fn problem(state: &AdminState, error: &Error, head: &Head) -> Response {
    state.responder.problem(error, &Caller::of(head)).into_response()
}
