//! Routes and upstreams.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use http::{Method, Uri};
use rustls_pki_types::ServerName;
use tollgate_chain::{Environment, GrpcMethod, RouteLimits, Template};

use crate::{ConfigProblem, Located, Location};

/// A method and path that callers may use: `[routes.<name>]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RouteConfig {
    /// The name.
    pub name: String,
    /// Methods with templates; empty when the gRPC method's own bindings apply.
    pub matches: Vec<Located<RouteMatchConfig>>,
    /// The gRPC method.
    pub grpc: Option<Located<GrpcMethod>>,
    /// The body's place in the message, with both `grpc` and `match`.
    pub body: Option<BodyMapping>,
    /// Index of the chain.
    pub chain: usize,
    /// Index of the upstream used when no policy chooses.
    pub upstream: Option<usize>,
    /// Facts for policies, each declared by a policy of the chain.
    pub attributes: BTreeMap<String, String>,
    /// Bounds.
    pub limits: RouteLimits,
    /// The bounds of WebSockets, where the Route opens any.
    pub websocket: Option<WebSocketConfig>,
    /// The place of the Route as a whole.
    pub location: Location,
}

/// The bounds of a Route's WebSockets: `websocket = { … }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebSocketConfig {
    /// Longest message of the caller, in bytes as they are sent.
    pub message_bytes_max: u64,
    /// Longest time for which one stays open.
    pub lifetime: Duration,
}

/// One HTTP method with a path template.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RouteMatchConfig {
    /// The HTTP method.
    pub method: Method,
    /// The path template.
    pub template: Template,
}

/// The place of a request's body in a gRPC message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyMapping {
    /// The body is the message.
    Whole,
    /// The body is this field of the message.
    Field(String),
}

impl RouteConfig {
    /// Makes the problem that the Route cannot be compiled, at its `match` or its `grpc`.
    #[must_use]
    pub fn problem(&self, message: &str) -> ConfigProblem {
        let first = self.matches.first().map(Located::location);
        let grpc = self.grpc.as_ref().map(Located::location);
        grpc.or(first).unwrap_or(&self.location).problem(message)
    }
}

/// The protocol of an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpstreamProtocol {
    /// gRPC over HTTP/2, by TLS or prior knowledge.
    Grpc,
    /// HTTP/1.1.
    Http,
}

/// The RPC protocols that a service speaks beside gRPC: calls in them are passed on as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RpcProtocols {
    /// gRPC-Web.
    pub grpc_web: bool,
    /// Connect.
    pub connect: bool,
}

/// The fields by which an upstream learns of the caller's address, scheme and authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ForwardedFields {
    /// `X-Forwarded-For`, `X-Forwarded-Proto` and `X-Forwarded-Host`.
    #[default]
    XForwarded,
    /// `Forwarded` (RFC 7239).
    Forwarded,
    /// None.
    None,
}

/// The `Host` of requests to an HTTP upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HostField {
    /// The endpoint's authority.
    #[default]
    Endpoint,
    /// The authority that the caller named, which policies have checked.
    Caller,
}

/// Fields that pass between callers and an upstream beyond those that always do. The defaults pass
/// none of a caller's secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UpstreamFields {
    /// The fields that tell the upstream of the caller.
    pub forwarded: ForwardedFields,
    /// The `Host` of requests.
    pub host: HostField,
    /// True where it gets the caller's `Authorization`.
    pub pass_authorization: bool,
    /// True where it gets the caller's `Cookie`.
    pub pass_cookie: bool,
    /// True where callers get its `Set-Cookie`.
    pub pass_set_cookie: bool,
    /// True where it gets the certificate of the connection's peer.
    pub client_cert: bool,
}

/// A service that requests are forwarded to: `[upstreams.<name>]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UpstreamConfig {
    /// The name.
    pub name: String,
    /// The protocol.
    pub protocol: UpstreamProtocol,
    /// The RPC protocols that are not translated for it.
    pub rpc_protocols: RpcProtocols,
    /// `http://host:port` or `https://host:port`, all of one scheme.
    pub endpoints: Vec<Uri>,
    /// Only principals of this environment may reach it.
    pub environment: Option<Environment>,
    /// The service that signed principals are for.
    pub audience: Option<String>,
    /// Verification of its certificate.
    pub tls: UpstreamTlsConfig,
    /// Fields that pass to it and back.
    pub fields: UpstreamFields,
    /// Longest time for a connection, handshake included.
    pub connect_timeout: Duration,
    /// Longest time that a connection is kept without use.
    pub idle_timeout: Duration,
    /// Most connections to one endpoint.
    pub connections_max: usize,
    /// Most WebSockets open at one endpoint.
    pub websockets_max: usize,
    /// The place of the upstream as a whole.
    pub location: Location,
}

impl UpstreamConfig {
    /// Makes the problem that the upstream cannot be set up.
    #[must_use]
    pub fn problem(&self, message: &str) -> ConfigProblem {
        self.location.problem(message)
    }
}

/// Verification of an upstream's certificate: `tls = { … }`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UpstreamTlsConfig {
    /// PEM bundle of private CAs, layered over the native roots.
    pub ca_bundle: Option<Located<PathBuf>>,
    /// True where the operating system's roots are trusted too.
    pub native_roots: bool,
    /// The certificate that is shown to the upstream when it asks for one.
    pub client: Option<ClientIdentityFiles>,
    /// The name that the certificate must have, when not the endpoint's host.
    pub server_name: Option<ServerName<'static>>,
    /// SHA-256 of acceptable public keys; any when empty.
    pub spki_sha256: Vec<[u8; 32]>,
}

/// PEM files of a certificate that the gateway shows.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientIdentityFiles {
    /// The chain of certificates, leaf first.
    pub certificate: Located<PathBuf>,
    /// The private key.
    pub key: Located<PathBuf>,
}
