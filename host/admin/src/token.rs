//! The token of the admin API: from a file that the operator names, or made at the start.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use data_encoding::HEXLOWER;
use http::{HeaderMap, header};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use tollgate_config::{Config, ConfigProblem, with_causes};

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
pub struct Token(ArcSwap<TokenTag>);

#[derive(Debug)]
struct TokenTag {
    key: hmac::Key,
    tag: hmac::Tag,
}

/// The token of a configuration with an admin port, before that port is bound.
#[derive(Debug)]
pub struct PreparedToken {
    /// The token.
    pub token: Arc<Token>,
    /// The text of a token that was drawn, and the file that its owner finds it in.
    drawn: Option<(PathBuf, String)>,
}

impl PreparedToken {
    /// Reads the configured token, or draws one; none where no admin port is configured. Writes
    /// nothing.
    ///
    /// # Errors
    /// The configured file is missing, unreadable or too short; at the key that names it.
    pub fn prepare(config: &Config) -> Result<Option<Self>, ConfigProblem> {
        let Some(address) = config.admin() else { return Ok(None) };
        let Some(path) = config.admin_token() else {
            return Self::draw(config)
                .map(Some)
                .map_err(|error| address.problem(&with_causes(&error)));
        };
        if let Err(error) = fs::metadata(path) {
            return Err(path.unreadable("a token", &error));
        }
        match read(path).and_then(|text| Token::new(&text)) {
            Ok(token) => Ok(Some(Self { token: Arc::new(token), drawn: None })),
            Err(error) => Err(path.problem(&with_causes(&error))),
        }
    }

    fn draw(config: &Config) -> Result<Self, Error> {
        let text = draw()?;
        let token = Arc::new(Token::new(&text)?);
        Ok(Self { token, drawn: Some((place(config), text)) })
    }

    /// Writes a token that was drawn to a file of mode 0600. To be called once the ports are bound:
    /// a process that cannot bind them must not replace the token of the one that holds them.
    ///
    /// Where the file cannot be written, nobody learns the token: the API is shut and everything
    /// else goes on.
    pub fn publish(self) {
        let Some((path, text)) = self.drawn else { return };
        match leave(&path, &text) {
            Ok(()) => tracing::info!(file = %path.display(), "token of the admin API"),
            Err(source) => {
                let error = with_causes(&Error::Write { path, source });
                tracing::warn!(error, "the admin API is shut: set admin.token_file");
            }
        }
    }
}

impl Token {
    /// Takes this text for the token.
    ///
    /// # Errors
    /// The system gives no randomness.
    pub fn new(text: &str) -> Result<Self, Error> {
        Ok(Self(ArcSwap::from_pointee(TokenTag::new(text)?)))
    }

    /// Takes the token over that a reloaded configuration names. One that cannot be used is logged,
    /// and the previous one kept; so is a token that was drawn at the start.
    pub fn renew(&self, config: &Config) {
        let Some(path) = config.admin_token() else { return };
        match read(path).and_then(|text| TokenTag::new(&text)) {
            Ok(tag) => self.0.store(Arc::new(tag)),
            Err(error) => {
                let error = with_causes(&error);
                tracing::error!(error, "admin token reload failed; keeping the previous token");
            }
        }
    }

    /// Returns whether the request carries it, as `Authorization: Bearer`.
    pub fn is_in(&self, headers: &HeaderMap) -> bool {
        let mut fields = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(value), None) = (fields.next(), fields.next()) else { return false };
        let presented = value.as_bytes().strip_prefix(b"Bearer ");
        let known = self.0.load();
        presented.is_some_and(|token| hmac::verify(&known.key, token, known.tag.as_ref()).is_ok())
    }
}

impl TokenTag {
    fn new(text: &str) -> Result<Self, Error> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
            .map_err(|_| Error::NoRandomness)?;
        let tag = hmac::sign(&key, text.as_bytes());
        Ok(Self { key, tag })
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
