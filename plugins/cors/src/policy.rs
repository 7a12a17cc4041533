//! The decision: who may read the response, and what a preflight is told.

use tollgate_sdk::{Host, OriginKind, Presence, RouteMatch, Source, Verdict, problems};

use crate::Settings;
use crate::settings::Origins;

/// Decides about a request.
pub fn decide(settings: &Settings, host: &mut impl Host) -> Verdict {
    // Two layers that both add `Access-Control-Allow-Origin` give a pair that browsers refuse.
    host.reply_drop_upstream(&settings.upstream_fields);
    if settings.origins != Origins::Public {
        // On every response, or a cache gives one origin's copy to another (Fetch, "CORS
        // protocol and HTTP caches").
        host.reply_add_vary(&settings.vary);
    }
    match host.origin() {
        OriginKind::Malformed => malformed(),
        OriginKind::Absent | OriginKind::Same => {
            if settings.origins == Origins::Public {
                allow_origin(settings, host);
            }
            Verdict::Proceed
        }
        OriginKind::Opaque | OriginKind::Foreign => decide_foreign(settings, host),
    }
}

fn decide_foreign(settings: &Settings, host: &mut impl Host) -> Verdict {
    let preflight = is_preflight(host);
    if preflight {
        host.reply_add_vary(&settings.vary_preflight);
    }
    let allowed = match &settings.origins {
        Origins::Public => true,
        Origins::Listed(origins) => host.origin_in(origins),
    };
    match (allowed, preflight) {
        (true, true) => answer_preflight(settings, host),
        (true, false) => {
            allow_origin(settings, host);
            host.reply_header_set("access-control-expose-headers", &settings.expose_headers);
            Verdict::Proceed
        }
        (false, false) if !settings.reject && !opens_websocket(host) => Verdict::Proceed,
        (false, _) => denied(),
    }
}

/// Fetch §4.8; the value of the requested method does not matter to the answer.
fn is_preflight(host: &mut impl Host) -> bool {
    host.method_is("OPTIONS")
        && host.header_presence("access-control-request-method") != Presence::Absent
}

/// Browsers let every page open a WebSocket and read it, whatever fields the answer has: a refusal
/// alone keeps a page out (RFC 6455 §10.2). No script can set this field.
fn opens_websocket(host: &mut impl Host) -> bool {
    host.header_presence("sec-websocket-version") != Presence::Absent
}

fn answer_preflight(settings: &Settings, host: &mut impl Host) -> Verdict {
    allow_origin(settings, host);
    if host.route_matched() == RouteMatch::None {
        return route_not_found();
    }
    // The lists are ours, whatever was requested: the browser compares, nothing is reflected.
    host.reply_header_set_from("access-control-allow-methods", &Source::RouteMethods);
    host.reply_header_set("access-control-allow-headers", &settings.allow_headers);
    host.reply_header_set("access-control-max-age", &settings.max_age);
    Verdict::empty(204)
}

fn allow_origin(settings: &Settings, host: &mut impl Host) {
    let name = "access-control-allow-origin";
    match settings.origins {
        Origins::Public => host.reply_header_set(name, "*"),
        Origins::Listed(_) => {
            host.reply_header_set_from(name, &Source::RequestHeader("origin".to_owned()));
        }
    }
    if settings.credentials {
        host.reply_header_set("access-control-allow-credentials", "true");
    }
}

fn malformed() -> Verdict {
    problems::MALFORMED_REQUEST.refuse(
        "The request has more than one Origin field, or one that is neither a serialised origin \
         nor `null`.",
    )
}

fn denied() -> Verdict {
    problems::CORS_ORIGIN_DENIED.refuse(
        "Pages of this origin may not call this API from a browser. Call it from a server, or \
         have the origin allowed.",
    )
}

fn route_not_found() -> Verdict {
    problems::ROUTE_NOT_FOUND.refuse("No route has this path.")
}
