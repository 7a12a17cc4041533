//! Whom an upstream's connection trusts: a pinned CA bundle layered over the native roots, and
//! optionally a set of public keys checked after the chain was found good.
//!
//! The bundle is read strictly, because half a file parses as fewer certificates; the native store
//! leniently, because operating systems keep oddities in it.

use std::sync::Arc;

use data_encoding::HEXLOWER;
use ring::digest::{SHA256, digest};
use rustls::client::Resumption;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::error::{ConnectionError, Error};
use crate::settings::{ClientPem, TlsSettings, WireProtocol};

/// TLS towards one endpoint.
#[derive(Clone)]
pub(crate) struct ClientTls {
    connector: TlsConnector,
    server_name: ServerName<'static>,
    spki_sha256: Arc<[[u8; 32]]>,
    needs_h2: bool,
}

impl ClientTls {
    /// Reads the trust anchors: the one place where files of the operating system are read.
    pub(crate) fn new(
        settings: &TlsSettings,
        protocol: WireProtocol,
        host: &str,
    ) -> Result<Self, Error> {
        let config = client_config(settings, protocol)?;
        Ok(Self {
            connector: TlsConnector::from(Arc::new(config)),
            server_name: server_name(settings, host)?,
            spki_sha256: settings.spki_sha256.as_slice().into(),
            needs_h2: protocol == WireProtocol::Grpc,
        })
    }

    /// The same trust, for another endpoint of the same upstream.
    pub(crate) fn for_host(&self, settings: &TlsSettings, host: &str) -> Result<Self, Error> {
        Ok(Self { server_name: server_name(settings, host)?, ..self.clone() })
    }

    pub(super) async fn connect(
        &self,
        host: &Arc<str>,
        tcp: TcpStream,
    ) -> Result<TlsStream<TcpStream>, ConnectionError> {
        let stream =
            self.connector.connect(self.server_name.clone(), tcp).await.map_err(|source| {
                ConnectionError::Tls { host: host.clone(), source: Arc::new(source) }
            })?;
        let (_, session) = stream.get_ref();
        if self.needs_h2 && session.alpn_protocol() != Some(b"h2") {
            return Err(ConnectionError::NoH2 { host: host.clone() });
        }
        let leaf = session.peer_certificates().and_then(<[_]>::first);
        if !self.spki_sha256.is_empty() && !leaf.is_some_and(|leaf| self.is_pinned(leaf)) {
            return Err(ConnectionError::Pin { host: host.clone() });
        }
        Ok(stream)
    }

    fn is_pinned(&self, leaf: &CertificateDer<'_>) -> bool {
        let Ok(parsed) = rustls::server::ParsedCertificate::try_from(leaf) else { return false };
        let key_digest = digest(&SHA256, &parsed.subject_public_key_info());
        self.spki_sha256.iter().any(|pin| pin == key_digest.as_ref())
    }
}

/// Returns the name that the certificate must have: the declared one, or the endpoint's host.
fn server_name(settings: &TlsSettings, host: &str) -> Result<ServerName<'static>, Error> {
    match &settings.server_name {
        Some(name) => Ok(name.clone()),
        None => ServerName::try_from(host.to_owned())
            .map_err(|_| Error::ServerName { host: host.to_owned() }),
    }
}

fn client_config(settings: &TlsSettings, protocol: WireProtocol) -> Result<ClientConfig, Error> {
    let native = if settings.native_roots { native_roots() } else { Vec::new() };
    let has_native = !native.is_empty();
    let roots = roots(settings.ca_bundle_pem.as_deref(), native)?;
    if settings.native_roots && !has_native {
        tracing::warn!("the operating system has no trust anchors; trusting the CA bundle alone");
    }

    // Explicit, so that no process-wide default can be another provider.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(Error::Tls)?
        .with_root_certificates(roots);
    let mut config = match &settings.client {
        Some(client) => {
            let (chain, key) = client_pem(client)?;
            config.with_client_auth_cert(chain, key).map_err(Error::ClientCertificate)?
        }
        None => config.with_no_client_auth(),
    };

    config.alpn_protocols = match protocol {
        WireProtocol::Grpc => vec![b"h2".to_vec()],
        WireProtocol::Http => vec![b"http/1.1".to_vec()],
    };
    config.resumption = Resumption::in_memory_sessions(64);
    Ok(config)
}

/// Parses the certificate that is shown. An upstream that asks for none is shown none.
fn client_pem(
    client: &ClientPem,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), Error> {
    let chain = CertificateDer::pem_slice_iter(&client.chain)
        .collect::<Result<Vec<_>, _>>()
        .map_err(Error::ClientPem)?;
    let key = PrivateKeyDer::from_pem_slice(&client.key).map_err(Error::ClientPem)?;
    Ok((chain, key))
}

fn native_roots() -> Vec<CertificateDer<'static>> {
    let native = rustls_native_certs::load_native_certs();
    for error in &native.errors {
        tracing::warn!(%error, "native trust anchors are incomplete");
    }
    native.certs
}

/// The union of a strictly read bundle and leniently read native anchors.
fn roots(
    bundle: Option<&[u8]>,
    native: Vec<CertificateDer<'static>>,
) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    let (added, ignored) = roots.add_parsable_certificates(native);
    let mut pinned = 0;

    if let Some(bundle) = bundle {
        for block in CertificateDer::pem_slice_iter(bundle) {
            let certificate = block.map_err(|source| Error::Pem { read: pinned, source })?;
            pinned += 1;
            roots
                .add(certificate)
                .map_err(|source| Error::Certificate { number: pinned, source })?;
        }
        if pinned == 0 {
            return Err(Error::EmptyBundle);
        }
    }

    if roots.is_empty() {
        return Err(Error::NoAnchors);
    }

    let sha256 = bundle.map(|bundle| HEXLOWER.encode(digest(&SHA256, bundle).as_ref()));
    tracing::info!(native = added, ignored, pinned, sha256, "trust anchors of an upstream loaded");
    Ok(roots)
}

#[cfg(test)]
mod tests;
