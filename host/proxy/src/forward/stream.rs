//! A request passed on as it is, with streamed bodies both ways: HTTP, and gRPC without
//! translation.

use http::header::{HOST, HeaderMap};
use http::uri::PathAndQuery;
use http::{Request, Response, Uri};
use tollgate_chain::{Error, Head};
use tollgate_config::HostField;
use tollgate_edge::ResponseBody;
use tollgate_edge::head::received;
use tollgate_edge::respond::{KeepsCookies, Protocol};
use tollgate_terms::header_policy::Passed;
use tollgate_upstream::{UpstreamBody, WireProtocol, strip_before_forwarding};

use super::caller::{self, field_value};
use super::{ForwardContext, ForwardRequest, deadline, identify};
use crate::payload::RequestBodyOut;
use crate::snapshot::UpstreamTarget;

/// Sends the request on and gives the response as it comes.
pub(super) async fn pass(
    forwarded: &ForwardRequest<'_>,
    context: &ForwardContext<'_>,
) -> Result<Response<ResponseBody>, Error> {
    let upstream = &context.target.upstream;
    let response = match forwarded.payload.outgoing().await? {
        RequestBodyOut::Whole { bytes, room: _room } => {
            let make = || request(forwarded, context, bytes.clone());
            upstream.send_whole(make, context.bounds).await?
        }
        RequestBodyOut::Stream(stream) => {
            let request = request(forwarded, context, stream)?;
            upstream.send(request, context.bounds).await?
        }
        RequestBodyOut::Messages(messages) => {
            let request = request(forwarded, context, messages)?;
            upstream.send(request, context.bounds).await?
        }
    };

    Ok(answer(context, response))
}

/// Gives an upstream's answer as it comes.
pub(super) fn answer(
    context: &ForwardContext<'_>,
    response: Response<UpstreamBody>,
) -> Response<ResponseBody> {
    let deadline = context.bounds.deadline;
    let response = response.map(|body| ResponseBody::stream(body).with_deadline(deadline));
    received_by(context, response)
}

/// Treats the fields of an upstream's answer.
pub(super) fn received_by(
    context: &ForwardContext<'_>,
    mut response: Response<ResponseBody>,
) -> Response<ResponseBody> {
    received(&mut response);
    if context.target.fields.pass_set_cookie {
        response.extensions_mut().insert(KeepsCookies);
    }
    response
}

/// Makes the request as the upstream gets it.
pub(super) fn request<B>(
    forwarded: &ForwardRequest<'_>,
    context: &ForwardContext<'_>,
    body: B,
) -> Result<Request<B>, Error> {
    let mut request = Request::new(body);
    *request.method_mut() = forwarded.head.method.clone();
    *request.uri_mut() = uri(forwarded.head)?;
    *request.headers_mut() = headers(forwarded, context.target)?;
    let caller = forwarded.payload.protocol();
    deadline::pass_on(
        &forwarded.head.headers,
        (caller, caller),
        context.told,
        request.headers_mut(),
    )?;
    identify(forwarded, context, request.headers_mut())?;
    Ok(request)
}

/// Returns the caller's fields as this upstream gets them.
pub(super) fn headers(
    forwarded: &ForwardRequest<'_>,
    target: &UpstreamTarget,
) -> Result<HeaderMap, Error> {
    let head = forwarded.head;
    let mut headers = head.headers.clone();
    let fields = target.fields;
    let is_grpc = target.upstream.settings().protocol == WireProtocol::Grpc;
    let passed = Passed {
        authorization: fields.pass_authorization,
        cookie: fields.pass_cookie,
        binary: is_grpc && forwarded.payload.protocol() == Protocol::Grpc,
    };
    strip_before_forwarding(&mut headers, passed);

    headers.remove(HOST);
    if fields.host == HostField::Caller {
        headers.insert(HOST, field_value(head.authority.as_str())?);
    }
    caller::write(head, fields.forwarded, &mut headers)?;
    Ok(headers)
}

fn uri(head: &Head) -> Result<Uri, Error> {
    let text = match &head.query {
        Some(query) => format!("{}?{query}", head.path),
        None => head.path.to_string(),
    };
    PathAndQuery::try_from(text)
        .map(Uri::from)
        .map_err(|error| Error::MalformedRequest { detail: format!("request target: {error}") })
}
