//! From a request that was let through to the upstream's answer, and what is kept of it.

mod grpc;
mod stream;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use tokio::time::Instant;
use tollgate_capability::idempotency::{Claim, Completion, StoredReply};
use tollgate_capability::principal::Audience;
use tollgate_chain::{Environment, Error, GrpcCode, Principal, ProblemType};
use tollgate_edge::ResponseBody;
use tollgate_terms::headers::{
    GRPC_TIMEOUT, IDEMPOTENT_REPLAYED, OPERATION_KEY, PRINCIPAL, REQUEST_FINGERPRINT, REQUEST_ID,
    REQUEST_TIMEOUT,
};
use tollgate_upstream::Safety;

use crate::exchange::Flow;
use crate::snapshot::UpstreamTarget;

/// Longest answer that is read whole, in bytes.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// An upstream's answer.
pub(crate) enum Forwarded {
    /// Read and translated.
    Whole(Whole),
    /// On its way.
    Stream(Response<ResponseBody>),
}

/// An answer that was read to its end.
pub(crate) struct Whole {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Forwarded {
    pub(crate) fn into_response(self) -> Response<ResponseBody> {
        match self {
            Self::Whole(whole) => whole.into_response(),
            Self::Stream(response) => response,
        }
    }

    /// Reads the answer to its end.
    pub(crate) async fn whole(self) -> Result<Whole, Error> {
        match self {
            Self::Whole(whole) => Ok(whole),
            Self::Stream(response) => whole(response).await,
        }
    }
}

impl Whole {
    fn into_response(self) -> Response<ResponseBody> {
        let mut response = Response::new(ResponseBody::full(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

/// Sends the request to `chosen` and gives its answer.
pub(crate) async fn forward(
    flow: &mut Flow,
    chosen: Option<&str>,
    claim: Option<&Claim>,
) -> Result<Forwarded, Error> {
    let snapshot = std::sync::Arc::clone(&flow.snapshot);
    let internal = |internal: String| Error::NoUpstream { internal };
    let chosen = chosen
        .ok_or_else(|| internal("no policy chose an upstream and the route has none".into()))?;
    let target = snapshot
        .targets
        .get(chosen)
        .ok_or_else(|| internal(format!("upstream {chosen} is not declared")))?;
    let principal = flow.host().principal().map(std::sync::Arc::clone);
    check_environment(target, principal.as_deref())?;
    flow.facts().upstream = Some(std::sync::Arc::clone(&target.name));
    let deadline = flow.deadline.min(requested_deadline(&flow.head.headers)?);
    let safety = if claim.is_some() || flow.head.method.is_idempotent() {
        Safety::Repeatable
    } else {
        Safety::Once
    };
    let context = ForwardContext { target, claim, deadline, safety };
    let binding = flow.route.as_ref().and_then(|route| snapshot.bindings.get(route.binding));
    let began = Instant::now();
    let answer = match binding.and_then(|binding| binding.call.as_ref()) {
        Some(call) => grpc::call(flow, call, &context).await.map(Forwarded::Whole),
        None => stream::pass(flow, &context).await.map(Forwarded::Stream),
    };
    flow.facts().upstream_us = u64::try_from(began.elapsed().as_micros()).ok();
    if let Err(Error::Grpc(failure)) = &answer {
        flow.facts().grpc_status = Some(failure.code);
    }
    answer
}

/// Everything by which a request is refused before it is sent, and nothing more.
pub(crate) async fn preflight(flow: &mut Flow, chosen: Option<&str>) -> Result<(), Error> {
    let snapshot = std::sync::Arc::clone(&flow.snapshot);
    let none = |internal: &str| Error::NoUpstream { internal: internal.to_owned() };
    let chosen = chosen.ok_or_else(|| none("no policy chose an upstream"))?;
    let target = snapshot.targets.get(chosen).ok_or_else(|| none("no such upstream"))?;
    check_environment(target, flow.host().principal().map(|own| &**own))?;
    flow.facts().upstream = Some(std::sync::Arc::clone(&target.name));
    let binding = flow.route.as_ref().and_then(|route| snapshot.bindings.get(route.binding));
    if binding.is_some_and(|binding| binding.call.is_some()) {
        flow.payload.translated().await?;
    }
    Ok(())
}

/// Where a request goes, and within which bounds.
struct ForwardContext<'a> {
    target: &'a UpstreamTarget,
    claim: Option<&'a Claim>,
    deadline: Instant,
    safety: Safety,
}

/// An upstream of one environment takes that environment's principals only, whatever policies say.
fn check_environment(target: &UpstreamTarget, principal: Option<&Principal>) -> Result<(), Error> {
    match (target.environment, principal) {
        (Some(wanted), Some(principal)) if principal.environment != wanted => {
            Err(Error::EnvironmentMismatch { principal: principal.environment })
        }
        (Some(wanted), None) => Err(Error::NoUpstream {
            internal: format!(
                "upstream {} is for {wanted} principals, and there is none",
                target.name
            ),
        }),
        (Some(_), Some(_)) | (None, _) => Ok(()),
    }
}

/// Writes what the gateway itself says to the service.
fn identify(flow: &Flow, context: &ForwardContext<'_>, own: &mut HeaderMap) -> Result<(), Error> {
    let ForwardContext { target, claim, .. } = context;
    let invalid = |_| Error::Internal { internal: "a field of the gateway's own".to_owned() };
    own.insert(REQUEST_ID, HeaderValue::from_str(&flow.head.request_id).map_err(invalid)?);
    if let (Some(service), Some(signer)) = (&target.audience, &flow.snapshot.signer)
        && let Some(principal) = flow.host().principal()
    {
        let environment: Environment = target.environment.unwrap_or(principal.environment);
        let audience = Audience { service: service.clone(), environment };
        own.insert(PRINCIPAL, signer.tenant(principal, &audience).header);
    }
    if let Some(claim) = claim {
        let hex = |text: String| HeaderValue::try_from(text).map_err(invalid);
        own.insert(OPERATION_KEY, hex(claim.operation().hex())?);
        own.insert(REQUEST_FINGERPRINT, hex(claim.fingerprint_hex())?);
    }
    Ok(())
}

/// The latest moment that the caller allows.
fn requested_deadline(headers: &HeaderMap) -> Result<Instant, Error> {
    const FAR: std::time::Duration = std::time::Duration::from_secs(24 * 3600);
    let malformed = || Error::MalformedRequest {
        detail: "X-Request-Timeout: expected 1 to 8 digits, in milliseconds".to_owned(),
    };
    let now = Instant::now();
    if let Some(value) = headers.get(REQUEST_TIMEOUT) {
        let digits = value.to_str().ok().filter(|text| (1..=8).contains(&text.len()));
        let milliseconds: u64 = digits
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|text| text.parse().ok())
            .ok_or_else(malformed)?;
        return Ok(now + std::time::Duration::from_millis(milliseconds));
    }
    if let Some(value) = headers.get(GRPC_TIMEOUT) {
        let timeout = value.to_str().ok().and_then(tollgate_transcode::grpc::parse_timeout);
        let detail = "grpc-timeout: expected 1 to 8 digits and a unit".to_owned();
        return timeout
            .map(|timeout| now + timeout.min(FAR))
            .ok_or(Error::MalformedRequest { detail });
    }
    Ok(now + FAR)
}

/// Returns whether a retry should get this very answer: success, and the service's own final refusals.
/// Failures of the way there are tried again, under the same operation key.
pub(crate) fn is_replayable(result: &Result<Forwarded, Error>) -> bool {
    match result {
        Ok(Forwarded::Whole(_)) => true,
        Ok(Forwarded::Stream(response)) => {
            let status = response.status();
            status.is_success()
                || (status.is_client_error() && ![408, 409, 425, 429].contains(&status.as_u16()))
        }
        // A reused operation key is no outcome of this operation.
        Err(Error::Grpc(failure)) => {
            is_final(failure.code) && failure.status != ProblemType::IDEMPOTENCY_KEY_REUSED.status
        }
        Err(_) => false,
    }
}

/// Tells the codes by which a service refuses for good.
fn is_final(code: GrpcCode) -> bool {
    matches!(
        code,
        GrpcCode::InvalidArgument
            | GrpcCode::NotFound
            | GrpcCode::AlreadyExists
            | GrpcCode::PermissionDenied
            | GrpcCode::FailedPrecondition
            | GrpcCode::OutOfRange
    )
}

/// Reads a response to its end.
pub(crate) async fn whole(response: Response<ResponseBody>) -> Result<Whole, Error> {
    let (parts, body) = response.into_parts();
    let body = body.read_whole(ANSWER_BYTES_MAX).await?;
    Ok(Whole { status: parts.status, headers: parts.headers, body })
}

/// Stores the answer for retries, or lets them be carried out again, before the caller hears.
pub(crate) async fn keep(claim: Claim, whole: Whole, replayable: bool) -> Response<ResponseBody> {
    if !replayable {
        claim.retryable().await;
        return whole.into_response();
    }
    let stored = StoredReply::new(whole.status, &whole.headers, whole.body.clone());
    match claim.complete(stored).await {
        Completion::Superseded(Some(other)) => replay(&other),
        Completion::Unavailable => {
            tracing::warn!("an operation's answer could not be stored; a retry asks the service");
            whole.into_response()
        }
        Completion::Stored | Completion::Elided | Completion::Superseded(None) => {
            whole.into_response()
        }
    }
}

/// A stored reply, marked as such.
pub(crate) fn replay(stored: &StoredReply) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::full(stored.body.clone()));
    *response.status_mut() = stored.status;
    *response.headers_mut() = stored.headers.iter().cloned().collect();
    let headers = response.headers_mut();
    headers.insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
