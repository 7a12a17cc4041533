//! Checked configuration. Values of these types come from [`load`](crate::load) alone, so whoever
//! holds one holds something that was checked; indices between items are in range.

mod policies;
mod receipts;
mod rollouts;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::{HeaderName, Method};
use ipnet::IpNet;
use tollgate_chain::{Environment, Growth, RouteLimits};

use crate::Problem;
use crate::text::Place;

pub use policies::{Chain, Limits, Plugin, Policy};
pub use receipts::Receipts;
pub use rollouts::Rollout;

/// A whole, checked configuration.
#[derive(Debug)]
pub struct Config {
    pub(crate) listeners: Vec<Listener>,
    pub(crate) admin: Option<SocketAddr>,
    pub(crate) admin_token: Option<PathBuf>,
    pub(crate) problem_type_base: String,
    pub(crate) access_log: AccessLog,
    pub(crate) drain: Drain,
    pub(crate) engine: Engine,
    pub(crate) trees: Growth,
    pub(crate) receipts: Receipts,
    pub(crate) hidden_headers: Vec<HeaderName>,
    pub(crate) descriptors: Option<Descriptors>,
    pub(crate) signing: Option<Signing>,
    pub(crate) stores: Stores,
    pub(crate) plugins: Vec<Plugin>,
    pub(crate) policies: Vec<Policy>,
    pub(crate) chains: Vec<Chain>,
    pub(crate) rollouts: Vec<Rollout>,
    pub(crate) routes: Vec<Route>,
    pub(crate) upstreams: Vec<Upstream>,
    pub(crate) folders: Vec<PathBuf>,
}

impl Config {
    /// Sockets for callers; at least one.
    #[must_use]
    pub fn listeners(&self) -> &[Listener] {
        &self.listeners
    }

    /// Where health, metrics and the admin API are served.
    #[must_use]
    pub fn admin(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// The file that holds the token of the admin API; without it the gateway makes one.
    #[must_use]
    pub fn admin_token(&self) -> Option<&Path> {
        self.admin_token.as_deref()
    }

    /// What a problem's slug is appended to.
    #[must_use]
    pub fn problem_type_base(&self) -> &str {
        &self.problem_type_base
    }

    /// Where access records go.
    #[must_use]
    pub fn access_log(&self) -> &AccessLog {
        &self.access_log
    }

    /// How the gateway goes away.
    #[must_use]
    pub fn drain(&self) -> Drain {
        self.drain
    }

    /// Sizes of the engine.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// How decision trees grow, and how they are verified.
    #[must_use]
    pub fn trees(&self) -> &Growth {
        &self.trees
    }

    /// Which receipts are kept.
    #[must_use]
    pub fn receipts(&self) -> Receipts {
        self.receipts
    }

    /// Headers whose values no policy reads, beside those that are always hidden.
    #[must_use]
    pub fn hidden_headers(&self) -> &[HeaderName] {
        &self.hidden_headers
    }

    /// Where protobuf descriptors come from.
    #[must_use]
    pub fn descriptors(&self) -> Option<&Descriptors> {
        self.descriptors.as_ref()
    }

    /// How principals are signed; without it no upstream gets one.
    #[must_use]
    pub fn signing(&self) -> Option<&Signing> {
        self.signing.as_ref()
    }

    /// Back ends of the capabilities.
    #[must_use]
    pub fn stores(&self) -> &Stores {
        &self.stores
    }

    /// Components.
    #[must_use]
    pub fn plugins(&self) -> &[Plugin] {
        &self.plugins
    }

    /// Plugins put to work.
    #[must_use]
    pub fn policies(&self) -> &[Policy] {
        &self.policies
    }

    /// Chains of policies.
    #[must_use]
    pub fn chains(&self) -> &[Chain] {
        &self.chains
    }

    /// Policies that may take the place of others.
    #[must_use]
    pub fn rollouts(&self) -> &[Rollout] {
        &self.rollouts
    }

    /// Routes.
    #[must_use]
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// Upstreams.
    #[must_use]
    pub fn upstreams(&self) -> &[Upstream] {
        &self.upstreams
    }

    /// Folders that were read, for the watch.
    #[must_use]
    pub fn folders(&self) -> &[PathBuf] {
        &self.folders
    }
}

/// `[listeners.<name>]`
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listener {
    /// The name.
    pub name: String,
    /// Where to listen; port 0 picks a free one.
    pub address: SocketAddr,
    /// Index of the chain for requests without a Route.
    pub chain: usize,
    /// Certificate and key; plaintext without.
    pub tls: Option<TlsFiles>,
    /// Peers whose forwarding headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Most connections at once.
    pub connections_max: usize,
    /// Most connections at once from one address.
    pub connections_per_address_max: usize,
}

/// PEM files of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsFiles {
    /// The chain of certificates, leaf first.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// `[access_log]`
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants say it")]
pub enum AccessLog {
    Off,
    Stdout,
    File(PathBuf),
}

/// `[drain]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drain {
    /// How long requests are still accepted after SIGTERM, while endpoints spread.
    pub delay: Duration,
    /// How long requests in flight may then take.
    pub wait: Duration,
}

/// `[engine]`
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Engine {
    /// Most policy instances at once.
    pub instances_max: u32,
    /// Worker threads; as many as cores when absent.
    pub workers: Option<usize>,
    /// The folder that keeps compiled components from one start to the next; when absent, every
    /// start compiles.
    pub compiled_cache: Option<PathBuf>,
}

/// `[descriptors]`
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields say it")]
pub enum Descriptors {
    /// A serialised `FileDescriptorSet`.
    Set(PathBuf),
    /// `.proto` files, compiled at load.
    Sources { files: Vec<PathBuf>, includes: Vec<PathBuf> },
}

/// `[principal]`
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Signing {
    /// Who signs.
    pub issuer: String,
    /// Which key, as services know it.
    pub key_id: String,
    /// Ed25519 private key, PKCS#8.
    pub key_file: PathBuf,
}

/// `[stores.*]`
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stores {
    /// Quotas.
    pub quota: QuotaStore,
    /// Idempotency records.
    pub idempotency: IdempotencyStore,
    /// Credentials.
    pub credentials: CredentialStore,
}

/// `[stores.quota]`
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields say it")]
pub enum QuotaStore {
    Memory { entries_max: usize },
}

/// `[stores.idempotency]`
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields say it")]
pub enum IdempotencyStore {
    Memory { entries_max: usize, ttl: Duration },
    File { path: PathBuf, entries_max: usize, ttl: Duration },
}

/// `[stores.credentials]`
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields say it")]
pub enum CredentialStore {
    /// Every credential is unknown.
    None,
    File {
        path: PathBuf,
    },
    Identity {
        endpoint: String,
        ca_bundle: Option<PathBuf>,
        entries_max: usize,
    },
}

/// `[routes.<name>]`
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Route {
    /// The name.
    pub name: String,
    /// `(method, template)`; empty when the gRPC method's own bindings apply.
    pub matches: Vec<(Method, String)>,
    /// `(service, method)` of gRPC.
    pub grpc: Option<(String, String)>,
    /// The body's place in the message: a field, or `*`.
    pub body: Option<String>,
    /// Index of the chain.
    pub chain: usize,
    /// Index of the upstream used when no policy chooses.
    pub upstream: Option<usize>,
    /// Free attributes for policies.
    pub attributes: BTreeMap<String, String>,
    /// Bounds.
    pub limits: RouteLimits,
    pub(crate) at: At,
}

impl Route {
    /// The problem that the Route cannot be compiled.
    #[must_use]
    pub fn problem(&self, message: &str) -> Problem {
        self.at.problem(message)
    }
}

/// What an upstream speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// gRPC over HTTP/2, by TLS or prior knowledge.
    Grpc,
    /// HTTP/1.1.
    Http,
}

/// `[upstreams.<name>]`
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Upstream {
    /// The name.
    pub name: String,
    /// What it speaks.
    pub protocol: Protocol,
    /// `http://host:port` or `https://host:port`, all of one scheme.
    pub endpoints: Vec<String>,
    /// Only principals of this environment may reach it.
    pub environment: Option<Environment>,
    /// The service that signed principals are for.
    pub audience: Option<String>,
    /// How its certificate is judged.
    pub tls: UpstreamTls,
    /// Longest time for a connection, handshake included.
    pub connect_timeout: Duration,
    /// Longest time that a connection is kept without use.
    pub idle_timeout: Duration,
    /// Most connections to one endpoint.
    pub connections_max: usize,
    pub(crate) at: At,
}

impl Upstream {
    /// The problem that the upstream cannot be set up.
    #[must_use]
    pub fn problem(&self, message: &str) -> Problem {
        self.at.problem(message)
    }
}

/// `tls = { … }` of an upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UpstreamTls {
    /// PEM bundle of private CAs, layered over the native roots.
    pub ca_bundle: Option<PathBuf>,
    /// Whether the operating system's roots are trusted too.
    pub native_roots: bool,
    /// The name that the certificate must have, when not the endpoint's host.
    pub server_name: Option<String>,
    /// SHA-256 of acceptable public keys; any when empty.
    pub spki_sha256: Vec<[u8; 32]>,
}

/// Where an item stood, for problems found later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct At {
    file: PathBuf,
    pub(crate) line: usize,
    pub(crate) key: String,
}

impl At {
    pub(crate) fn problem(&self, message: &str) -> Problem {
        Problem {
            file: self.file.clone(),
            line: self.line,
            key: self.key.clone(),
            message: message.to_owned(),
        }
    }
}

impl From<&Place> for At {
    fn from(place: &Place) -> Self {
        Self {
            file: place.source.path.clone(),
            line: place.source.line(place.span.start),
            key: place.key.clone(),
        }
    }
}
