//! The admin API: receipts and rollouts, for whoever has the token. Every call is written to the
//! audit log, whose target no log filter silences.

use std::sync::Arc;

use http::{HeaderValue, Method, Response, StatusCode, header};
use serde::Serialize;
use tollgate_chain::{Content, Error, Head, ProblemType, Reply};
use tollgate_control::{AUDIT, RolloutForm, Rollouts};
use tollgate_edge::{Caller, Responder, ResponseBody};
use tollgate_insight::{ReceiptForm, Redactor};
use tollgate_proxy::{ReceiptLog, ReceiptRecord};

use crate::query::{self, Query};
use crate::token::Token;

/// Where the API begins.
pub(crate) const ROOT: &str = "/v1/";
const RECEIPTS: &str = "/v1/receipts";
const ROLLOUTS: &str = "/v1/rollouts";
/// Receipts in an answer, where the caller does not say.
const LIMIT: usize = 20;

/// Answers below `/v1/`. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Api {
    /// The receipts that are asked for.
    pub receipts: ReceiptLog,
    /// Puts receipts into their form.
    pub redactor: Arc<Redactor>,
    /// The rollouts that are shown and moved.
    pub rollouts: Rollouts,
    /// The token that callers present; without one every call is refused.
    pub token: Option<Arc<Token>>,
    /// The writer of problems.
    pub responder: Arc<Responder>,
}

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

impl Api {
    /// Answers, and tells the audit log who asked for what and what came of it.
    pub(crate) async fn handle(&self, head: &Head) -> Response<ResponseBody> {
        let response = self.answer(head).await;
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

    async fn answer(&self, head: &Head) -> Response<ResponseBody> {
        let caller = Caller::of(head);
        if !self.token.as_ref().is_some_and(|token| token.is_in(&head.headers)) {
            return self.unauthenticated(&caller);
        }
        if let Some(rest) = head.path.strip_prefix(ROLLOUTS) {
            return self.rollout(rest, head, &caller);
        }
        if head.method != Method::GET {
            return self
                .responder
                .problem(&Error::MethodNotAllowed { allow: "GET".into() }, &caller);
        }
        if *head.path == *RECEIPTS {
            return match Query::read(head.query.as_deref().unwrap_or_default()) {
                Ok(query) => self.list(query).await,
                Err(detail) => self.refuse(&ProblemType::ADMIN_MALFORMED, detail, &caller),
            };
        }
        match head.path.strip_prefix(RECEIPTS).and_then(|rest| rest.strip_prefix('/')) {
            Some(request_id) if !request_id.is_empty() => self.find(request_id, &caller),
            _ => self.responder.problem(&Error::RouteNotFound, &caller),
        }
    }

    /// `GET /v1/rollouts`, and `POST /v1/rollouts/{policy}?stage=&share_percent=`.
    fn rollout(&self, rest: &str, head: &Head, caller: &Caller<'_>) -> Response<ResponseBody> {
        let named = rest.strip_prefix('/').filter(|name| !name.is_empty());
        let (wanted, policy) = match named {
            None if rest.is_empty() => (Method::GET, None),
            None => return self.responder.problem(&Error::RouteNotFound, caller),
            Some(policy) => (Method::POST, Some(policy)),
        };
        if head.method != wanted {
            let allow = wanted.as_str().into();
            return self.responder.problem(&Error::MethodNotAllowed { allow }, caller);
        }
        let Some(policy) = policy else {
            let rollouts = self.rollouts.list().iter().map(RolloutForm::of).collect();
            return json(&RolloutList { rollouts });
        };
        let Some(known) = self.rollouts.find(policy) else {
            let detail = "No candidate of such a policy serves: declare it in `[rollouts.*]`.";
            return self.refuse(&ProblemType::ROLLOUT_NOT_FOUND, detail, caller);
        };
        match query::stage(head.query.as_deref().unwrap_or_default()) {
            Ok(stage) => {
                known.advance(stage);
                json(&RolloutForm::of(&known))
            }
            Err(detail) => self.refuse(&ProblemType::ADMIN_MALFORMED, detail, caller),
        }
    }

    fn find(&self, request_id: &str, caller: &Caller<'_>) -> Response<ResponseBody> {
        match self.receipts.find(request_id) {
            Some((kept, found)) => {
                json(&FoundReceipt { found, receipt: self.redactor.form(&kept) })
            }
            None => self.refuse(
                &ProblemType::RECEIPT_NOT_FOUND,
                "There is no receipt of this request. Refusals and failures are always kept, of \
                 requests that passed one in `sample_every`; older ones make room for newer ones.",
                caller,
            ),
        }
    }

    async fn list(&self, query: Query) -> Response<ResponseBody> {
        if let Some(every) = query.sample_every {
            self.receipts.lease(every);
        }
        let (receipts, redactor) = (self.receipts.clone(), Arc::clone(&self.redactor));
        // Putting many receipts in words takes longer than a serving thread may be kept.
        let rendered = tokio::task::spawn_blocking(move || {
            let limit = query.limit.unwrap_or(LIMIT);
            let picked = match query.after {
                Some(after) => receipts.since(after, limit),
                None => receipts.newest(limit, |kept| is_wanted(kept, &query)),
            };
            let receipts = picked.iter().map(|kept| redactor.form(kept)).collect();
            json(&ReceiptList { receipts })
        });
        rendered.await.unwrap_or_else(|_| status(StatusCode::INTERNAL_SERVER_ERROR))
    }

    fn unauthenticated(&self, caller: &Caller<'_>) -> Response<ResponseBody> {
        let detail = "The admin API needs `Authorization: Bearer` with the gateway's admin token.";
        let mut response = self.refuse(&ProblemType::ADMIN_UNAUTHENTICATED, detail, caller);
        let challenge = HeaderValue::from_static("Bearer realm=\"tollgate-admin\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        response
    }

    fn refuse(
        &self,
        problem_type: &ProblemType,
        detail: &str,
        caller: &Caller<'_>,
    ) -> Response<ResponseBody> {
        let content = Content::Problem(problem_type.problem(detail));
        self.responder.reply(&Reply { status: problem_type.status, content }, caller)
    }
}

fn is_wanted(kept: &ReceiptRecord, query: &Query) -> bool {
    let status = query.status.as_ref().is_none_or(|wanted| wanted.contains(&kept.status));
    let policy = query.policy.as_ref().is_none_or(|name| kept.policy.as_deref() == Some(&**name));
    status && policy
}

fn json(body: &impl Serialize) -> Response<ResponseBody> {
    let Ok(text) = serde_json::to_vec(body) else {
        return status(StatusCode::INTERNAL_SERVER_ERROR);
    };
    let mut response = Response::new(ResponseBody::full(text));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn status(status: StatusCode) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::empty());
    *response.status_mut() = status;
    response
}

fn bounded(text: &str) -> &str {
    const MAX: usize = 256;
    text.char_indices().nth(MAX).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}
