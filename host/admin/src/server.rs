//! Health and metrics, and the way to the API. They are on a listener of their own that answers
//! before the data listeners are bound and until the process ends.

use std::sync::Arc;

use http::{HeaderValue, Method, Response, StatusCode, header};
use metrics_exporter_prometheus::PrometheusHandle;
use tollgate_chain::{Error, Head};
use tollgate_edge::{Caller, Handler, RequestBody, Responder, ResponseBody};
use tollgate_proxy::{Ledger, Readiness, ReadyState};

use crate::api::{self, Api};

/// Answers `/healthz`, `/livez`, `/readyz`, `/metrics`, and the API below `/v1/`.
#[derive(Debug, Clone)]
pub struct Admin {
    /// The readiness that is reported.
    pub readiness: Readiness,
    /// The recorder of metrics.
    pub metrics: PrometheusHandle,
    /// The counters of exchanges, published whenever metrics are read.
    pub ledger: Ledger,
    /// The writer of problems.
    pub responder: Arc<Responder>,
    /// The API below `/v1/`.
    pub api: Api,
}

impl Handler for Admin {
    async fn handle(&self, head: Head, _body: RequestBody) -> Response<ResponseBody> {
        if head.path.starts_with(api::ROOT) {
            return self.api.handle(&head).await;
        }
        let caller = Caller::of(&head);
        if ![Method::GET, Method::HEAD].contains(&head.method) {
            let allow = "GET, HEAD".into();
            return self.responder.problem(&Error::MethodNotAllowed { allow }, &caller);
        }
        match &*head.path {
            "/healthz" | "/livez" => json(StatusCode::OK, r#"{"status":"ok"}"#),
            "/readyz" => match self.readiness.state() {
                ReadyState::Ready => json(StatusCode::OK, r#"{"status":"ready"}"#),
                ReadyState::Draining => unready(r#"{"status":"unready","reasons":["draining"]}"#),
                ReadyState::Starting => unready(r#"{"status":"unready","reasons":["starting"]}"#),
            },
            "/metrics" => {
                self.ledger.publish();
                self.api.rollouts.publish();
                text(self.metrics.render())
            }
            _ => self.responder.problem(&Error::RouteNotFound, &caller),
        }
    }
}

fn unready(body: &'static str) -> Response<ResponseBody> {
    json(StatusCode::SERVICE_UNAVAILABLE, body)
}

fn json(status: StatusCode, body: &'static str) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::full(body.as_bytes()));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

fn text(body: String) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::full(body));
    let plain = HeaderValue::from_static("text/plain; version=0.0.4");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}
