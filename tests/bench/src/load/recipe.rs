//! Recipes of requests: a key, a route, an identifier and an operation of its own for each.

use anyhow::Result;
use bench::world::{self, Dice};
use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, header};
use http_body_util::Full;
use std::sync::Arc;
use tollgate_terms::headers::{IDEMPOTENCY_KEY, REQUEST_ID};

use super::Protocol;

/// Makes the requests of one sender.
#[derive(Clone)]
pub(super) struct Recipe {
    pub(super) dice: Dice,
    keys: u64,
    targets: Arc<[Uri]>,
    headers: HeaderMap,
    /// The number that sets this sender's identifiers apart.
    own: u64,
    number: u64,
}

impl Recipe {
    pub(super) fn new(protocol: Protocol, keys: u64, routes: u64) -> Result<Self> {
        let target = |route| target(protocol, &world::path(route));
        let targets = (0..routes).map(target).collect::<Result<Arc<[_]>>>()?;
        let mut headers = HeaderMap::with_capacity(16);
        if protocol == Protocol::H1 {
            headers.insert(header::HOST, HeaderValue::from_static(world::HOST));
        }
        for (name, value) in world::HEADERS {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        Ok(Self { dice: Dice::new(0), keys, targets, headers, own: 0, number: 0 })
    }

    /// The same for a sender of its own.
    pub(super) fn roll(&self, sender: usize) -> Result<Self> {
        let mut dice = Dice::new(u64::try_from(sender)? + 1);
        let own = dice.roll();
        Ok(Self { dice, own, ..self.clone() })
    }

    pub(super) fn request(&mut self) -> Result<Request<Full<Bytes>>> {
        let key = world::key(self.dice.below(self.keys));
        let routes = u64::try_from(self.targets.len())?;
        let route = usize::try_from(self.dice.below(routes))?;
        let mut request = Request::post(self.targets.get(route).cloned().unwrap_or_default())
            .body(Full::new(Bytes::from_static(world::BODY)))?;
        let headers = request.headers_mut();
        headers.clone_from(&self.headers);
        self.number += 1;
        let id = HeaderValue::from_str(&format!("{:016x}{:016x}", self.own, self.number))?;
        headers.insert(IDEMPOTENCY_KEY, id.clone());
        headers.insert(REQUEST_ID, id);
        headers.insert(header::AUTHORIZATION, HeaderValue::from_str(&format!("Bearer {key}"))?);
        Ok(request)
    }
}

/// The target of a path: HTTP/2 names scheme and authority with it.
fn target(protocol: Protocol, path: &str) -> Result<Uri> {
    let path = PathAndQuery::try_from(path)?;
    let scheme = match protocol {
        Protocol::H1 => return Ok(Uri::from(path)),
        Protocol::H2c => "http",
        Protocol::Tls => "https",
    };
    Ok(Uri::builder().scheme(scheme).authority(world::HOST).path_and_query(path).build()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_requests_share_an_identifier_or_an_operation() {
        let recipe = Recipe::new(Protocol::H1, 10, 10).unwrap();
        let mut seen = BTreeSet::new();
        for sender in 0..4 {
            let mut own = recipe.roll(sender).unwrap();
            for _ in 0..50 {
                let request = own.request().unwrap();
                assert!(
                    seen.insert(request.headers()[REQUEST_ID].clone().to_str().unwrap().to_owned())
                );
                assert_eq!(request.headers()[IDEMPOTENCY_KEY], request.headers()[REQUEST_ID]);
                // The length is the client's to add.
                assert_eq!(request.headers().len(), 14);
            }
        }
    }
}
