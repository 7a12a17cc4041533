//! `route`: the matched Route. All of it comes from the operator, never from the caller.

use std::sync::Arc;

use tollgate_chain::{Answer, Matched, Route, RouteMatch, RouteRead};

/// Answers a read.
pub(crate) fn ask(read: &RouteRead, matched: &Matched) -> Answer {
    match read {
        RouteRead::Matched => Answer::Matched(outcome(matched)),
        RouteRead::Name => Answer::Text(route(matched).map(|route| route.name.clone())),
        RouteRead::Attribute(name) => {
            Answer::Text(route(matched).and_then(|route| route.attribute(name)).map(Into::into))
        }
        RouteRead::GrpcMethod => {
            let method = route(matched).and_then(|route| route.grpc.as_ref());
            Answer::Text(method.map(|method| method.full_name().into()))
        }
    }
}

fn outcome(matched: &Matched) -> RouteMatch {
    match matched {
        Matched::Found { .. } => RouteMatch::Found,
        Matched::OtherMethod { .. } => RouteMatch::OtherMethod,
        Matched::None => RouteMatch::None,
    }
}

/// Returns the methods of all Routes at the path, comma-separated.
pub(crate) fn methods(matched: &Matched) -> Option<&str> {
    match matched {
        Matched::Found { methods, .. } | Matched::OtherMethod { methods } => Some(methods),
        Matched::None => None,
    }
}

/// Returns the Route, if one has the path and the method.
pub(crate) fn route(matched: &Matched) -> Option<&Arc<Route>> {
    match matched {
        Matched::Found { route, .. } => Some(route),
        Matched::OtherMethod { .. } | Matched::None => None,
    }
}
