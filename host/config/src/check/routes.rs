//! Routes and upstreams.

use std::collections::BTreeMap;

use http::{Method, Uri};
use rustls_pki_types::ServerName;
use tollgate_chain::{GrpcMethod, RouteLimits, Template};

use super::Checker;
use super::policies::sha256;
use crate::keys::routes::{ROUTES, route, upstream, upstream_tls, websocket};
use crate::location::Located;
use crate::reader::{ItemReader, NameIndex};
use crate::types::{
    BodyMapping, ClientIdentityFiles, HostField, RouteConfig, RouteMatchConfig, RpcProtocols,
    UpstreamConfig, UpstreamFields, UpstreamProtocol, UpstreamTlsConfig, WebSocketConfig,
};

pub(super) fn route(
    reader: &ItemReader<'_>,
    chains: &NameIndex<'_>,
    upstreams: &NameIndex<'_>,
) -> Option<RouteConfig> {
    let matches = reader.parse_all(&route::MATCH, route_match);
    let grpc = reader.parse(&route::GRPC, grpc_method);
    let body = reader.text(&route::BODY);

    let is_matched = reader.has_values(&route::MATCH);
    let is_translated = reader.is_written(&route::GRPC);
    if !is_matched && !is_translated {
        reader.problem("expected `match`, or `grpc` whose bindings say where it stands");
    }
    if body.is_some() && !(is_matched && is_translated) {
        reader.problem_at(&route::BODY, "expected only together with `grpc` and `match`");
    }

    let chain = reader.reference(&route::CHAIN, chains);
    let upstream = reader.reference(&route::UPSTREAM, upstreams);
    let attributes: BTreeMap<_, _> = reader
        .fields(&route::ATTRIBUTES)
        .filter_map(|(name, field)| Some((name.to_owned(), field.value().text()?.to_owned())))
        .collect();

    Some(RouteConfig {
        name: reader.name(),
        matches,
        grpc,
        body: body.map(|body| match body.as_str() {
            "*" => BodyMapping::Whole,
            field => BodyMapping::Field(field.to_owned()),
        }),
        chain: chain?,
        upstream,
        attributes,
        limits: RouteLimits {
            body_bytes_max: reader.size(&route::BODY_BYTES_MAX),
            timeout: reader.milliseconds(&route::TIMEOUT_MS),
            stream_idle_timeout: reader.milliseconds(&route::STREAM_IDLE_TIMEOUT_MS),
        },
        websocket: websocket(reader),
        location: reader.item_location(),
    })
}

/// Reads the bounds of WebSockets, and refuses them where none could be opened.
fn websocket(reader: &ItemReader<'_>) -> Option<WebSocketConfig> {
    let table = reader.table(&route::WEBSOCKET);
    if !table.is_present() {
        return None;
    }

    let problem = |message: &str| reader.problem_at(&route::WEBSOCKET, message);
    let opens = |text: &str| text.starts_with("GET ");
    let matches = reader.parse_all(&route::MATCH, |text| Ok(opens(text)));
    if reader.is_written(&route::GRPC) {
        problem("expected only without `grpc`: requests of this route are translated");
    } else if !matches.iter().any(|opens| **opens) {
        problem("expected only with a `GET` among `match`: a handshake is a GET");
    }

    let mut attributes = reader.fields(&route::ATTRIBUTES);
    let claims = attributes.any(|(name, field)| {
        name == "idempotency" && field.value().text().is_some_and(|class| class != "none")
    });
    if claims {
        problem("expected only without `idempotency`: the answer of a WebSocket cannot be stored");
    }

    Some(WebSocketConfig {
        message_bytes_max: table.integer(&websocket::MESSAGE_BYTES_MAX),
        lifetime: table.milliseconds(&websocket::LIFETIME_MS),
    })
}

/// Refuses WebSockets of Routes whose own upstream speaks gRPC.
pub(super) fn check_websockets(
    checker: &Checker<'_>,
    routes: &[Option<RouteConfig>],
    upstreams: &[Option<UpstreamConfig>],
) {
    for (reader, route) in checker.readers(&ROUTES).zip(routes) {
        let Some(route) = route.as_ref().filter(|route| route.websocket.is_some()) else {
            continue;
        };
        let upstream = route.upstream.and_then(|index| upstreams.get(index)?.as_ref());
        if upstream.is_some_and(|upstream| upstream.protocol == UpstreamProtocol::Grpc) {
            let message = "expected an upstream with `protocol = \"http\"`: a gRPC service opens no \
                           WebSocket";
            reader.problem_at(&route::WEBSOCKET, message);
        }
    }
}

fn route_match(text: &str) -> Result<RouteMatchConfig, Option<String>> {
    let (method, template) = text.split_once(' ').ok_or(None)?;
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| None)?;
    if !template.starts_with('/') {
        return Err(None);
    }
    let template = Template::parse(template).map_err(|error| Some(error.to_string()))?;
    Ok(RouteMatchConfig { method, template })
}

fn grpc_method(text: &str) -> Result<GrpcMethod, Option<String>> {
    match text.split_once('/') {
        Some((service, method)) if !service.is_empty() && !method.is_empty() => {
            Ok(GrpcMethod { service: service.into(), method: method.into() })
        }
        _ => Err(None),
    }
}

pub(super) fn upstream(reader: &ItemReader<'_>) -> Option<UpstreamConfig> {
    let protocol = reader.word(&upstream::PROTOCOL);
    let rpc_protocols = rpc_protocols(reader, protocol);
    let endpoints = endpoints(reader);

    let tls = reader.table(&upstream::TLS);
    let server_name = tls.parse(&upstream_tls::SERVER_NAME, |text| {
        ServerName::try_from(text.to_owned()).map_err(|_| None)
    });
    let digests = tls.parse_all(&upstream_tls::SPKI_SHA256, |text| sha256(text).ok_or(None));
    let tls = UpstreamTlsConfig {
        ca_bundle: tls.path(&upstream_tls::CA_BUNDLE),
        native_roots: tls.boolean(&upstream_tls::NATIVE_ROOTS),
        client: client_identity(&tls),
        server_name: server_name.map(Located::into_value),
        spki_sha256: digests.into_iter().map(Located::into_value).collect(),
    };

    Some(UpstreamConfig {
        name: reader.name(),
        protocol: protocol?,
        rpc_protocols,
        endpoints,
        environment: reader.word(&upstream::ENVIRONMENT),
        audience: reader.text(&upstream::AUDIENCE).map(Located::into_value),
        tls,
        fields: fields(reader, protocol?),
        connect_timeout: reader.milliseconds(&upstream::CONNECT_TIMEOUT_MS),
        idle_timeout: reader.milliseconds(&upstream::IDLE_TIMEOUT_MS),
        connections_max: reader.size(&upstream::CONNECTIONS_MAX),
        websockets_max: websockets_max(reader, protocol?),
        location: reader.item_location(),
    })
}

fn client_identity(tls: &ItemReader<'_>) -> Option<ClientIdentityFiles> {
    let certificate = tls.path(&upstream_tls::CLIENT_CERTIFICATE);
    let key = tls.path(&upstream_tls::CLIENT_KEY);
    for (written, other, name) in [
        (&upstream_tls::CLIENT_CERTIFICATE, &upstream_tls::CLIENT_KEY, "client_key"),
        (&upstream_tls::CLIENT_KEY, &upstream_tls::CLIENT_CERTIFICATE, "client_certificate"),
    ] {
        if tls.is_written(written) && !tls.is_written(other) {
            tls.problem_at(written, &format!("expected only with `{name}`"));
        }
    }
    Some(ClientIdentityFiles { certificate: certificate?, key: key? })
}

fn rpc_protocols(reader: &ItemReader<'_>, protocol: Option<UpstreamProtocol>) -> RpcProtocols {
    let names = reader.parse_all(&upstream::RPC_PROTOCOLS, |text| match text {
        "grpc-web" | "connect" => Ok(text == "connect"),
        _ => Err(None),
    });
    if !names.is_empty() && protocol == Some(UpstreamProtocol::Http) {
        let message = "expected only with `protocol = \"grpc\"`: nothing is translated for `http`";
        reader.problem_at(&upstream::RPC_PROTOCOLS, message);
    }
    RpcProtocols {
        grpc_web: names.iter().any(|is_connect| !**is_connect),
        connect: names.iter().any(|is_connect| **is_connect),
    }
}

fn fields(reader: &ItemReader<'_>, protocol: UpstreamProtocol) -> UpstreamFields {
    let fields = UpstreamFields {
        forwarded: reader.word(&upstream::FORWARDED).unwrap_or_default(),
        host: reader.word(&upstream::HOST).unwrap_or_default(),
        pass_authorization: reader.boolean(&upstream::PASS_AUTHORIZATION),
        pass_cookie: reader.boolean(&upstream::PASS_COOKIE),
        pass_set_cookie: reader.boolean(&upstream::PASS_SET_COOKIE),
        client_cert: reader.boolean(&upstream::CLIENT_CERT),
    };

    if protocol == UpstreamProtocol::Grpc {
        for (key, is_set) in [
            (&upstream::HOST, fields.host != HostField::Endpoint),
            (&upstream::PASS_AUTHORIZATION, fields.pass_authorization),
            (&upstream::PASS_COOKIE, fields.pass_cookie),
            (&upstream::PASS_SET_COOKIE, fields.pass_set_cookie),
        ] {
            if is_set {
                reader.problem_at(key, "expected only with protocol = \"http\"");
            }
        }
    }
    fields
}

/// Reads how many WebSockets an endpoint may have; half of its connections unless it says.
fn websockets_max(reader: &ItemReader<'_>, protocol: UpstreamProtocol) -> usize {
    let connections_max = reader.size(&upstream::CONNECTIONS_MAX);
    let Some(written) = reader.optional_integer(&upstream::WEBSOCKETS_MAX) else {
        return connections_max.div_ceil(2);
    };

    let websockets_max = usize::try_from(written).unwrap_or(usize::MAX);
    if protocol == UpstreamProtocol::Grpc {
        let message = "expected only with protocol = \"http\"";
        reader.problem_at(&upstream::WEBSOCKETS_MAX, message);
    } else if websockets_max > connections_max {
        let message = format!("expected at most `connections_max`, {connections_max}");
        reader.problem_at(&upstream::WEBSOCKETS_MAX, &message);
    }
    websockets_max
}

fn endpoints(reader: &ItemReader<'_>) -> Vec<Uri> {
    let endpoints = reader.parse_all(&upstream::ENDPOINTS, |text| {
        let uri: Uri = text.parse().map_err(|_| None)?;
        let known = uri.scheme_str().is_some_and(|scheme| ["http", "https"].contains(&scheme));
        let plain = uri.path() == "/" && uri.query().is_none() && uri.port().is_some();
        if known && plain { Ok(uri) } else { Err(None) }
    });

    let mut schemes: Vec<_> = endpoints.iter().map(|uri| uri.scheme_str()).collect();
    schemes.dedup();
    if schemes.len() > 1 {
        let message = "expected endpoints of one scheme; found http and https";
        reader.problem_at(&upstream::ENDPOINTS, message);
    }
    endpoints.into_iter().map(Located::into_value).collect()
}
