//! Secrets that `up` generates once: authorities, certificates, keys, the pepper, passwords.

use crate::place::Place;
use crate::say;
use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use tollgate_parts::certs::Ca;
use tollgate_parts::keys::{SigningKey, random, random_hex, write_private, write_public};

/// The files of the local platform's secrets.
#[derive(Debug)]
pub(crate) struct Secrets {
    certs: PathBuf,
    keys: PathBuf,
}

impl Secrets {
    /// Describes them without making any.
    pub(crate) fn at(place: &Place) -> Self {
        Self { certs: place.state("certs"), keys: place.state("keys") }
    }

    /// Makes what is missing, and certificates that are soon to end.
    ///
    /// # Errors
    /// When a file cannot be written or an existing one is damaged.
    pub(crate) fn prepare(place: &Place) -> Result<Self> {
        let secrets = Self::at(place);
        for folder in [&secrets.certs, &secrets.keys] {
            fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
        }
        secrets.certificate("ca", "Tollgate local authority", "gateway", GATEWAY_NAMES)?;
        secrets.certificate(
            "staging-ca",
            "Tollgate staging authority",
            "deposits-sandbox",
            SANDBOX_NAMES,
        )?;
        secrets.principal()?;
        secrets.pepper()?;
        Ok(secrets)
    }

    /// The authority that clients of the gateway trust.
    pub(crate) fn ca(&self) -> PathBuf {
        self.certs.join("ca.pem")
    }

    /// A certificate and its key.
    pub(crate) fn pair(&self, stem: &str) -> (PathBuf, PathBuf) {
        (self.certs.join(format!("{stem}.pem")), self.certs.join(format!("{stem}.key")))
    }

    /// The public keys that services verify principals with.
    pub(crate) fn principal_public(&self) -> PathBuf {
        self.keys.join("principal.pub")
    }

    /// The private key that the gateway signs principals with.
    pub(crate) fn principal_private(&self) -> PathBuf {
        self.keys.join("principal.pem")
    }

    /// The pepper of API keys.
    pub(crate) fn pepper_file(&self) -> PathBuf {
        self.keys.join("pepper")
    }

    /// The file that holds a database's address.
    pub(crate) fn database_url_file(&self, database: &str) -> PathBuf {
        self.keys.join(format!("{database}.url"))
    }

    /// Returns a database's password, making it the first time.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub(crate) fn database_password(&self, database: &str) -> Result<String> {
        let path = self.keys.join(format!("{database}.password"));
        if let Ok(there) = fs::read_to_string(&path) {
            return Ok(there.trim().to_owned());
        }
        let made = random_hex(24)?;
        write_private(&path, made.as_bytes())?;
        Ok(made)
    }

    fn certificate(&self, ca: &str, ca_name: &str, stem: &str, names: &[&str]) -> Result<()> {
        let authority = Ca::open(&self.certs, ca, ca_name)?;
        let (cert, key) = self.pair(stem);
        if key.exists() && fresh(&cert) {
            return Ok(());
        }
        say::note(&format!("certificate for {}", names.join(", ")));
        authority.server(names)?.write(&self.certs, stem)
    }

    fn principal(&self) -> Result<()> {
        if self.principal_private().exists() && self.principal_public().exists() {
            return Ok(());
        }
        say::note("key pair that signs principals");
        let made = SigningKey::generate(PRINCIPAL_KEY_ID)?;
        write_private(&self.principal_private(), made.private_pem.as_bytes())?;
        write_public(&self.principal_public(), made.public_line.as_bytes())
    }

    fn pepper(&self) -> Result<()> {
        if self.pepper_file().exists() {
            return Ok(());
        }
        say::note("pepper of API keys");
        let line = format!("1 {}\n", STANDARD.encode(random(32)?));
        write_private(&self.pepper_file(), line.as_bytes())
    }
}

/// Certificates last a year; they are renewed well before.
fn fresh(cert: &Path) -> bool {
    let written = cert.metadata().and_then(|metadata| metadata.modified());
    let age = written.ok().and_then(|written| SystemTime::now().duration_since(written).ok());
    age.is_some_and(|age| age < Duration::from_secs(300 * 24 * 3600))
}

/// The id of the key pair, which `policies/local` names too.
const PRINCIPAL_KEY_ID: &str = "local";
const GATEWAY_NAMES: &[&str] =
    &["api.tollgate.localhost", "sandbox.api.tollgate.localhost", "localhost", "127.0.0.1"];
const SANDBOX_NAMES: &[&str] = &["deposits.sandbox.tollgate.localhost", "localhost", "127.0.0.1"];
