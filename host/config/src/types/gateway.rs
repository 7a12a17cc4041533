//! Listeners, and the tables of which there is one.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use crate::Located;

/// A socket for callers: `[listeners.<name>]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListenerConfig {
    /// The name.
    pub name: String,
    /// Address and port to listen on; port 0 picks a free one.
    pub address: Located<SocketAddr>,
    /// Index of the chain for requests without a Route.
    pub chain: usize,
    /// Certificate and key; plaintext without.
    pub tls: Option<TlsFiles>,
    /// Peers whose forwarding headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// True where trusted proxies begin each connection with a header of the PROXY protocol.
    pub proxy_protocol: bool,
    /// Most connections at once.
    pub connections_max: usize,
    /// Most connections at once from one address.
    pub connections_per_address_max: usize,
    /// Longest time for which a connection without a request is kept open.
    pub idle_timeout: Duration,
}

/// PEM files of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsFiles {
    /// The chain of certificates, leaf first.
    pub certificate: Located<PathBuf>,
    /// The private key.
    pub key: Located<PathBuf>,
    /// Trust in the certificates of callers; none is asked for without.
    pub clients: Option<ClientTlsFiles>,
}

/// PEM files by which certificates of callers are verified.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientTlsFiles {
    /// The certificates of the authorities.
    pub ca: Located<PathBuf>,
    /// Revocation lists of the authorities.
    pub crl: Vec<Located<PathBuf>>,
    /// The demand for a certificate.
    pub auth: ClientAuth,
}

/// The demand on callers for a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// A caller without a certificate is refused in the handshake.
    Required,
    /// A caller without a certificate is served; one with a bad certificate is refused.
    Optional,
}

/// The deployment that a folder is for: `[deployment] stage`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeploymentStage {
    /// One machine, for development and tests.
    Local,
    /// The rehearsal of production.
    Staging,
    /// The deployment that tenants use.
    Production,
}

impl DeploymentStage {
    /// The stage's word, as services take it too.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Staging => "staging",
            Self::Production => "production",
        }
    }
}

/// The destination of access records: `[access_log]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants say it")]
pub enum AccessLogConfig {
    Off,
    Stdout,
    File(Located<PathBuf>),
}

/// Times of the process's end: `[drain]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct DrainConfig {
    /// Time for which requests are still accepted after SIGTERM, while load balancers learn of it.
    pub delay: Duration,
    /// Longest wait for requests in flight after that.
    pub wait: Duration,
}

/// Sizes of the engine: `[engine]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EngineConfig {
    /// Most policy instances at once.
    pub instances_max: u32,
    /// Most core module instances of one component.
    pub core_instances_max: u32,
    /// Worker threads; as many as cores when absent.
    pub workers: Option<usize>,
    /// The folder that keeps compiled components from one start to the next; when absent, every
    /// start compiles.
    pub compiled_cache: Option<Located<PathBuf>>,
    /// The file of the key that authenticates what is in it; made beside the folder when absent.
    pub compiled_cache_key: Option<Located<PathBuf>>,
}

/// Sampling and bounds of receipts: `[receipts]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReceiptsConfig {
    /// False where none are kept.
    pub on: bool,
    /// The share of exchanges that passed which is kept, as one in so many; refusals and failures
    /// are always kept.
    pub sample_every: u64,
    /// Most receipts at once.
    pub entries_max: usize,
    /// Most bytes of receipts at once, estimated.
    pub bytes_max: usize,
}

/// The source of protobuf descriptors: `[descriptors]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DescriptorsConfig {
    /// A serialised `FileDescriptorSet`.
    Set(Located<PathBuf>),
    /// `.proto` files, compiled at load.
    Sources {
        /// The files; at least one.
        files: Vec<Located<PathBuf>>,
        /// Folders where imports are found.
        includes: Vec<Located<PathBuf>>,
    },
}

/// The key that signs principals: `[principal]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SigningConfig {
    /// The issuer, as services know it.
    pub issuer: String,
    /// Name of the key, as services know it.
    pub key_id: String,
    /// Ed25519 private key, PKCS#8.
    pub key_file: Located<PathBuf>,
}
