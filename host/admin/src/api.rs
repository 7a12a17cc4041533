//! The admin API: receipts and rollouts, for whoever has the token. Every call is written to the
//! audit log, whose target no log filter silences.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use tollgate_chain::{Content, Head, ProblemType, Reply};
use tollgate_control::{AUDIT, RolloutForm};
use tollgate_edge::Caller;
use tollgate_insight::ReceiptForm;
use tollgate_proxy::ReceiptRecord;

use crate::query::{self, Query};
use crate::server::AdminState;

/// Receipts in an answer, where the caller does not say.
const LIMIT: usize = 20;

/// The newest receipt of a request id.
#[derive(Debug, Serialize, serde::Deserialize)]
pub struct FoundReceipt {
    /// The number of receipts that have this id: a caller may repeat its ids.
    pub found: usize,
    /// The newest of them.
    pub receipt: ReceiptForm,
}

/// A list of receipts.
#[derive(Debug, Serialize, serde::Deserialize)]
pub struct ReceiptList {
    /// The receipts, newest first; oldest first where `after` was asked for.
    pub receipts: Vec<ReceiptForm>,
}

/// The candidates that serve.
#[derive(Debug, Serialize, serde::Deserialize)]
pub struct RolloutList {
    /// The rollouts.
    pub rollouts: Vec<RolloutForm>,
}

/// Writes a call to the audit log: who asked for what, and the outcome.
pub(crate) async fn audit(
    Extension(head): Extension<Arc<Head>>,
    request: Request,
    next: Next,
) -> Response {
    let response = next.run(request).await;
    let (query, status) = (head.query.as_deref().unwrap_or_default(), response.status());
    let outcome = match status.as_u16() {
        200..=399 => "done",
        401 => "refused: no valid token",
        _ => "refused",
    };

    tracing::info!(
        target: AUDIT,
        client = %head.client,
        request_id = %head.request_id,
        method = %head.method,
        path = bounded(&head.path),
        query = bounded(query),
        status = status.as_u16(),
        outcome,
        "admin call"
    );
    response
}

/// Refuses a call that does not present the token.
pub(crate) async fn authenticate(
    State(state): State<Arc<AdminState>>,
    Extension(head): Extension<Arc<Head>>,
    request: Request,
    next: Next,
) -> Response {
    if state.token.as_ref().is_some_and(|token| token.is_in(&head.headers)) {
        return next.run(request).await;
    }
    let detail = "The admin API needs `Authorization: Bearer` with the gateway's admin token.";
    let mut response = refuse(&state, &ProblemType::ADMIN_UNAUTHENTICATED, detail, &head);
    let challenge = HeaderValue::from_static("Bearer realm=\"tollgate-admin\"");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    response
}

/// Answers `GET /v1/receipts`.
pub(crate) async fn receipts(
    State(state): State<Arc<AdminState>>,
    Extension(head): Extension<Arc<Head>>,
) -> Response {
    let query = match Query::read(head.query.as_deref().unwrap_or_default()) {
        Ok(query) => query,
        Err(detail) => return refuse(&state, &ProblemType::ADMIN_MALFORMED, detail, &head),
    };
    if let Some(every) = query.sample_every {
        state.receipts.lease(every);
    }

    // Putting many receipts in words takes longer than a serving thread may be kept.
    let rendered = tokio::task::spawn_blocking(move || {
        let limit = query.limit.unwrap_or(LIMIT);
        let picked = match query.after {
            Some(after) => state.receipts.since(after, limit),
            None => state.receipts.newest(limit, |kept| is_wanted(kept, &query)),
        };
        let receipts = picked.iter().map(|kept| state.redactor.form(kept)).collect();
        json(&ReceiptList { receipts })
    });
    rendered.await.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

/// Answers `GET /v1/receipts/{request_id}`.
pub(crate) async fn receipt(
    State(state): State<Arc<AdminState>>,
    Extension(head): Extension<Arc<Head>>,
    Path(request_id): Path<String>,
) -> Response {
    match state.receipts.find(&request_id) {
        Some((kept, found)) => json(&FoundReceipt { found, receipt: state.redactor.form(&kept) }),
        None => refuse(
            &state,
            &ProblemType::RECEIPT_NOT_FOUND,
            "There is no receipt of this request. Refusals and failures are always kept, of \
             requests that passed one in `sample_every`; older ones make room for newer ones.",
            &head,
        ),
    }
}

/// Answers `GET /v1/rollouts`.
pub(crate) async fn rollouts(State(state): State<Arc<AdminState>>) -> Response {
    let rollouts = state.rollouts.list().iter().map(RolloutForm::of).collect();
    json(&RolloutList { rollouts })
}

/// Answers `POST /v1/rollouts/{policy}?stage=&share_percent=`.
pub(crate) async fn advance(
    State(state): State<Arc<AdminState>>,
    Extension(head): Extension<Arc<Head>>,
    Path(policy): Path<String>,
) -> Response {
    let Some(rollout) = state.rollouts.find(&policy) else {
        let detail = "No candidate of such a policy serves: declare it in `[rollouts.*]`.";
        return refuse(&state, &ProblemType::ROLLOUT_NOT_FOUND, detail, &head);
    };
    match query::stage(head.query.as_deref().unwrap_or_default()) {
        Ok(stage) => {
            rollout.advance(stage);
            json(&RolloutForm::of(&rollout))
        }
        Err(detail) => refuse(&state, &ProblemType::ADMIN_MALFORMED, detail, &head),
    }
}

fn refuse(state: &AdminState, problem_type: &ProblemType, detail: &str, head: &Head) -> Response {
    let content = Content::Problem(problem_type.problem(detail));
    let reply = Reply { status: problem_type.status, content };
    state.responder.reply(&reply, &Caller::of(head)).into_response()
}

fn is_wanted(kept: &ReceiptRecord, query: &Query) -> bool {
    let status = query.status.as_ref().is_none_or(|wanted| wanted.contains(&kept.status));
    let policy = query.policy.as_ref().is_none_or(|name| kept.policy.as_deref() == Some(&**name));
    status && policy
}

fn json(body: &impl Serialize) -> Response {
    let Ok(text) = serde_json::to_vec(body) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (headers, text).into_response()
}

fn bounded(text: &str) -> &str {
    const MAX: usize = 256;
    text.char_indices().nth(MAX).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}
