//! The token of the admin API: from a file that the operator names, or made at the start.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use http::{HeaderMap, header};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use tollgate_config::Config;

/// The name of the file that is made in the policies folder where none is configured.
const FILE: &str = "admin.token";
/// Fewest characters of a token that an operator chose.
const LENGTH_MIN: usize = 16;

/// The reason why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("read the admin token at {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// It is too short to withstand guessing.
    #[error("the admin token at {0} has fewer than 16 characters")]
    Short(PathBuf),
    /// The system gives no randomness.
    #[error("draw an admin token: no randomness")]
    NoRandomness,
    /// The file cannot be made.
    #[error("write an admin token to {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
}

/// Knows the token without holding it, and compares in constant time.
#[derive(Debug)]
pub struct Token {
    key: hmac::Key,
    tag: hmac::Tag,
}

impl Token {
    /// The configured token, or a fresh one that is left in a file of mode 0600.
    ///
    /// # Errors
    /// The configured file is missing or too short, or no file can be written.
    pub fn prepare(config: &Config) -> Result<Self, Error> {
        if let Some(path) = config.admin_token() {
            return Self::new(&read(path)?);
        }
        let text = draw()?;
        let path = place(config);
        leave(&path, &text).map_err(|source| Error::Write { path: path.clone(), source })?;
        tracing::info!(file = %path.display(), "token of the admin API");
        Self::new(&text)
    }

    /// Takes this text for the token.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub fn new(text: &str) -> Result<Self, Error> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
            .map_err(|_| Error::NoRandomness)?;
        let tag = hmac::sign(&key, text.as_bytes());
        Ok(Self { key, tag })
    }

    /// Returns whether the request carries it, as `Authorization: Bearer`.
    pub fn is_in(&self, headers: &HeaderMap) -> bool {
        let mut fields = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(value), None) = (fields.next(), fields.next()) else { return false };
        let presented = value.as_bytes().strip_prefix(b"Bearer ");
        presented.is_some_and(|token| hmac::verify(&self.key, token, self.tag.as_ref()).is_ok())
    }
}

/// Returns the file that holds the token of such a configuration.
#[must_use]
pub fn place(config: &Config) -> PathBuf {
    match config.admin_token() {
        Some(path) => path.to_path_buf(),
        None => config.folders().last().cloned().unwrap_or_default().join(FILE),
    }
}

/// Reads the token in a file.
///
/// # Errors
/// It cannot be read, or is too short.
pub fn read(path: &Path) -> Result<String, Error> {
    let text =
        fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    let text = text.trim();
    if text.len() < LENGTH_MIN {
        return Err(Error::Short(path.to_owned()));
    }
    Ok(text.to_owned())
}

fn draw() -> Result<String, Error> {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Error::NoRandomness)?;
    Ok(HEXLOWER.encode(&bytes))
}

/// Writes beside the place and renames, so that nobody's older file lends its mode or is followed.
fn leave(path: &Path, text: &str) -> io::Result<()> {
    let fresh = path.with_extension(format!("token.{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
    let written = writeln!(file, "{text}").and_then(|()| fs::rename(&fresh, path));
    if written.is_err() {
        // The error that is told is the first one.
        let _ = fs::remove_file(&fresh);
    }
    written
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use http::HeaderValue;

    use super::*;

    fn with(values: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn only_the_whole_token_presented_once_is_accepted() {
        let token = Token::new("a-token-of-length").unwrap();
        assert!(token.is_in(&with(&["Bearer a-token-of-length"])));
        for wrong in ["Bearer a-token-of-lengt", "a-token-of-length", "Bearer ", "Basic x"] {
            assert!(!token.is_in(&with(&[wrong])), "{wrong}");
        }
        assert!(!token.is_in(&with(&["Bearer a-token-of-length", "Bearer a-token-of-length"])));
        assert!(!token.is_in(&HeaderMap::new()));
    }

    #[test]
    fn a_made_token_is_for_its_owner_alone_and_replaces_what_stood_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        fs::write(&path, "an older one that everybody could read").unwrap();
        leave(&path, &draw().unwrap()).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(read(&path).unwrap().len(), 64);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn a_short_token_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        fs::write(&path, "secret\n").unwrap();
        assert!(matches!(read(&path), Err(Error::Short(_))));
    }
}
