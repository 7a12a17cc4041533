//! Routes and upstreams.

use std::time::Duration;

use http::{Method, Uri};
use serde_spanned::Spanned;
use tollgate_chain::{Environment, RouteLimits};

use super::{Index, bounded, bounded_size, reference, sha256, word};
use crate::error::Problems;
use crate::raw::{Item, RawRoute, RawUpstream};
use crate::text::Place;
use crate::types::{At, Protocol, Route, Upstream, UpstreamTls};

/// What a Route may refer to.
pub(super) struct References<'a> {
    pub(super) chains: &'a Index,
    pub(super) upstreams: &'a Index,
}

pub(super) fn route(
    name: &str,
    item: &Item<RawRoute>,
    references: &References<'_>,
    problems: &mut Problems,
) -> Option<Route> {
    let (place, raw) = (&item.place, &item.raw);
    let matches = matches(item, problems);
    let grpc = raw.grpc.as_ref().and_then(|written| grpc(place, written, problems));
    if raw.grpc.is_none() && raw.matches.0.is_empty() {
        let message = "expected `match`, or `grpc` whose bindings say where it stands".to_owned();
        problems.push(place.problem(&place.span, "", message));
    }
    if let (Some(body), true) = (&raw.body, raw.grpc.is_none() || raw.matches.0.is_empty()) {
        let message = "expected only together with `grpc` and `match`".to_owned();
        problems.push(place.problem(&body.span(), "body", message));
    }
    let chain = reference(place, "chain", &raw.chain, ("chains", references.chains), problems);
    let upstream = raw.upstream.as_ref().map(|written| {
        reference(place, "upstream", written, ("upstreams", references.upstreams), problems)
    });
    let limits = RouteLimits {
        body_bytes_max: bounded_size(
            place,
            "body_bytes_max",
            raw.body_bytes_max.as_ref(),
            1 << 20,
            0..=64 << 20,
            problems,
        ),
        timeout: Duration::from_millis(bounded(
            place,
            "timeout_ms",
            raw.timeout_ms.as_ref(),
            30_000,
            1..=900_000,
            problems,
        )),
    };
    Some(Route {
        name: name.to_owned(),
        matches,
        grpc,
        body: raw.body.as_ref().map(|body| body.get_ref().clone()),
        chain: chain?,
        upstream: upstream.flatten(),
        attributes: raw.attributes.clone(),
        limits,
        at: At::from(place),
    })
}

fn matches(item: &Item<RawRoute>, problems: &mut Problems) -> Vec<(Method, String)> {
    let mut matches = Vec::new();
    for written in &item.raw.matches.0 {
        let split = written.split_once(' ').and_then(|(method, template)| {
            let method = Method::from_bytes(method.as_bytes()).ok()?;
            template.starts_with('/').then(|| (method, template.to_owned()))
        });
        match split {
            Some(found) => matches.push(found),
            None => problems.push(item.place.problem(
                &item.place.span,
                "match",
                format!("expected `METHOD /template`, found {written:?}"),
            )),
        }
    }
    matches
}

fn grpc(
    place: &Place,
    written: &Spanned<String>,
    problems: &mut Problems,
) -> Option<(String, String)> {
    let split = written.get_ref().split_once('/');
    match split {
        Some((service, method)) if !service.is_empty() && !method.is_empty() => {
            Some((service.to_owned(), method.to_owned()))
        }
        _ => {
            let message =
                format!("expected `package.Service/Method`, found {:?}", written.get_ref());
            problems.push(place.problem(&written.span(), "grpc", message));
            None
        }
    }
}

pub(super) fn upstream(
    name: &str,
    item: &Item<RawUpstream>,
    problems: &mut Problems,
) -> Option<Upstream> {
    let (place, raw) = (&item.place, &item.raw);
    let protocols = [("grpc", Protocol::Grpc), ("http", Protocol::Http)];
    let protocol = word(place, "protocol", &raw.protocol, &protocols, problems);
    let environments = [("sandbox", Environment::Sandbox), ("live", Environment::Live)];
    let environment = raw
        .environment
        .as_ref()
        .map(|written| word(place, "environment", written, &environments, problems));
    let endpoints = endpoints(item, problems);
    let connect = bounded(
        place,
        "connect_timeout_ms",
        raw.connect_timeout_ms.as_ref(),
        2_000,
        1..=60_000,
        problems,
    );
    let idle = bounded(
        place,
        "idle_timeout_ms",
        raw.idle_timeout_ms.as_ref(),
        60_000,
        1..=600_000,
        problems,
    );
    Some(Upstream {
        name: name.to_owned(),
        protocol: protocol?,
        endpoints,
        environment: match environment {
            Some(found) => Some(found?),
            None => None,
        },
        audience: raw.audience.clone(),
        tls: UpstreamTls {
            ca_bundle: raw.tls.ca_bundle.as_ref().map(|path| place.path(path)),
            native_roots: raw.tls.native_roots.unwrap_or(true),
            server_name: raw.tls.server_name.clone(),
            spki_sha256: raw
                .tls
                .spki_sha256
                .iter()
                .filter_map(|hex| sha256(place, "tls.spki_sha256", hex, problems))
                .collect(),
        },
        connect_timeout: Duration::from_millis(connect),
        idle_timeout: Duration::from_millis(idle),
        connections_max: bounded_size(
            place,
            "connections_max",
            raw.connections_max.as_ref(),
            256,
            1..=65_536,
            problems,
        ),
        at: At::from(place),
    })
}

/// Most endpoints of one upstream.
const ENDPOINTS_MAX: usize = 256;

fn endpoints(item: &Item<RawUpstream>, problems: &mut Problems) -> Vec<String> {
    let (place, raw) = (&item.place, &item.raw);
    if raw.endpoints.is_empty() || raw.endpoints.len() > ENDPOINTS_MAX {
        let message = format!("expected 1 to {ENDPOINTS_MAX} endpoints");
        problems.push(place.problem(&place.span, "endpoints", message));
    }
    let mut schemes = Vec::new();
    for written in &raw.endpoints {
        let uri = written.get_ref().parse::<Uri>().ok();
        let scheme = uri.as_ref().and_then(|uri| {
            let plain = uri.path() == "/" && uri.query().is_none() && uri.port().is_some();
            uri.scheme_str().filter(|scheme| plain && ["http", "https"].contains(scheme))
        });
        match scheme {
            Some(scheme) => schemes.push(scheme.to_owned()),
            None => problems.push(place.problem(
                &written.span(),
                "endpoints",
                format!(
                    "expected http://host:port or https://host:port, found {:?}",
                    written.get_ref()
                ),
            )),
        }
    }
    schemes.dedup();
    if schemes.len() > 1 {
        let message = "expected endpoints of one scheme; found http and https".to_owned();
        problems.push(place.problem(&place.span, "endpoints", message));
    }
    raw.endpoints.iter().map(|written| written.get_ref().clone()).collect()
}
