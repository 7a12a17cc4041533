//! TLS of a listener: 1.2 and 1.3, HTTP/2 before HTTP/1.1, a certificate that can be replaced.
//! No early data (a POST must not be replayed) and, with rustls, no renegotiation.

use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::Error;

/// The TLS side of a listener. Cheap to share; [`Tls::replace`] changes the certificate for
/// handshakes that start later.
pub struct Tls {
    config: Arc<ServerConfig>,
    current: Arc<Current>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl Tls {
    /// Loads a certificate chain and its private key from PEM files.
    ///
    /// # Errors
    /// A file cannot be read, holds nothing usable, or the two do not fit each other.
    pub fn from_files(certificate: &Path, key: &Path) -> Result<Self, Error> {
        let provider = Arc::new(ring::default_provider());
        let loaded = load(&provider, certificate, key)?;
        let current = Arc::new(Current(ArcSwap::from_pointee(loaded)));
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(Error::Tls)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&current) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.max_early_data_size = 0;
        config.ticketer = ring::Ticketer::new().map_err(Error::Tls)?;
        Ok(Self { config: Arc::new(config), current })
    }

    /// Loads another certificate and key in place of the current ones.
    ///
    /// # Errors
    /// The errors of [`Tls::from_files`]; the current certificate then stays.
    pub fn replace(&self, certificate: &Path, key: &Path) -> Result<(), Error> {
        let loaded = load(self.config.crypto_provider(), certificate, key)?;
        self.current.0.store(Arc::new(loaded));
        Ok(())
    }

    pub(crate) fn acceptor(&self) -> tokio_rustls::TlsAcceptor {
        tokio_rustls::TlsAcceptor::from(Arc::clone(&self.config))
    }
}

/// The certificate of the moment.
#[derive(Debug)]
struct Current(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

fn load(provider: &CryptoProvider, certificate: &Path, key: &Path) -> Result<CertifiedKey, Error> {
    let pem = |path: &Path, source| Error::Pem { path: path.to_owned(), source };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|source| pem(certificate, source))?;
    if chain.is_empty() {
        return Err(Error::NoCertificate { path: certificate.to_owned() });
    }
    let key = PrivateKeyDer::from_pem_file(key).map_err(|source| pem(key, source))?;
    CertifiedKey::from_der(chain, key, provider)
        .map_err(|source| Error::Certificate { path: certificate.to_owned(), source })
}
