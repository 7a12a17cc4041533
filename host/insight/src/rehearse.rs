//! A described request, decided without a server: the chain of a Snapshot decides as it does about
//! every request, every upstream counts as ready, and nothing is sent.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Builder;
use http::{HeaderName, HeaderValue, Method, Request, Uri, Version};
use tollgate_capability::credentials::NewKey;
use tollgate_chain::{Environment, Head};
use tollgate_edge::head::{self, Checked, Origin, RequestId};
use tollgate_edge::{Limits, RequestBody, TrustedProxies};
use tollgate_proxy::{Rehearsal, Snapshot};

use crate::Error;
use crate::receipts::{ReceiptForm, Redactor};

/// A request that somebody describes instead of sending it.
#[derive(Debug, Clone)]
pub struct DescribedRequest {
    /// The method.
    pub method: String,
    /// An absolute URL of scheme `http` or `https`.
    pub url: String,
    /// Header fields, each `name: value`.
    pub headers: Vec<String>,
    /// The body.
    pub body: Bytes,
    /// The number of such requests in flight at once, at least 1; the last one is reported.
    pub times: u32,
    /// The address that the request comes from.
    pub from: IpAddr,
    /// The listener that accepts it, by name.
    pub listener: Arc<str>,
    /// The environment of the key that a request without one is given; none where it is given none.
    pub key_environment: Option<Environment>,
}

/// Lets the Snapshot decide about the described request and returns its receipt, with status 0
/// where only the upstream could say.
///
/// # Errors
/// The description is no request, the gateway would refuse its head before any policy runs, or the
/// Snapshot cannot decide about it.
pub async fn rehearse(
    snapshot: &Arc<Snapshot>,
    described: &DescribedRequest,
) -> Result<ReceiptForm, Error> {
    // What earlier requests reserve they hold, as requests in flight do.
    let mut held = Vec::new();
    for _ in 1..described.times {
        held.push(try_out(snapshot, described).await?.reservations);
    }
    let last = try_out(snapshot, described).await?;
    let form = Redactor::new().form(&last.record);
    drop(held);
    Ok(form)
}

async fn try_out(
    snapshot: &Arc<Snapshot>,
    described: &DescribedRequest,
) -> Result<Rehearsal, Error> {
    let head = head(described)?;
    let body = RequestBody::from_bytes(described.body.clone());
    let listener = Arc::clone(&described.listener);
    let decided = tollgate_proxy::rehearse(Arc::clone(snapshot), listener, head, body).await;
    decided.map_err(Error::Decide)
}

/// Gives an assumed caller's request without a key a fresh one.
fn with_key(request: Builder, described: &DescribedRequest) -> Result<Builder, Error> {
    let Some(environment) = described.key_environment else { return Ok(request) };
    let headers = request.headers_ref();
    let presents = |name| headers.is_some_and(|headers| headers.contains_key(name));
    if presents("authorization") || presents("x-api-key") {
        return Ok(request);
    }
    let key = NewKey::make(environment).map_err(|_| Error::Key)?;
    Ok(request.header("authorization", format!("Bearer {}", key.expose())))
}

/// Checks the described head as the gateway checks every head.
fn head(described: &DescribedRequest) -> Result<Head, Error> {
    let url = &described.url;
    let uri = url.parse::<Uri>().map_err(|error| wrong(format!("URL {url}: {error}")))?;
    let secure = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        _ => {
            let expected = "expected a URL that begins with https:// or http://";
            return Err(wrong(format!("{expected}, found {url}")));
        }
    };
    let method = Method::from_bytes(described.method.as_bytes())
        .map_err(|error| wrong(format!("the method: {error}")))?;

    let mut request = Request::builder().version(Version::HTTP_2).method(method).uri(&uri);
    for field in &described.headers {
        let (name, value) = header_field(field)?;
        request = request.header(name, value);
    }
    request = with_key(request, described)?;
    let request = request.body(()).map_err(|error| wrong(format!("the request: {error}")))?;

    let (mut parts, ()) = request.into_parts();
    let request_id = RequestId::take(&mut parts.headers).map_err(Error::Head)?;
    let origin = Origin {
        peer: described.from,
        trusted: &TrustedProxies::default(),
        secure,
        server_name: uri.host().filter(|_| secure),
        client_certificate: None,
    };
    let checked = head::check(&mut parts, origin, &Limits::default(), &request_id);
    match checked.map_err(Error::Head)? {
        Checked::Request(head) => Ok(head),
        Checked::ServerOptions => {
            Err(wrong("`OPTIONS *` is about the server: no policy sees it".to_owned()))
        }
    }
}

fn header_field(field: &str) -> Result<(HeaderName, HeaderValue), Error> {
    let (name, value) = field
        .split_once(':')
        .ok_or_else(|| wrong(format!("header {field:?}: expected `name: value`")))?;
    let name = name
        .trim()
        .parse::<HeaderName>()
        .map_err(|error| wrong(format!("header {field:?}: the name of a header: {error}")))?;
    let value = value
        .trim()
        .parse::<HeaderValue>()
        .map_err(|error| wrong(format!("header {field:?}: the value of a header: {error}")))?;
    Ok((name, value))
}

fn wrong(message: String) -> Error {
    Error::Described(message)
}
