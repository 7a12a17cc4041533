//! The certificate by which the peer of a TLS connection identified itself.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Text;

/// A certificate of a connection's peer that the listener verified.
///
/// Behind a proxy that ends TLS it is the proxy's certificate, not the caller's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The names in the certificate, as policies read them.
    pub identity: Arc<CertificateIdentity>,
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

    /// Bytes of its names and its fingerprint.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let names = self.dns_names.iter().chain(&self.uris).chain(&self.common_name);
        self.fingerprint.len() + names.map(|name| size_of::<Text>() + name.len()).sum::<usize>()
    }

    /// Returns true if the certificate is the one of this fingerprint, `sha256:…`, or has this
    /// subject alternative name, `dns:…` or `uri:…`. DNS names are compared in lower case, all
    /// else byte by byte.
    #[must_use]
    pub fn is_known_as(&self, written: &str) -> bool {
        match written.split_once(':') {
            Some(("dns", name)) => self.dns_names.iter().any(|known| **known == *name),
            Some(("uri", name)) => self.uris.iter().any(|known| **known == *name),
            Some(("sha256", digest)) => *self.fingerprint == *digest,
            Some(_) | None => false,
        }
    }
}

impl fmt::Display for CertificateIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for uri in &self.uris {
            write!(f, "uri:{uri} ")?;
        }
        for name in &self.dns_names {
            write!(f, "dns:{name} ")?;
        }
        write!(f, "sha256:{}", self.fingerprint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_known_by_its_names_and_its_fingerprint_and_by_no_look_alike() {
        let fingerprint = "ab".repeat(32);
        let identity = CertificateIdentity {
            dns_names: ["a.example".into()].into(),
            uris: ["spiffe://example.org/a".into()].into(),
            common_name: Some("common".into()),
            fingerprint: fingerprint.as_str().into(),
        };
        for known in
            ["dns:a.example", "uri:spiffe://example.org/a", &format!("sha256:{fingerprint}")]
        {
            assert!(identity.is_known_as(known), "{known}");
        }

        for other in [
            "a.example",
            "uri:a.example",
            "dns:spiffe://example.org/a",
            "dns:common",
            "uri:spiffe://example.org/a/b",
            "uri:spiffe://example.org/",
            "dns:*.example",
            "sha256:",
            "",
        ] {
            assert!(!identity.is_known_as(other), "{other}");
        }
    }
}
