//! A private certificate authority and what it signs: for a desk and for tests, never for the world.

use crate::keys::{write_private, write_public};
use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevokedCertParams, SanType, SerialNumber,
};
use std::path::Path;
use time::{Duration, OffsetDateTime};

/// A certificate with its private key, both in PEM.
pub struct Issued {
    /// The certificate alone; the authority's is not appended.
    pub cert_pem: String,
    /// The private key in PKCS#8.
    pub key_pem: String,
}

impl std::fmt::Debug for Issued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issued").finish_non_exhaustive()
    }
}

impl Issued {
    /// Writes `<stem>.pem` and, closed to others, `<stem>.key` into a folder.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&self, folder: &Path, stem: &str) -> Result<()> {
        write_private(&folder.join(format!("{stem}.key")), self.key_pem.as_bytes())?;
        write_public(&folder.join(format!("{stem}.pem")), self.cert_pem.as_bytes())
    }
}

/// A private authority.
pub struct Ca {
    cert_pem: String,
    key_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl std::fmt::Debug for Ca {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ca").finish_non_exhaustive()
    }
}

impl Ca {
    /// Makes a new authority for a test.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn new() -> Result<Self> {
        Self::generate("Tollgate test authority")
    }

    /// Makes a new authority that lasts ten years.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn generate(name: &str) -> Result<Self> {
        let key = KeyPair::generate().context("make the authority's key")?;
        let params = authority(name)?;
        let cert_pem = params.self_signed(&key).context("sign the authority")?.pem();
        Self::from_pem(name, cert_pem, key.serialize_pem())
    }

    /// Opens the authority in a folder (`<stem>.pem`, `<stem>.key`), making it if it is not there.
    ///
    /// # Errors
    /// When the files are damaged or cannot be written.
    pub fn open(folder: &Path, stem: &str, name: &str) -> Result<Self> {
        let (cert, key) = (folder.join(format!("{stem}.pem")), folder.join(format!("{stem}.key")));
        if cert.exists() && key.exists() {
            return Self::from_pem(
                name,
                std::fs::read_to_string(&cert)?,
                std::fs::read_to_string(&key)?,
            )
            .with_context(|| format!("read the authority in {}", folder.display()));
        }
        let made = Self::generate(name)?;
        Issued { cert_pem: made.cert_pem.clone(), key_pem: made.key_pem.clone() }
            .write(folder, stem)?;
        Ok(made)
    }

    /// Returns the certificate that clients are to trust.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.cert_pem
    }

    /// Signs a server certificate for DNS names and addresses, good for a year.
    ///
    /// # Errors
    /// When a name is not valid.
    pub fn server(&self, names: &[&str]) -> Result<Issued> {
        self.issue(names, "server", ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// Signs a client certificate with the given common name, good for a year.
    ///
    /// # Errors
    /// When the name is not valid.
    pub fn client(&self, name: &str) -> Result<Issued> {
        self.issue(&[], name, ExtendedKeyUsagePurpose::ClientAuth)
    }

    /// Signs a client certificate with a URI among its names and this serial number, good for a
    /// year.
    ///
    /// # Errors
    /// When a name is not valid.
    pub fn client_of(&self, name: &str, uri: &str, serial: u64) -> Result<Issued> {
        let mut params = Self::params(&[], name, ExtendedKeyUsagePurpose::ClientAuth)?;
        params.subject_alt_names.push(SanType::URI(uri.try_into().context("read the URI")?));
        params.serial_number = Some(SerialNumber::from(serial));
        self.sign(&params)
    }

    /// Signs a list of revoked serial numbers that the next list follows in so many days, in PEM.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn revocation_list(&self, revoked: &[u64], days: i64) -> Result<String> {
        let now = OffsetDateTime::now_utc();
        let revoked = revoked.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: now,
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: now - Duration::days(30),
            next_update: now + Duration::days(days),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = params.signed_by(&self.issuer).context("sign a revocation list")?;
        list.pem().context("write a revocation list")
    }

    fn issue(&self, names: &[&str], cn: &str, purpose: ExtendedKeyUsagePurpose) -> Result<Issued> {
        self.sign(&Self::params(names, cn, purpose)?)
    }

    fn params(
        names: &[&str],
        cn: &str,
        purpose: ExtendedKeyUsagePurpose,
    ) -> Result<CertificateParams> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).context("read the certificate's names")?;
        params.distinguished_name.push(DnType::CommonName, cn);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![purpose];
        params.use_authority_key_identifier_extension = true;
        lasts(&mut params, 365);
        Ok(params)
    }

    fn sign(&self, params: &CertificateParams) -> Result<Issued> {
        let key = KeyPair::generate().context("make a key")?;
        let cert = params.signed_by(&key, &self.issuer).context("sign a certificate")?;
        Ok(Issued { cert_pem: cert.pem(), key_pem: key.serialize_pem() })
    }

    fn from_pem(name: &str, cert_pem: String, key_pem: String) -> Result<Self> {
        let issuer = Issuer::new(authority(name)?, KeyPair::from_pem(&key_pem)?);
        Ok(Self { cert_pem, key_pem, issuer })
    }
}

/// Returns the names and uses of an authority. With its key, they are all that issuing needs, so an
/// authority that is read back need not have its certificate parsed.
fn authority(name: &str) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    lasts(&mut params, 3650);
    Ok(params)
}

fn lasts(params: &mut CertificateParams, days: i64) {
    let now = OffsetDateTime::now_utc();
    // A day back, for clocks that differ.
    params.not_before = now - Duration::days(1);
    params.not_after = now + Duration::days(days);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_is_made_once_and_read_back() {
        let folder = std::env::temp_dir().join(format!("tollgate-ca-{}", std::process::id()));
        let first = Ca::open(&folder, "ca", "test").unwrap();
        let again = Ca::open(&folder, "ca", "test").unwrap();
        assert_eq!(first.pem(), again.pem());
        let server = again.server(&["localhost", "127.0.0.1"]).unwrap();
        assert!(server.cert_pem.contains("BEGIN CERTIFICATE"));
        assert!(!format!("{server:?} {again:?}").contains("PRIVATE"));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
