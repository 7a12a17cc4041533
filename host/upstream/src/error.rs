//! Why an upstream cannot be set up, and why a connection cannot be made.

use std::error::Error as _;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls_pki_types::pem;
use tollgate_chain::GrpcCode;

/// Why settings make no upstream. Nothing was connected yet.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is nowhere to send to.
    #[error("an upstream needs at least one endpoint")]
    NoEndpoints,
    /// An endpoint is not scheme, host and port alone.
    #[error("endpoint {endpoint}: expected http://host:port or https://host:port")]
    Endpoint {
        /// The endpoint as configured.
        endpoint: String,
    },
    /// Clear and TLS endpoints are mixed.
    #[error("endpoints of one upstream need one scheme")]
    MixedSchemes,
    /// No connection would ever be allowed.
    #[error("connections_max: expected at least 1")]
    NoConnections,
    /// A block of the CA bundle is damaged or cut off.
    #[error("CA bundle: damaged after {read} certificates")]
    Pem {
        /// Certificates read before it.
        read: usize,
        /// The damage.
        source: pem::Error,
    },
    /// A block of the CA bundle holds no certificate that can be an anchor.
    #[error("CA bundle: certificate {number} cannot be a trust anchor")]
    Certificate {
        /// Counted from 1.
        number: usize,
        /// The reason.
        source: rustls::Error,
    },
    /// The bundle is empty, or holds something else than certificates.
    #[error("CA bundle: no certificate in it")]
    EmptyBundle,
    /// Neither bundle nor native roots gave an anchor: nothing could ever be trusted.
    #[error("no trust anchor: give a CA bundle or use the native roots")]
    NoAnchors,
    /// The host of an endpoint is no name that a certificate can have, and no other is declared.
    #[error("endpoint host {host}: expected a DNS name or an address, or tls.server_name")]
    ServerName {
        /// The host.
        host: String,
    },
    /// The certificate that is to be shown cannot be read.
    #[error("client certificate: expected a chain and its private key in PEM")]
    ClientPem(#[source] pem::Error),
    /// The certificate that is to be shown has no certificate, or another one's key.
    #[error("client certificate: the key does not fit, or there is no certificate")]
    ClientCertificate(#[source] rustls::Error),
    /// The TLS library refuses the settings.
    #[error("set up TLS")]
    Tls(#[source] rustls::Error),
}

impl Error {
    /// Returns whether the certificate that is to be shown is at fault, and not another setting.
    #[must_use]
    pub fn is_of_client(&self) -> bool {
        matches!(self, Self::ClientPem(_) | Self::ClientCertificate(_))
    }

    /// Returns whether the CA bundle is at fault, and not another setting.
    #[must_use]
    pub fn is_of_bundle(&self) -> bool {
        matches!(self, Self::Pem { .. } | Self::Certificate { .. } | Self::EmptyBundle)
    }
}

/// Why a connection could not be made. Shared by all who waited for it, hence cloned.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum ConnectionError {
    #[error("resolve {host}")]
    Resolve { host: Arc<str>, source: Arc<io::Error> },
    #[error("resolve {host}: no address")]
    NoAddress { host: Arc<str> },
    #[error("connect to {address}")]
    Connect { address: SocketAddr, source: Arc<io::Error> },
    #[error("connect to {host}: not within {} ms", .limit.as_millis())]
    TimedOut { host: Arc<str>, limit: std::time::Duration },
    #[error("TLS handshake with {host}")]
    Tls { host: Arc<str>, source: Arc<io::Error> },
    #[error("TLS with {host}: the server does not offer h2 by ALPN")]
    NoH2 { host: Arc<str> },
    #[error("TLS with {host}: the certificate's public key is not a pinned one")]
    Pin { host: Arc<str> },
    #[error("{protocol} handshake with {host}")]
    Handshake { host: Arc<str>, protocol: &'static str, source: Arc<hyper::Error> },
    #[error("connect to {host}: closed by the server before its settings came")]
    Closed { host: Arc<str> },
    #[error("connect to {host}: given up")]
    Dropped { host: Arc<str> },
}

impl ConnectionError {
    /// Tells whether the server was reached and is not the one that the settings describe: another
    /// attempt would find the same.
    pub(crate) fn is_of_trust(&self) -> bool {
        match self {
            Self::Tls { source, .. } => tls_error(source).is_some(),
            Self::NoH2 { .. } | Self::Pin { .. } => true,
            Self::Resolve { .. }
            | Self::NoAddress { .. }
            | Self::Connect { .. }
            | Self::TimedOut { .. }
            | Self::Handshake { .. }
            | Self::Closed { .. }
            | Self::Dropped { .. } => false,
        }
    }

    /// A short name for a metric's label.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::Resolve { .. } | Self::NoAddress { .. } => "dns",
            Self::Connect { .. } => "tcp",
            Self::TimedOut { .. } => "timeout",
            Self::Tls { source, .. } => tls_reason(source),
            Self::NoH2 { .. } => "alpn",
            Self::Pin { .. } => "pin",
            Self::Handshake { .. } | Self::Closed { .. } => "handshake",
            Self::Dropped { .. } => "dropped",
        }
    }
}

/// The error of the TLS protocol, where that failed and not the connection under it.
fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}

/// The faults of a certificate that an operator mends in different ways.
fn tls_reason(error: &io::Error) -> &'static str {
    use rustls::{AlertDescription, CertificateError as Bad, Error as Tls};
    let Some(error) = tls_error(error) else { return "tls" };
    if *error == Tls::AlertReceived(AlertDescription::NoApplicationProtocol) {
        return "alpn";
    }
    let Tls::InvalidCertificate(bad) = error else { return "tls" };
    if matches!(bad, Bad::Expired | Bad::ExpiredContext { .. }) {
        "tls-expired"
    } else if matches!(bad, Bad::NotValidForName | Bad::NotValidForNameContext { .. }) {
        "tls-name"
    } else if matches!(bad, Bad::UnknownIssuer) {
        "tls-issuer"
    } else if matches!(bad, Bad::InvalidPurpose | Bad::InvalidPurposeContext { .. }) {
        "tls-purpose"
    } else {
        "tls-certificate"
    }
}

/// The status of a stream that the upstream reset, where gRPC gives the reason one of its own
/// (PROTOCOL-HTTP2, "Errors").
pub(crate) fn reset_code(error: &hyper::Error) -> Option<GrpcCode> {
    let reset = error.source().and_then(|source| source.downcast_ref::<h2::Error>())?;
    let code = match reset.reason()? {
        h2::Reason::ENHANCE_YOUR_CALM => GrpcCode::ResourceExhausted,
        h2::Reason::CANCEL => GrpcCode::Cancelled,
        _ => return None,
    };
    (reset.is_remote() && reset.is_reset()).then_some(code)
}

/// Writes an error and its causes in one line, for an `internal` message.
pub(crate) fn chain_text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        // Several libraries repeat their cause's text in their own.
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}
