//! Settings of an upstream: plain data, compared by a reload to keep what did not change.

use std::fmt;
use std::time::Duration;

use http::Uri;
use rustls_pki_types::ServerName;
use zeroize::Zeroizing;

/// The protocol of an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WireProtocol {
    /// gRPC over HTTP/2, by TLS (ALPN `h2` is required) or by prior knowledge.
    Grpc,
    /// HTTP/1.1, in clear or by TLS.
    Http,
}

/// One service and the way to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamSettings {
    /// Its name, for metrics and internal messages.
    pub name: Box<str>,
    /// The protocol of its endpoints.
    pub protocol: WireProtocol,
    /// `http://host:port` or `https://host:port`, at least one, all of one scheme.
    pub endpoints: Vec<Uri>,
    /// The trust in its certificate; only read for `https`, where `None` means the native roots.
    pub tls: Option<TlsSettings>,
    /// Longest time for one connection to be made: name, TCP, TLS and protocol.
    pub connect_timeout: Duration,
    /// Longest time that a connection is kept without use.
    pub idle_timeout: Duration,
    /// Most connections to one endpoint. gRPC never uses more than eight.
    pub connections_max: usize,
    /// Most WebSockets open at one endpoint, each on a connection of its own.
    pub websockets_max: usize,
}

/// The trust in an upstream's certificate.
#[derive(Clone, PartialEq, Eq)]
pub struct TlsSettings {
    /// PEM bundle of private CAs, layered over the native roots; read strictly.
    pub ca_bundle_pem: Option<Vec<u8>>,
    /// Adds the operating system's trust anchors.
    pub native_roots: bool,
    /// The name that the certificate must have, when it is not the endpoint's host.
    pub server_name: Option<ServerName<'static>>,
    /// The certificate that is shown to an upstream that asks for one.
    pub client: Option<ClientPem>,
    /// SHA-256 of acceptable public keys (SubjectPublicKeyInfo), checked after the chain; any
    /// when empty.
    pub spki_sha256: Vec<[u8; 32]>,
}

/// A certificate with its private key, in PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientPem {
    /// The certificate chain, leaf first.
    pub chain: Vec<u8>,
    /// The private key of its leaf.
    pub key: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for ClientPem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientPem").finish_non_exhaustive()
    }
}

impl Default for TlsSettings {
    /// The native roots and nothing else.
    fn default() -> Self {
        Self {
            ca_bundle_pem: None,
            native_roots: true,
            server_name: None,
            client: None,
            spki_sha256: Vec::new(),
        }
    }
}

impl fmt::Debug for TlsSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsSettings")
            .field("ca_bundle_pem_bytes", &self.ca_bundle_pem.as_ref().map(Vec::len))
            .field("native_roots", &self.native_roots)
            .field("server_name", &self.server_name)
            .field("client", &self.client.is_some())
            .field("spki_sha256", &self.spki_sha256.len())
            .finish()
    }
}
