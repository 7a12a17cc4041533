//! CORS preflights: which Route the real request would match.

use std::sync::Arc;

use http::header::{ACCESS_CONTROL_REQUEST_METHOD, HeaderName, HeaderValue, ORIGIN};
use http::{HeaderMap, Method};
use tollgate_chain::{Head, Matched, Route, RouteTable};

/// Finds the Route that a preflight asks about: the one of its path and of the method that it
/// names. None where the request is no preflight (Fetch, "CORS-preflight request"), or asks about
/// nothing that there is; the listener's chain then decides.
pub(super) fn preflight_route(routes: &RouteTable, head: &Head) -> Option<Arc<Route>> {
    if head.method != Method::OPTIONS {
        return None;
    }
    single(&head.headers, &ORIGIN)?;
    let asked = single(&head.headers, &ACCESS_CONTROL_REQUEST_METHOD)?;
    let method = Method::from_bytes(asked.as_bytes()).ok()?;

    match routes.find(&method, &head.path) {
        Matched::Found { route, .. } => Some(route),
        Matched::OtherMethod { .. } | Matched::None => None,
    }
}

/// Returns the value of a field that occurs once and is not empty.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().filter(|value| !value.is_empty())?;
    values.next().is_none().then_some(value)
}
