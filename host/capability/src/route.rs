//! `route`: what the host matched. All of it comes from the operator, never from the caller.

use std::sync::Arc;

use tollgate_chain::{Answer, Matched, Route, RouteMatch, RouteRead};

/// Answers a read about the Route.
pub(crate) fn answer(found: &Matched, read: &RouteRead) -> Answer {
    match read {
        RouteRead::Matched => matched(found),
        RouteRead::Name => name(found),
        RouteRead::Attribute(name) => attribute(found, name),
        RouteRead::GrpcMethod => grpc_method(found),
    }
}

fn matched(matched: &Matched) -> Answer {
    Answer::Matched(match matched {
        Matched::Found { .. } => RouteMatch::Found,
        Matched::OtherMethod { .. } => RouteMatch::OtherMethod,
        Matched::None => RouteMatch::None,
    })
}

fn name(matched: &Matched) -> Answer {
    Answer::Text(route(matched).map(|route| route.name.clone()))
}

fn attribute(matched: &Matched, name: &str) -> Answer {
    Answer::Text(route(matched).and_then(|route| route.attribute(name)).map(Into::into))
}

fn grpc_method(matched: &Matched) -> Answer {
    let method = route(matched).and_then(|route| route.grpc.as_ref());
    Answer::Text(method.map(|method| method.full_name().into()))
}

/// The methods of all Routes at the path, comma-separated.
pub(crate) fn methods(matched: &Matched) -> Option<&str> {
    match matched {
        Matched::Found { methods, .. } | Matched::OtherMethod { methods } => Some(methods),
        Matched::None => None,
    }
}

pub(crate) fn route(matched: &Matched) -> Option<&Arc<Route>> {
    match matched {
        Matched::Found { route, .. } => Some(route),
        Matched::OtherMethod { .. } | Matched::None => None,
    }
}
