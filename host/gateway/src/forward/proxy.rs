//! A request passed on as it is, with streamed bodies both ways: HTTP, and gRPC without
//! translation.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::uri::PathAndQuery;
use http::{Request, Response, Uri};
use tollgate_chain::Error;
use tollgate_edge::ResponseBody;
use tollgate_upstream::strip_client_fields;

use super::Road;
use crate::exchange::Flow;
use crate::payload::Outgoing;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Sends the request on and gives the response as it comes.
pub(super) async fn pass(
    flow: &Flow,
    road: &Road<'_>,
    own: HeaderMap,
) -> Result<Response<ResponseBody>, Error> {
    let body = flow.parcel.outgoing().await?;
    let headers = headers(flow, own)?;
    let (uri, method) = (uri(flow)?, flow.head.method.clone());
    let upstream = &road.target.upstream;
    let response = match body {
        Outgoing::Whole(bytes) => {
            let mut request = Request::new(bytes);
            (*request.uri_mut(), *request.method_mut(), *request.headers_mut()) =
                (uri, method, headers);
            upstream.send_bytes(request, road.deadline, road.safety).await?
        }
        Outgoing::Stream(stream) => {
            let mut request = Request::new(stream);
            (*request.uri_mut(), *request.method_mut(), *request.headers_mut()) =
                (uri, method, headers);
            upstream.send(request, road.deadline, road.safety).await?
        }
    };
    Ok(response.map(ResponseBody::stream))
}

fn headers(flow: &Flow, own: HeaderMap) -> Result<HeaderMap, Error> {
    let mut headers = flow.head.headers.clone();
    headers.remove(http::header::HOST);
    strip_client_fields(&mut headers);
    let client = HeaderValue::try_from(flow.head.client.to_string())
        .map_err(|_| Error::Internal { internal: "an address is no field value".to_owned() })?;
    headers.insert(FORWARDED_FOR, client);
    headers.insert(FORWARDED_PROTO, HeaderValue::from_static(flow.head.scheme()));
    headers.extend(own);
    Ok(headers)
}

fn uri(flow: &Flow) -> Result<Uri, Error> {
    let text = match &flow.head.query {
        Some(query) => format!("{}?{query}", flow.head.path),
        None => flow.head.path.to_string(),
    };
    PathAndQuery::try_from(text)
        .map(Uri::from)
        .map_err(|error| Error::MalformedRequest { detail: format!("request target: {error}") })
}
