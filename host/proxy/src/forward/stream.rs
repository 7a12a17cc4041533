//! A request passed on as it is, with streamed bodies both ways: HTTP, and gRPC without
//! translation.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::uri::PathAndQuery;
use http::{Request, Response, Uri};
use tollgate_chain::{Error, Head};
use tollgate_edge::ResponseBody;
use tollgate_upstream::strip_before_forwarding;

use super::{ForwardContext, ForwardRequest, identify};
use crate::payload::RequestBodyOut;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Sends the request on and gives the response as it comes.
pub(super) async fn pass(
    forwarded: &ForwardRequest<'_>,
    context: &ForwardContext<'_>,
) -> Result<Response<ResponseBody>, Error> {
    let upstream = &context.target.upstream;
    let response = match forwarded.payload.outgoing().await? {
        RequestBodyOut::Whole(bytes) => {
            let make = || request(forwarded, context, bytes.clone());
            upstream.send_whole(make, context.deadline, context.safety).await?
        }
        RequestBodyOut::Stream(stream) => {
            let request = request(forwarded, context, stream)?;
            upstream.send(request, context.deadline, context.safety).await?
        }
    };
    Ok(response.map(ResponseBody::stream))
}

fn request<B>(
    forwarded: &ForwardRequest<'_>,
    context: &ForwardContext<'_>,
    body: B,
) -> Result<Request<B>, Error> {
    let mut request = Request::new(body);
    *request.method_mut() = forwarded.head.method.clone();
    *request.uri_mut() = uri(forwarded.head)?;
    *request.headers_mut() = headers(forwarded.head)?;
    identify(forwarded, context, request.headers_mut())?;
    Ok(request)
}

pub(super) fn headers(head: &Head) -> Result<HeaderMap, Error> {
    let mut headers = head.headers.clone();
    headers.remove(http::header::HOST);
    strip_before_forwarding(&mut headers);
    let client = HeaderValue::try_from(head.client.to_string())
        .map_err(|_| Error::Internal { internal: "an address is no field value".to_owned() })?;
    headers.insert(FORWARDED_FOR, client);
    headers.insert(FORWARDED_PROTO, HeaderValue::from_static(head.scheme()));
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
