//! A call of one message by Connect, sent by POST or, where the Route takes it, by GET.

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use http_body_util::Collected;
use tollgate_chain::{Error, GrpcCode};
use tollgate_edge::Protocol;
use tollgate_edge::respond::{connect_name, http_of_connect};
use tollgate_transcode::grpc::{self, Outcome};
use tollgate_transcode::rpc::{ConnectError, ConnectQuery};

use super::super::{ANSWER_BYTES_MAX, ForwardContext, ForwardRequest, Forwarded, Whole, collect};
use super::{Dialect, GRPC_ACCEPT_ENCODING, GRPC_ENCODING, metadata, request};

/// In front of the names of trailers, which such an answer has in its header.
const TRAILER: &str = "trailer-";

pub(super) async fn call(
    forwarded: &ForwardRequest<'_>,
    context: &ForwardContext<'_>,
    mut dialect: Dialect,
) -> Result<Forwarded, Error> {
    let (message, coding) = message(forwarded, &mut dialect).await?;
    let body = grpc::frame(&message, coding.is_some(), u32::MAX as usize)?;
    let make = || {
        let mut request = request(forwarded, context, &dialect, body.clone())?;
        if let Some(coding) = &coding {
            request.headers_mut().insert(GRPC_ENCODING, coding.clone());
        }
        Ok(request)
    };
    let response = context.target.upstream.send_whole(make, context.bounds).await?;

    let (parts, body) = response.into_parts();
    let collected = collect(body, context.bounds.deadline).await?;
    told(&dialect, parts.status, parts.headers, collected)
}

/// Returns the message as the caller sent it, and the coding that it is compressed by.
async fn message(
    forwarded: &ForwardRequest<'_>,
    dialect: &mut Dialect,
) -> Result<(Bytes, Option<HeaderValue>), Error> {
    let malformed = |detail: &str| Error::MalformedRequest { detail: detail.to_owned() };

    if forwarded.head.method == Method::GET {
        let query = forwarded.head.query.as_deref().unwrap_or_default();
        let query = ConnectQuery::read(query).map_err(malformed)?;
        let coding = query.compression.map(HeaderValue::try_from).transpose();
        let coding = coding.map_err(|_| malformed("compression: expected the name of a coding"))?;
        dialect.codec = query.codec;
        return Ok((query.message, coding));
    }

    let coding = forwarded.head.headers.get(CONTENT_ENCODING).cloned();
    let coding = coding.filter(|coding| coding != "identity" && !coding.is_empty());
    Ok((forwarded.payload.raw().await?, coding))
}

/// Tells the outcome of a call: its message, or its error with an HTTP status.
fn told(
    dialect: &Dialect,
    status: StatusCode,
    mut headers: HeaderMap,
    collected: Collected<Bytes>,
) -> Result<Forwarded, Error> {
    let trailers = collected.trailers().cloned();
    let outcome = Outcome::read(&headers, trailers.as_ref(), status);
    let is_grpc = Protocol::of(&headers) == Protocol::Grpc;
    let coding = metadata(&mut headers);
    headers.remove(GRPC_ACCEPT_ENCODING);
    headers.remove(ACCEPT_ENCODING);
    if let Some(mut trailers) = trailers {
        metadata(&mut trailers);
        for (name, value) in &trailers {
            let name = HeaderName::try_from(format!("{TRAILER}{name}"));
            if let Ok(name) = name {
                headers.append(name, value.clone());
            }
        }
    }

    let code = outcome.code;
    let (status, body) = if code == GrpcCode::Ok {
        let message = grpc::only_message(&collected.to_bytes(), ANSWER_BYTES_MAX)?;
        let (body, is_compressed) = message.ok_or_else(|| Error::UpstreamInvalid {
            internal: "a call of one message was answered without one".to_owned(),
        })?;
        let content_type = format!("application/{}", dialect.codec);
        let content_type = HeaderValue::try_from(content_type)
            .map_err(|_| Error::Internal { internal: "the codec is no media type".to_owned() })?;
        headers.insert(CONTENT_TYPE, content_type);
        if let (true, Some(coding)) = (is_compressed, coding) {
            headers.insert(CONTENT_ENCODING, coding);
        }
        (StatusCode::OK, body)
    } else {
        let Outcome { message, details, .. } = &outcome;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        // Something before the service answered: its status says more than what follows from it.
        let of_code = StatusCode::from_u16(http_of_connect(code));
        let of_code = of_code.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let status = if is_grpc || status.is_success() { of_code } else { status };
        (status, ConnectError { code: connect_name(code), message, details }.to_json())
    };
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    Ok(Forwarded::Translated(Whole { status, headers, body }, code))
}
