//! Facts that are read from a certificate: its end, its names, and whether it may sign others.
//! Nothing here decides about trust.

use std::path::Path;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use ring::digest::{SHA256, digest};
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer};
use tollgate_chain::{CertificateIdentity, ClientCertificate, Text};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use super::pem;
use crate::Error;

/// Most bytes of a caller's certificate, which an upstream may get in a header field.
const DER_BYTES_MAX: usize = 16 * 1024;

/// The reason why a certificate cannot be used as what it is meant for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateFault {
    /// It is no certificate of X.509, or its extensions cannot be read.
    #[error("it cannot be read as an X.509 certificate")]
    Malformed,
    /// A certificate of an authority was expected.
    #[error("it is not the certificate of an authority (basic constraints, RFC 5280 §4.2.1.9)")]
    NotAnAuthority,
    /// It ended at this time, in seconds since 1970-01-01T00:00:00Z.
    #[error("it expired at {} seconds after 1970-01-01T00:00:00Z", .0)]
    Expired(i64),
    /// It is longer, or its names are more or longer, than policies and upstreams may be given.
    #[error("it is longer than 16 KiB, has more than 64 names, or one of more than 512 bytes")]
    TooLarge,
}

/// The end of a certificate, or the time by which a revocation list is followed by the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiry {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub not_after: i64,
}

/// Parses a certificate that has nothing behind it.
pub(super) fn parse<'a>(
    certificate: &'a CertificateDer<'_>,
) -> Result<X509Certificate<'a>, CertificateFault> {
    match X509Certificate::from_der(certificate) {
        Ok(([], parsed)) => Ok(parsed),
        Ok(_) | Err(_) => Err(CertificateFault::Malformed),
    }
}

/// Reads the end of each certificate and revocation list in a PEM file, in their order.
///
/// # Errors
/// The file cannot be read, or holds a certificate or a list that cannot be.
pub fn expiries(path: &Path) -> Result<Vec<Expiry>, Error> {
    let bytes = pem::read(path)?;
    let malformed = |number| Error::Authority {
        path: path.to_owned(),
        number,
        source: CertificateFault::Malformed,
    };

    let mut expiries = Vec::new();
    for (index, certificate) in pem::all::<CertificateDer<'_>>(path, &bytes)?.iter().enumerate() {
        let parsed = parse(certificate).map_err(|_| malformed(index + 1))?;
        expiries.push(Expiry { not_after: parsed.validity().not_after.timestamp() });
    }
    for list in pem::all::<CertificateRevocationListDer<'_>>(path, &bytes)? {
        let parsed = super::clients::parse_list(path, &list)?;
        let next_update = parsed.next_update().map(|time| Expiry { not_after: time.timestamp() });
        expiries.extend(next_update);
    }
    Ok(expiries)
}

/// Reads the names of a verified certificate.
pub(super) fn client_certificate(
    leaf: &CertificateDer<'_>,
) -> Result<ClientCertificate, CertificateFault> {
    let parsed = parse(leaf)?;
    let names = parsed.subject_alternative_name().map_err(|_| CertificateFault::Malformed)?;
    let names = names.map(|names| names.value.general_names.as_slice()).unwrap_or_default();
    let common_name = parsed.subject().iter_common_name().last();
    // A name in an encoding that is no text is none: nothing could be compared with it.
    let common_name = common_name.and_then(|name| name.as_str().ok());

    let mut identity = CertificateIdentity {
        dns_names: names.iter().filter_map(dns_name).collect(),
        uris: names.iter().filter_map(uri).collect(),
        common_name: common_name.map(Text::from),
        fingerprint: HEXLOWER.encode(digest(&SHA256, leaf).as_ref()).into(),
    };
    // Names of other kinds count too: they are parsed for each connection.
    let texts = identity.dns_names.iter().chain(&identity.uris).chain(&identity.common_name);
    let is_long = texts.into_iter().any(|text| text.len() > CertificateIdentity::NAME_BYTES_MAX);
    let is_large = leaf.len() > DER_BYTES_MAX || names.len() > CertificateIdentity::NAMES_MAX;
    if is_long || is_large {
        return Err(CertificateFault::TooLarge);
    }
    identity.dns_names.iter_mut().for_each(|name| name.make_ascii_lowercase());
    Ok(ClientCertificate { identity: Arc::new(identity), der: leaf.as_ref().into() })
}

fn dns_name(name: &GeneralName<'_>) -> Option<Text> {
    if let GeneralName::DNSName(name) = name { Some((*name).into()) } else { None }
}

fn uri(name: &GeneralName<'_>) -> Option<Text> {
    if let GeneralName::URI(uri) = name { Some((*uri).into()) } else { None }
}
