//! Randomness, private files, and the key pair that signs principals.

use anyhow::{Context, Result, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use data_encoding::HEXLOWER;
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair};
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Returns `bytes` random bytes in lower-case hex.
///
/// # Errors
/// When the system gives no randomness.
pub fn random_hex(bytes: usize) -> Result<String> {
    Ok(HEXLOWER.encode(&random(bytes)?))
}

/// Returns random bytes.
///
/// # Errors
/// When the system gives no randomness.
pub fn random(bytes: usize) -> Result<Vec<u8>> {
    let mut drawn = vec![0_u8; bytes];
    SystemRandom::new().fill(&mut drawn).map_err(|_| anyhow!("the system gave no randomness"))?;
    Ok(drawn)
}

/// Writes a file that only its owner may read, whole or not at all.
///
/// # Errors
/// When it cannot be written.
pub fn write_private(path: &Path, content: &[u8]) -> Result<()> {
    write_with_mode(path, content, 0o600)
}

/// Writes a file that anybody may read, whole or not at all.
///
/// # Errors
/// When it cannot be written.
pub fn write_public(path: &Path, content: &[u8]) -> Result<()> {
    write_with_mode(path, content, 0o644)
}

fn write_with_mode(path: &Path, content: &[u8], mode: u32) -> Result<()> {
    let folder = path.parent().context("a file needs a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("make folder {}", folder.display()))?;
    let mut name = path.file_name().context("a file needs a name")?.to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let fresh = folder.join(name);
    let _ = fs::remove_file(&fresh);
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&fresh)
        .with_context(|| format!("write {}", fresh.display()))?;
    file.write_all(content)?;
    drop(file);
    fs::rename(&fresh, path).with_context(|| format!("put {} in place", path.display()))
}

/// An Ed25519 key pair as files hold it.
pub struct SigningKey {
    /// The private key: PKCS#8 in PEM.
    pub private_pem: String,
    /// The line that verifiers read: `<signing_key_id> <base64 of the 32-byte public key>`.
    pub public_line: String,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SigningKey").field("public_line", &self.public_line).finish_non_exhaustive()
    }
}

impl SigningKey {
    /// Makes a new pair under the given id.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn generate(id: &str) -> Result<Self> {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
            .map_err(|_| anyhow!("generate an Ed25519 key"))?;
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref())
            .map_err(|_| anyhow!("read back the Ed25519 key"))?;
        let public_line = format!("{id} {}\n", STANDARD.encode(pair.public_key().as_ref()));
        Ok(Self { private_pem: pem("PRIVATE KEY", document.as_ref()), public_line })
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        out.push_str(line);
        out.push('\n');
        rest = after;
    }
    out.push_str(&format!("-----END {label}-----\n"));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_signing_key_is_a_pem_block_and_a_public_line_and_never_prints_its_secret() {
        let key = SigningKey::generate("local-1").unwrap();
        assert!(key.private_pem.starts_with("-----BEGIN PRIVATE KEY-----\n"));
        let encoded = key.public_line.trim().strip_prefix("local-1 ").unwrap();
        assert_eq!(STANDARD.decode(encoded).unwrap().len(), 32);
        assert!(!format!("{key:?}").contains("PRIVATE"));
    }

    #[test]
    fn a_private_file_is_closed_to_others_and_replaced_whole() {
        let path = std::env::temp_dir().join(format!("tollgate-private-{}", std::process::id()));
        write_private(&path, b"one").unwrap();
        write_private(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::remove_file(&path).unwrap();
    }
}
