//! Keys of Routes and upstreams.

use tollgate_chain::Environment;

use super::{
    ConfigKey, IntegerRange, NAME_OF_ITEM, Section, SectionItems, ValueType, integer, list, names,
    text, text_like,
};
use crate::types::{ForwardedFields, HostField, UpstreamProtocol};

/// `[routes.<name>]`
pub(crate) const ROUTES: Section = Section {
    name: "routes",
    items: SectionItems::Named("name", route::KEYS),
    words: "Methods and paths that callers may use, each with the chain of policies that decides.",
};

pub(crate) mod route {
    use super::{ConfigKey, NAME_OF_ITEM, ValueType, integer, text, text_like, websocket};

    super::super::keys! {
        MATCH = ConfigKey::optional(
            "match", ValueType::OneOrMany(&text_like("`METHOD /template`", "^[^ ]+ /")),
            "HTTP method and path template, one or several; without it the `google.api.http` of \
             the gRPC method holds");
        GRPC = ConfigKey::optional(
            "grpc", text_like("`package.Service/Method`", "^[^/]+/.+$"),
            "gRPC method that requests are translated to");
        BODY = ConfigKey::optional(
            "body", text("`*` or the name of a field"),
            "The request body's place in the message: a field, or `*` for the whole; only with \
             both `grpc` and `match`");
        CHAIN = ConfigKey::required("chain", NAME_OF_ITEM, "The chain of policies");
        UPSTREAM = ConfigKey::optional(
            "upstream", NAME_OF_ITEM, "The upstream, where no policy chooses one");
        ATTRIBUTES = ConfigKey::optional(
            "attributes", ValueType::Map(&text("text")),
            "Facts about the Route that policies read; each must be declared by a policy of the \
             chain (`policies.<name>.attributes`)");
        BODY_BYTES_MAX = ConfigKey::optional(
            "body_bytes_max", integer(0, 64 << 20, 1 << 20),
            "Longest request body; of a gRPC stream, the longest message of the caller");
        TIMEOUT_MS = ConfigKey::optional(
            "timeout_ms", integer(1, 86_400_000, 30_000),
            "Longest time from the request's head to the end of its response, streams included");
        STREAM_IDLE_TIMEOUT_MS = ConfigKey::optional(
            "stream_idle_timeout_ms", integer(1, 86_400_000, 300_000),
            "Longest time in which neither side of a gRPC stream, or of a WebSocket, sends anything");
        WEBSOCKET = ConfigKey::optional(
            "websocket", ValueType::Table(websocket::KEYS),
            "Opens WebSockets by `GET`, once the chain let the handshake pass; `{}` takes the \
             defaults, and without the table a handshake is refused. `timeout_ms` holds for the \
             handshake alone");
    }
}

pub(crate) mod websocket {
    use super::{ConfigKey, integer};

    super::super::keys! {
        MESSAGE_BYTES_MAX = ConfigKey::optional(
            "message_bytes_max", integer(1, 1 << 30, 1 << 20),
            "Longest message of the caller, in bytes as they are sent: compressed, where both ends \
             agreed on that");
        LIFETIME_MS = ConfigKey::optional(
            "lifetime_ms", integer(1, 86_400_000, 14_400_000),
            "Longest time for which a WebSocket stays open");
    }
}

/// `[upstreams.<name>]`
pub(crate) const UPSTREAMS: Section = Section {
    name: "upstreams",
    items: SectionItems::Named("name", upstream::KEYS),
    words: "Services that requests are forwarded to.",
};

pub(crate) mod upstream {
    use super::{
        ConfigKey, Environment, ForwardedFields, HostField, IntegerRange, UpstreamProtocol,
        ValueType, integer, list, names, text, text_like, upstream_tls,
    };

    super::super::keys! {
        PROTOCOL = ConfigKey::required(
            "protocol", ValueType::Word { names: names::<UpstreamProtocol>, default: None },
            "`grpc`: HTTP/2, by TLS or prior knowledge; `http`: HTTP/1.1");
        RPC_PROTOCOLS = ConfigKey::optional(
            "rpc_protocols",
            list(&text_like("`grpc-web` or `connect`", "^(grpc-web|connect)$"), 0, 2),
            "Protocols that a `grpc` service speaks beside gRPC; calls in the others are \
             translated to gRPC");
        ENDPOINTS = ConfigKey::required(
            "endpoints",
            list(
                &text_like("http://host:port or https://host:port", "^https?://[^/]+:[0-9]+/?$"),
                1, 256),
            "URIs of one scheme, over which requests are balanced");
        ENVIRONMENT = ConfigKey::optional(
            "environment", ValueType::Word { names: names::<Environment>, default: None },
            "Only principals of this environment may reach it; any when absent");
        AUDIENCE = ConfigKey::optional(
            "audience", text("the name of a service"),
            "The service that signed principals are for; without it none is sent");
        TLS = ConfigKey::optional(
            "tls", ValueType::Table(upstream_tls::KEYS),
            "How the certificate of an `https` endpoint is verified");
        FORWARDED = ConfigKey::optional(
            "forwarded",
            ValueType::Word { names: names::<ForwardedFields>, default: Some("x-forwarded") },
            "How the upstream learns of the caller's address, scheme and authority: by \
             `X-Forwarded-For`, `-Proto` and `-Host`, by `Forwarded` (RFC 7239), or not at all");
        HOST = ConfigKey::optional(
            "host", ValueType::Word { names: names::<HostField>, default: Some("endpoint") },
            "`Host` of requests to an `http` upstream: the endpoint's, or the caller's");
        PASS_AUTHORIZATION = ConfigKey::optional(
            "pass_authorization", ValueType::Boolean { default: false },
            "`true` passes the caller's `Authorization` on to an `http` upstream, which then learns \
             the caller's key");
        PASS_COOKIE = ConfigKey::optional(
            "pass_cookie", ValueType::Boolean { default: false },
            "`true` passes the caller's `Cookie` on to an `http` upstream");
        PASS_SET_COOKIE = ConfigKey::optional(
            "pass_set_cookie", ValueType::Boolean { default: false },
            "`true` passes `Set-Cookie` of an `http` upstream's answers on; never with a stored \
             answer of an operation");
        CLIENT_CERT = ConfigKey::optional(
            "client_cert", ValueType::Boolean { default: false },
            "`true` shows the upstream the certificate of the connection's peer in `Client-Cert` \
             (RFC 9440); a caller's own field is removed in any case");
        CONNECT_TIMEOUT_MS = ConfigKey::optional(
            "connect_timeout_ms", integer(1, 60_000, 2_000),
            "Longest time for a connection, handshake included");
        IDLE_TIMEOUT_MS = ConfigKey::optional(
            "idle_timeout_ms", integer(1, 600_000, 60_000),
            "Longest time for which an unused connection is kept");
        CONNECTIONS_MAX = ConfigKey::optional(
            "connections_max", integer(1, 65_536, 256), "Most connections to one endpoint");
        WEBSOCKETS_MAX = ConfigKey::optional(
            "websockets_max",
            ValueType::Integer(IntegerRange { min: 1, max: 65_536, default: None }),
            "Most WebSockets open at one endpoint, within `connections_max`; half of that when \
             absent, so that requests find a connection. A tenant may hold three times as many as \
             are free");
    }
}

pub(crate) mod upstream_tls {
    use super::super::policies::SHA256;
    use super::{ConfigKey, ValueType, list, text};

    super::super::keys! {
        CA_BUNDLE = ConfigKey::optional(
            "ca_bundle", ValueType::Path, "PEM file of private CAs, beside the native roots");
        NATIVE_ROOTS = ConfigKey::optional(
            "native_roots", ValueType::Boolean { default: true },
            "`false` trusts `ca_bundle` alone");
        CLIENT_CERTIFICATE = ConfigKey::optional(
            "client_certificate", ValueType::Path,
            "PEM file of the certificate, leaf first, that the upstream is shown when it asks for one");
        CLIENT_KEY = ConfigKey::optional(
            "client_key", ValueType::Path, "PEM file of its private key");
        SERVER_NAME = ConfigKey::optional(
            "server_name", text("a host name or an address"),
            "The name that the certificate must have, when not the endpoint's host");
        SPKI_SHA256 = ConfigKey::optional(
            "spki_sha256", list(&SHA256, 0, 64),
            "SHA-256 of acceptable public keys; any when empty");
    }
}
