//! From a request that was let through to the upstream's answer, and what is kept of it.

mod caller;
mod deadline;
mod grpc;
mod messages;
mod rpc;
mod stream;
mod websocket;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt, Collected, Limited};
use tokio::time::{Instant, timeout_at};
use tollgate_capability::idempotency::{Claim, Completion, StoredReply};
use tollgate_capability::principal::Audience;
use tollgate_chain::{Environment, Error, GrpcCode, Head, Principal, ProblemType, Route};
use tollgate_edge::ResponseBody;
use tollgate_terms::headers::{
    IDEMPOTENT_REPLAYED, OPERATION_KEY, PRINCIPAL, REQUEST_FINGERPRINT, REQUEST_ID,
};
use tollgate_upstream::{CallerKey, Safety, SendBounds, UpstreamBody};

use crate::payload::RequestPayload;
use crate::snapshot::{Call, Snapshot, UpstreamTarget};

pub(crate) use self::deadline::requested as requested_deadline;

/// Longest answer that is read whole, in bytes.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// An upstream's answer.
pub(crate) enum Forwarded {
    /// Read and translated.
    Whole(Whole),
    /// The outcome of a call, read and told in another RPC protocol: success or the service's error.
    Translated(Whole, GrpcCode),
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
            Self::Whole(whole) | Self::Translated(whole, _) => whole.into_response(),
            Self::Stream(response) => response,
        }
    }

    /// Reads the answer to its end.
    pub(crate) async fn whole(self) -> Result<Whole, Error> {
        match self {
            Self::Whole(whole) | Self::Translated(whole, _) => Ok(whole),
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

/// An exchange as forwarding reads it; forwarding changes nothing of it.
pub(crate) struct ForwardRequest<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) head: &'a Head,
    pub(crate) route: &'a Route,
    pub(crate) payload: &'a RequestPayload,
    pub(crate) principal: Option<&'a Arc<Principal>>,
    /// The upstream that a policy or the Route chose.
    pub(crate) chosen: Option<&'a str>,
    /// The claim on the operation, where there is one.
    pub(crate) claim: Option<&'a Claim>,
    /// The end of the Route's time.
    pub(crate) deadline: Instant,
}

/// The outcome of forwarding, with the facts that records hold of it.
pub(crate) struct ForwardReport<T> {
    pub(crate) outcome: Result<T, Error>,
    pub(crate) facts: UpstreamFacts,
}

/// Facts about the upstream's part in an exchange.
#[derive(Default)]
pub(crate) struct UpstreamFacts {
    /// The upstream that the request was for.
    pub(crate) upstream: Option<Arc<str>>,
    /// Microseconds from the first attempt to the head of the answer, or to its end if it is read
    /// whole.
    pub(crate) upstream_us: Option<u64>,
    /// The status of a service that refused.
    pub(crate) grpc_status: Option<GrpcCode>,
}

/// The target of a request, and the bounds within which it is sent.
struct ForwardContext<'a> {
    target: &'a UpstreamTarget,
    claim: Option<&'a Claim>,
    bounds: SendBounds,
    /// The deadline as the service may be told it.
    told: Instant,
}

/// Sends the request to the chosen upstream and gives its answer.
pub(crate) async fn forward(request: &ForwardRequest<'_>) -> ForwardReport<Forwarded> {
    let (target, mut facts) = match request.target() {
        Ok(target) => (target, UpstreamFacts::of(target)),
        Err(error) => {
            return ForwardReport { outcome: Err(error), facts: UpstreamFacts::default() };
        }
    };
    let context = match request.context(target) {
        Ok(context) => context,
        Err(error) => return ForwardReport { outcome: Err(error), facts },
    };

    let began = Instant::now();
    let outcome = match request.call() {
        _ if request.head.websocket => {
            websocket::open(request, &context).await.map(Forwarded::Stream)
        }
        Some(call) if call.transcoder.is_streaming() => {
            messages::call(request, call, &context).await.map(Forwarded::Stream)
        }
        Some(call) => grpc::call(request, call, &context).await.map(Forwarded::Whole),
        None => match rpc::Dialect::of(request, target) {
            Some(dialect) => rpc::call(request, &context, dialect).await,
            None => stream::pass(request, &context).await.map(Forwarded::Stream),
        },
    };
    facts.upstream_us = u64::try_from(began.elapsed().as_micros()).ok();
    facts.grpc_status = match &outcome {
        Err(Error::Grpc(failure)) => Some(failure.code),
        Ok(Forwarded::Translated(_, code)) => Some(*code),
        Ok(Forwarded::Whole(_) | Forwarded::Stream(_)) | Err(_) => None,
    };
    ForwardReport { outcome, facts }
}

/// Finds everything by which a request is refused before it is sent, and nothing more.
pub(crate) async fn preflight(request: &ForwardRequest<'_>) -> ForwardReport<()> {
    let facts = match request.target() {
        Ok(target) => UpstreamFacts::of(target),
        Err(error) => {
            return ForwardReport { outcome: Err(error), facts: UpstreamFacts::default() };
        }
    };
    let outcome = match request.call() {
        Some(_) => request.payload.translated().await.map(drop),
        None => Ok(()),
    };
    ForwardReport { outcome, facts }
}

impl UpstreamFacts {
    fn of(target: &UpstreamTarget) -> Self {
        Self { upstream: Some(Arc::clone(&target.name)), ..Self::default() }
    }
}

impl<'a> ForwardRequest<'a> {
    /// Finds the chosen upstream, if it may take this principal.
    fn target(&self) -> Result<&'a UpstreamTarget, Error> {
        let none = |internal: String| Error::NoUpstream { internal };
        let chosen = self
            .chosen
            .ok_or_else(|| none("no policy chose an upstream and the route has none".into()))?;
        let target = self.snapshot.targets.get(chosen);
        let target = target.ok_or_else(|| none(format!("upstream {chosen} is not declared")))?;
        check_environment(target, self.principal.map(|principal| &**principal))?;
        Ok(target)
    }

    /// Finds the bounds within which the request is sent.
    fn context(&self, target: &'a UpstreamTarget) -> Result<ForwardContext<'a>, Error> {
        let requested = deadline::requested(self.head, self.payload.protocol())?;
        let told = self.deadline.min(requested);
        let deadline = deadline::enforced(told, self.deadline, self.payload.protocol());
        let is_repeatable = self.claim.is_some() || self.head.method.is_idempotent();
        let safety = if is_repeatable { Safety::Repeatable } else { Safety::Once };
        let caller = match self.principal {
            Some(principal) => {
                CallerKey::of_tenant([principal.tenant.as_str(), principal.environment.as_str()])
            }
            None => CallerKey::of_connection(self.head.source),
        };
        let idle = self.payload.is_stream().then_some(self.route.limits.stream_idle_timeout);
        let bounds = SendBounds { deadline, idle, safety, caller };
        Ok(ForwardContext { target, claim: self.claim, bounds, told })
    }

    /// Returns the gRPC call of the Route, where its requests are translated.
    fn call(&self) -> Option<&'a Call> {
        self.snapshot.bindings.get(self.route.binding)?.call.as_ref()
    }
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
fn identify(
    request: &ForwardRequest<'_>,
    context: &ForwardContext<'_>,
    headers: &mut HeaderMap,
) -> Result<(), Error> {
    let ForwardContext { target, claim, .. } = context;
    let invalid = |_| Error::Internal { internal: "a field of the gateway's own".to_owned() };
    headers.insert(REQUEST_ID, HeaderValue::from_str(&request.head.request_id).map_err(invalid)?);

    if let (Some(service), Some(signer)) = (&target.audience, &request.snapshot.signer)
        && let Some(principal) = request.principal
    {
        let environment: Environment = target.environment.unwrap_or(principal.environment);
        let audience = Audience { service: service.clone(), environment };
        headers.insert(PRINCIPAL, signer.tenant(principal, &audience).header);
    }

    if target.fields.client_cert {
        caller::show_certificate(request.head, headers)?;
    }

    if let Some(claim) = claim {
        let hex = |text: String| HeaderValue::try_from(text).map_err(invalid);
        headers.insert(OPERATION_KEY, hex(claim.operation().hex())?);
        headers.insert(REQUEST_FINGERPRINT, hex(claim.fingerprint_hex())?);
    }
    Ok(())
}

/// Returns whether a retry should get this very answer: success, and the service's own final refusals.
/// Failures of the way there are tried again, under the same operation key.
pub(crate) fn is_replayable(result: &Result<Forwarded, Error>) -> bool {
    match result {
        Ok(Forwarded::Whole(_)) => true,
        Ok(Forwarded::Translated(_, code)) => *code == GrpcCode::Ok || is_final(*code),
        Ok(Forwarded::Stream(response)) => {
            let status = response.status();
            status.is_success()
                || status.is_redirection()
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

/// Reads an upstream's answer to its end, within the time of the call.
async fn collect(body: UpstreamBody, deadline: Instant) -> Result<Collected<Bytes>, Error> {
    let collected = timeout_at(deadline, Limited::new(body, ANSWER_BYTES_MAX).collect());
    let collected = collected.await.map_err(|_| Error::UpstreamTimeout)?;
    collected.map_err(|error| match error.downcast::<Error>() {
        Ok(error) => *error,
        Err(error) => Error::UpstreamInvalid { internal: error.to_string() },
    })
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
