//! Errors before a listener serves.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use rustls::server::VerifierBuilderError;

use crate::tls::{CertificateFault, RevocationListFault};

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
    /// A file of certificates, keys or revocation lists cannot be read.
    #[error("read {path}")]
    Read {
        /// The file.
        path: PathBuf,
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
    /// A certificate must not vouch for callers.
    #[error("use certificate {number} of {path}")]
    Authority {
        /// The file.
        path: PathBuf,
        /// The place of the certificate in the file, counted from 1.
        number: usize,
        /// Why not.
        source: CertificateFault,
    },
    /// A revocation list cannot be used.
    #[error("use the revocation list of {path}")]
    RevocationList {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: RevocationListFault,
    },
    /// No verifier of callers' certificates can be made of the files.
    #[error("verify certificates of callers by {path}")]
    ClientVerifier {
        /// The file of the authorities.
        path: PathBuf,
        /// Why not.
        source: VerifierBuilderError,
    },
    /// The TLS provider does not offer what is needed.
    #[error("set up TLS")]
    Tls(#[source] rustls::Error),
    /// The thread of the access log cannot be started.
    #[error("start the access log")]
    AccessLog(#[source] std::io::Error),
}

impl Error {
    /// Returns the file that the failure is about.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Read { path, .. }
            | Self::Pem { path, .. }
            | Self::NoCertificate { path }
            | Self::Certificate { path, .. }
            | Self::Authority { path, .. }
            | Self::RevocationList { path, .. }
            | Self::ClientVerifier { path, .. } => Some(path),
            Self::Bind { .. } | Self::Tls(_) | Self::AccessLog(_) => None,
        }
    }
}
