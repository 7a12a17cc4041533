//! Trust in the certificates of callers: authorities, and the lists of what they revoked.
//!
//! The verifier denies a certificate whose revocation status no list tells, and every certificate
//! that only an expired list tells about. An expired list refuses no start: others are served too,
//! and a restart must not depend on a list that an authority forgot to publish. An authority that
//! expired is refused, because nothing else looks at its end.
//!
//! A certificate is verified in the handshake, so a connection outlives its revocation by at most
//! [`Limits::age_max`](crate::Limits). Sessions are not resumed: see `server_config`.
//!
//! The verifier reads the first one of two lists that one name issued for the same certificates.
//! Two are refused, so an authority with a new key takes a new name.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use data_encoding::HEXLOWER;
use ring::digest::{SHA256, digest};
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

use super::certificate::{self, CertificateFault};
use super::pem;
use crate::Error;

/// The PEM files by which certificates of callers are verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientTrustFiles {
    /// Certificates of the authorities. While two are in the file, callers of both are accepted.
    pub authorities: PathBuf,
    /// Revocation lists, each signed by one of the authorities. With any, a certificate that none
    /// of them covers is refused.
    pub revocation_lists: Vec<PathBuf>,
    /// True where a caller without a certificate is refused.
    pub required: bool,
}

/// The reason why a revocation list cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RevocationListFault {
    /// The file holds no list.
    #[error("it holds no revocation list (`-----BEGIN X509 CRL-----`)")]
    None,
    /// It is no certificate revocation list of X.509.
    #[error("it cannot be read as a revocation list")]
    Malformed,
    /// It is not of any of the authorities.
    #[error("none of the client authorities has the name of its issuer")]
    UnknownIssuer,
    /// It says it is of an authority that did not sign it.
    #[error("the authority that it names did not sign it")]
    BadSignature,
    /// Another list covers the same certificates.
    #[error("another list is of the same issuer and covers the same certificates")]
    Repeated,
}

/// Reads the files into a verifier.
pub(super) fn verifier(
    provider: Arc<CryptoProvider>,
    files: &ClientTrustFiles,
) -> Result<Arc<dyn ClientCertVerifier>, Error> {
    let path = &files.authorities;
    let bytes = pem::read(path)?;
    let certificates: Vec<CertificateDer<'static>> = pem::all(path, &bytes)?;
    let authorities = authorities(path, &certificates)?;
    let roots = roots(path, &certificates)?;
    let lists = revocation_lists(&files.revocation_lists, &authorities)?;

    tracing::info!(
        file = %path.display(),
        sha256 = HEXLOWER.encode(digest(&SHA256, &bytes).as_ref()),
        authorities = roots.len(),
        revocation_lists = lists.len(),
        required = files.required,
        "client authorities loaded"
    );

    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .with_crls(lists)
        .enforce_revocation_expiration();
    let builder = if files.required { builder } else { builder.allow_unauthenticated() };
    builder.build().map_err(|source| Error::ClientVerifier { path: path.clone(), source })
}

/// Parses the authorities, and refuses what must not vouch for anybody.
fn authorities<'a>(
    path: &Path,
    certificates: &'a [CertificateDer<'static>],
) -> Result<Vec<X509Certificate<'a>>, Error> {
    if certificates.is_empty() {
        return Err(Error::NoCertificate { path: path.to_owned() });
    }

    let now = i64::try_from(UnixTime::now().as_secs()).unwrap_or(i64::MAX);
    let mut authorities = Vec::with_capacity(certificates.len());
    for (index, certificate) in certificates.iter().enumerate() {
        let fault = |source| Error::Authority { path: path.to_owned(), number: index + 1, source };
        let parsed = certificate::parse(certificate).map_err(fault)?;
        if !parsed.is_ca() {
            return Err(fault(CertificateFault::NotAnAuthority));
        }
        // An anchor's own end is not part of the verification of a chain (RFC 5280 §6.1).
        let not_after = parsed.validity().not_after.timestamp();
        if not_after < now {
            return Err(fault(CertificateFault::Expired(not_after)));
        }
        authorities.push(parsed);
    }
    Ok(authorities)
}

fn roots(path: &Path, certificates: &[CertificateDer<'static>]) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots
            .add(certificate.clone())
            .map_err(|source| Error::Certificate { path: path.to_owned(), source })?;
    }
    Ok(roots)
}

/// Reads the revocation lists, each of one of the authorities.
fn revocation_lists(
    paths: &[PathBuf],
    authorities: &[X509Certificate<'_>],
) -> Result<Vec<CertificateRevocationListDer<'static>>, Error> {
    let mut lists = Vec::new();
    let mut scopes = HashSet::new();

    for path in paths {
        let fault = |source| Error::RevocationList { path: path.clone(), source };
        let bytes = pem::read(path)?;
        let found: Vec<CertificateRevocationListDer<'static>> = pem::all(path, &bytes)?;
        if found.is_empty() {
            return Err(fault(RevocationListFault::None));
        }

        for list in found {
            let parsed = parse_list(path, &list)?;
            check_issuer(&parsed, authorities).map_err(fault)?;
            if !scopes.insert(scope(&parsed)) {
                return Err(fault(RevocationListFault::Repeated));
            }
            note_expiry(path, &parsed);
            lists.push(list);
        }
    }
    Ok(lists)
}

/// Parses a revocation list that has nothing behind it.
pub(super) fn parse_list<'a>(
    path: &Path,
    list: &'a CertificateRevocationListDer<'_>,
) -> Result<CertificateRevocationList<'a>, Error> {
    match CertificateRevocationList::from_der(list) {
        Ok(([], parsed)) => Ok(parsed),
        Ok(_) | Err(_) => {
            let source = RevocationListFault::Malformed;
            Err(Error::RevocationList { path: path.to_owned(), source })
        }
    }
}

/// Checks that the list is of one of the authorities, by name and by signature.
fn check_issuer(
    list: &CertificateRevocationList<'_>,
    authorities: &[X509Certificate<'_>],
) -> Result<(), RevocationListFault> {
    let issuer = list.issuer().as_raw();
    let mut named = authorities.iter().filter(|one| one.subject().as_raw() == issuer).peekable();
    if named.peek().is_none() {
        return Err(RevocationListFault::UnknownIssuer);
    }
    let is_signed = named.any(|one| list.verify_signature(one.public_key()).is_ok());
    if is_signed { Ok(()) } else { Err(RevocationListFault::BadSignature) }
}

/// The certificates that a list covers: the verifier takes the first list of an issuer and scope.
fn scope(list: &CertificateRevocationList<'_>) -> (Vec<u8>, Vec<u8>) {
    let distribution_point = list
        .extensions()
        .iter()
        .find(|extension| extension.oid == ISSUING_DISTRIBUTION_POINT)
        .map(|extension| extension.value.to_vec());
    (list.issuer().as_raw().to_vec(), distribution_point.unwrap_or_default())
}

/// An expired list refuses every caller that it is about; the gateway serves all others.
fn note_expiry(path: &Path, list: &CertificateRevocationList<'_>) {
    let now = i64::try_from(UnixTime::now().as_secs()).unwrap_or(i64::MAX);
    let next_update = list.next_update().map(|time| time.timestamp());
    if let Some(next_update) = next_update.filter(|next_update| *next_update < now) {
        tracing::error!(
            file = %path.display(),
            issuer = %list.issuer(),
            next_update,
            "revocation list expired; refusing every caller whose certificate it covers"
        );
    }
}

/// RFC 5280 §5.2.5
const ISSUING_DISTRIBUTION_POINT: x509_parser::der_parser::oid::Oid<'static> =
    x509_parser::oid_registry::OID_X509_EXT_ISSUER_DISTRIBUTION_POINT;
