//! The certificate by which the peer of a TLS connection identified itself.

use serde::{Deserialize, Serialize};

use crate::Text;

/// A certificate of a connection's peer that the listener verified.
///
/// Behind a proxy that ends TLS it is the proxy's certificate, not the caller's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The names in the certificate, as policies read them.
    pub identity: CertificateIdentity,
    /// The certificate as it was sent, in DER.
    pub der: Box<[u8]>,
}

/// The names in a certificate, and its fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct CertificateIdentity {
    /// The DNS names among its subject alternative names, in their order.
    pub dns_names: Box<[Text]>,
    /// The URIs among its subject alternative names, in their order.
    pub uris: Box<[Text]>,
    /// The last common name of its subject.
    pub common_name: Option<Text>,
    /// The SHA-256 of the certificate, as 64 lower-case hexadecimal digits.
    pub fingerprint: Text,
}

impl CertificateIdentity {
    /// Most subject alternative names of a certificate, of whatever kind.
    pub const NAMES_MAX: usize = 64;
    /// Most bytes of one name.
    pub const NAME_BYTES_MAX: usize = 512;

    /// Returns true if a subject alternative name, written `dns:name` or `uri:identifier`, is the
    /// certificate's. DNS names are compared without regard to case, URIs byte by byte.
    #[must_use]
    pub fn has_name(&self, written: &str) -> bool {
        match written.split_once(':') {
            Some(("dns", name)) => self.dns_names.iter().any(|own| own.eq_ignore_ascii_case(name)),
            Some(("uri", name)) => self.uris.iter().any(|own| **own == *name),
            Some(_) | None => false,
        }
    }
}
