//! TLS of a listener: 1.2 and 1.3, HTTP/2 before HTTP/1.1, certificates of both sides that can be
//! replaced. No early data (a POST must not be replayed) and, with rustls, no renegotiation.
//!
//! Read next: `tls/clients.rs` for the certificates of callers, `tls/certificate.rs` for what is
//! read from a certificate.

mod certificate;
mod clients;
mod pem;
mod refusals;

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::server::{NoServerSessionStorage, ServerConnection};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tollgate_chain::ClientCertificate;

pub use certificate::{CertificateFault, Expiry, expiries};
pub use clients::{ClientTrustFiles, RevocationListFault};
pub(crate) use refusals::RefusalLog;

use crate::Error;

/// The PEM files of a listener's TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerTlsFiles {
    /// The certificate chain, leaf first.
    pub certificate: PathBuf,
    /// The private key of its leaf.
    pub key: PathBuf,
    /// The authorities of callers' certificates; none is asked for without.
    pub clients: Option<ClientTrustFiles>,
}

/// The TLS side of a listener. Cheap to share; [`Tls::replace`] changes the certificate, and the
/// trust in those of callers, for handshakes that start later.
pub struct Tls {
    provider: Arc<CryptoProvider>,
    /// Encrypts session tickets, so that sessions outlive a replaced certificate.
    ticketer: Arc<dyn rustls::server::ProducesTickets>,
    current: ArcSwap<ServerConfig>,
    pub(crate) refusals: RefusalLog,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl Tls {
    /// Loads certificates, keys and revocation lists.
    ///
    /// # Errors
    /// A file cannot be read, holds nothing usable, or does not fit another one.
    pub fn open(files: &ServerTlsFiles) -> Result<Self, Error> {
        let provider = Arc::new(ring::default_provider());
        let ticketer = ring::Ticketer::new().map_err(Error::Tls)?;
        let config = server_config(&provider, &ticketer, files)?;
        let current = ArcSwap::from_pointee(config);
        Ok(Self { provider, ticketer, current, refusals: RefusalLog::default() })
    }

    /// Loads the files again, or others, in place of the current ones.
    ///
    /// # Errors
    /// The errors of [`Tls::open`]; everything that was loaded before then stays.
    pub fn replace(&self, files: &ServerTlsFiles) -> Result<(), Error> {
        let config = server_config(&self.provider, &self.ticketer, files)?;
        self.current.store(Arc::new(config));
        Ok(())
    }

    pub(crate) fn acceptor(&self) -> tokio_rustls::TlsAcceptor {
        tokio_rustls::TlsAcceptor::from(self.current.load_full())
    }
}

/// Returns the certificate that the peer of a connection showed in its handshake.
///
/// # Errors
/// Its names cannot be read, or are more or longer than a policy may be given.
pub(crate) fn client_certificate(
    session: &ServerConnection,
) -> Result<Option<Arc<ClientCertificate>>, CertificateFault> {
    let leaf = session.peer_certificates().and_then(<[_]>::first);
    leaf.map(|leaf| certificate::client_certificate(leaf).map(Arc::new)).transpose()
}

fn server_config(
    provider: &Arc<CryptoProvider>,
    ticketer: &Arc<dyn rustls::server::ProducesTickets>,
    files: &ServerTlsFiles,
) -> Result<ServerConfig, Error> {
    let certified = certified_key(provider, files)?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(Error::Tls)?;
    let builder = match &files.clients {
        Some(clients) => {
            builder.with_client_cert_verifier(clients::verifier(Arc::clone(provider), clients)?)
        }
        None => builder.with_no_client_auth(),
    };

    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.max_early_data_size = 0;

    if files.clients.is_none() {
        config.ticketer = Arc::clone(ticketer);
    } else {
        // A resumed session takes its certificate from the first one, unverified: it would outlive
        // a revocation and the certificate's own end.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(config)
}

fn certified_key(provider: &CryptoProvider, files: &ServerTlsFiles) -> Result<CertifiedKey, Error> {
    let bytes = pem::read(&files.certificate)?;
    let chain: Vec<CertificateDer<'static>> = pem::all(&files.certificate, &bytes)?;
    if chain.is_empty() {
        return Err(Error::NoCertificate { path: files.certificate.clone() });
    }

    let key = pem::read(&files.key)?;
    let key = PrivateKeyDer::from_pem_slice(&key)
        .map_err(|source| Error::Pem { path: files.key.clone(), source })?;
    CertifiedKey::from_der(chain, key, provider)
        .map_err(|source| Error::Certificate { path: files.certificate.clone(), source })
}
