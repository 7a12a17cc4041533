//! JSON → gRPC → JSON: one unary call over a Route's binding.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue, TE, VIA};
use http::{Method, Request, StatusCode, Uri};
use tokio::time::Instant;
use tollgate_chain::{Error, GrpcCode, GrpcFailure, Member, ProblemType};
use tollgate_terms::header_policy::PASSED_AS_METADATA;
use tollgate_terms::headers::GRPC_TIMEOUT;
use tollgate_transcode::grpc;

use super::{ANSWER_BYTES_MAX, ForwardContext, ForwardRequest, Whole, collect, identify};
use crate::snapshot::Call;

/// Calls the method and translates its answer.
pub(super) async fn call(
    forwarded: &ForwardRequest<'_>,
    call: &Call,
    context: &ForwardContext<'_>,
) -> Result<Whole, Error> {
    let body = forwarded.payload.translated().await?;
    let make = || request(forwarded, call, context, body.clone());
    let response = context.target.upstream.send_whole(make, context.bounds).await?;

    let (parts, body) = response.into_parts();
    let collected = collect(body, context.bounds.deadline).await?;
    let trailers = collected.trailers().cloned();
    grpc::status(&parts.headers, trailers.as_ref(), parts.status)
        .map_err(|failure| Error::Grpc(reused(failure)))?;
    let message = grpc::deframe(&collected.to_bytes(), ANSWER_BYTES_MAX)?.unwrap_or_default();
    let content = call.transcoder.response(&message)?;

    let mut headers = HeaderMap::new();
    let content_type = HeaderValue::from_str(&content.content_type)
        .map_err(|_| Error::UpstreamInvalid { internal: "a malformed content type".to_owned() })?;
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(Whole { status: StatusCode::OK, headers, body: content.body })
}

/// Makes the request of a call from the translated body.
pub(super) fn request(
    forwarded: &ForwardRequest<'_>,
    call: &Call,
    context: &ForwardContext<'_>,
    body: Bytes,
) -> Result<Request<Bytes>, Error> {
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = Uri::from(call.path.clone());
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(TE, HeaderValue::from_static("trailers"));
    let left = context.bounds.deadline.saturating_duration_since(Instant::now());
    headers.insert(GRPC_TIMEOUT, grpc::timeout(left).ok_or(Error::UpstreamTimeout)?);
    for name in PASSED_AS_METADATA {
        if let Some(value) = forwarded.head.headers.get(&name) {
            headers.insert(name, value.clone());
        }
    }
    for hop in forwarded.head.headers.get_all(VIA) {
        headers.append(VIA, hop.clone());
    }

    identify(forwarded, context, headers)?;
    Ok(request)
}

/// A service that knows the operation key with another fingerprint says so by this reason; the
/// caller is told the same as by the gateway's own record.
pub(super) fn reused(mut failure: Box<GrpcFailure>) -> Box<GrpcFailure> {
    let reason = |(name, value): &(Box<str>, Member)| {
        **name == *"reason" && *value == Member::Text(OPERATION_KEY_REUSED.into())
    };
    if failure.code == GrpcCode::FailedPrecondition && failure.problem.members.iter().any(reason) {
        failure.set_type(&ProblemType::IDEMPOTENCY_KEY_REUSED);
    }
    failure
}

const OPERATION_KEY_REUSED: &str = "OPERATION_KEY_REUSED";
