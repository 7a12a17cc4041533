//! The gateway's public keys, in a text file: a rotation adds a line and removes one.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, UnparsedPublicKey};

/// Ed25519 public keys by signing key id.
#[derive(Debug, Clone)]
pub struct PublicKeys(HashMap<String, [u8; 32]>);

/// The errors of reading a file of public keys.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The file cannot be read.
    #[error("read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// A line is not `<signing key id> <base64 of the 32-byte public key>`.
    #[error("{path}, line {line}: expected `<signing key id> <base64 of 32 bytes>`")]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
    },
    /// The file has no key, so that nobody could call.
    #[error("{path} has no key")]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

impl PublicKeys {
    /// Reads a file of keys. Empty lines and lines that begin with `#` are ignored.
    ///
    /// # Errors
    /// If the file cannot be read, a line is malformed or repeats an id, or there is no key.
    pub fn read(path: &Path) -> Result<Self, KeysError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| KeysError::Read { path: path.into(), source })?;

        let mut keys = HashMap::new();
        for (index, line) in text.lines().enumerate() {
            let line_error = || KeysError::Line { path: path.into(), line: index + 1 };
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let (id, key) = parse(line).ok_or_else(line_error)?;
            if keys.insert(id, key).is_some() {
                return Err(line_error());
            }
        }

        if keys.is_empty() {
            return Err(KeysError::Empty { path: path.into() });
        }
        Ok(Self(keys))
    }

    pub(super) fn get(&self, id: &str) -> Option<UnparsedPublicKey<&[u8]>> {
        self.0.get(id).map(|key| UnparsedPublicKey::new(&ED25519, key.as_slice()))
    }
}

fn parse(line: &str) -> Option<(String, [u8; 32])> {
    let mut words = line.split_whitespace();
    let (id, key) = (words.next()?, words.next()?);
    if words.next().is_some() {
        return None;
    }
    Some((id.to_owned(), STANDARD.decode(key).ok()?.try_into().ok()?))
}
