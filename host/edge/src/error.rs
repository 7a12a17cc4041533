//! Errors before a listener serves.

use std::net::SocketAddr;
use std::path::PathBuf;

/// A failure of the edge itself; failures of a request are [`tollgate_chain::Error`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is taken, not ours, or not permitted.
    #[error("bind the listener to {address}")]
    Bind {
        /// The requested address.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// A file of certificates or keys cannot be read as PEM.
    #[error("read PEM from {path}")]
    Pem {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: rustls_pki_types::pem::Error,
    },
    /// A file of certificates holds none.
    #[error("{path} holds no certificate")]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// Certificate and key do not fit each other, or the provider refuses them.
    #[error("use the certificate of {path}")]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: rustls::Error,
    },
    /// The TLS provider does not offer what is needed.
    #[error("set up TLS")]
    Tls(#[source] rustls::Error),
    /// The thread of the access log cannot be started.
    #[error("start the access log")]
    AccessLog(#[source] std::io::Error),
}
