//! Files of a policies folder, and the places of keys and values in them.
//!
//! A [`Located`] value keeps its [`Location`], so that a problem that shows only later (a
//! certificate that does not fit its key, an address in use) is reported with file, line and key.

use std::ops::{Deref, Range};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, fs, io};

use crate::error::ConfigProblem;

/// Most bytes of one file.
const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// The folder of the files that `cargo xtask up` makes for the local deployment.
const LOCAL_DEPLOYMENT: &str = ".tollgate";

/// A file that was read.
#[derive(Debug)]
pub(crate) struct SourceFile {
    pub(crate) path: Arc<Path>,
    pub(crate) text: String,
    /// Offsets at which all lines but the first begin: every item asks for its line.
    lines: Vec<usize>,
}

impl SourceFile {
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        let length = fs::metadata(path)?.len();
        if length > FILE_BYTES_MAX {
            let message = format!("{length} bytes, more than {FILE_BYTES_MAX}");
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }

        let text = fs::read_to_string(path)?;
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let lines = ends.map(|(offset, _)| offset + 1).collect();
        Ok(Self { path: path.into(), text, lines })
    }

    /// The line of a byte offset, counted from 1.
    pub(crate) fn line(&self, offset: usize) -> usize {
        1 + self.lines.partition_point(|begin| *begin <= offset)
    }

    /// The location of `key` whose value begins at an offset.
    pub(crate) fn location(&self, span: &Range<usize>, key: String) -> Location {
        Location { file: Arc::clone(&self.path), line: self.line(span.start), key }
    }

    /// A path written in this file, relative to its folder.
    pub(crate) fn resolve(&self, written: &Path) -> PathBuf {
        match self.path.parent() {
            Some(folder) if written.is_relative() => folder.join(written),
            _ => written.to_owned(),
        }
    }
}

/// The place of a key or a value in a policies folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    pub(crate) file: Arc<Path>,
    pub(crate) line: usize,
    pub(crate) key: String,
}

impl Default for Location {
    /// No place at all: what is absent has none.
    fn default() -> Self {
        Self { file: Path::new("").into(), line: 0, key: String::new() }
    }
}

impl Location {
    /// The file.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The line, counted from 1; 0 when the file as a whole is meant.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }

    /// The key from the root of the file, as `listeners.https.tls.certificate`.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Makes the problem that the value at this place is not as it has to be.
    #[must_use]
    pub fn problem(&self, message: &str) -> ConfigProblem {
        ConfigProblem {
            file: self.file.to_path_buf(),
            line: self.line,
            key: self.key.clone(),
            message: message.to_owned(),
        }
    }
}

/// A checked value with its place in the configuration.
///
/// Dereferences to the value. Two are equal where their values are: a value that only moved to
/// another line did not change.
#[derive(Debug, Clone)]
pub struct Located<T> {
    value: T,
    location: Location,
}

impl<T> Located<T> {
    pub(crate) fn new(value: T, location: Location) -> Self {
        Self { value, location }
    }

    /// The place of the value.
    #[must_use]
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// Makes the problem that this value is not as it has to be, with its file, line and key.
    #[must_use]
    pub fn problem(&self, message: &str) -> ConfigProblem {
        self.location.problem(message)
    }

    /// Gives up the place.
    #[must_use]
    pub fn into_value(self) -> T {
        self.value
    }

    pub(crate) fn map<U>(self, value: impl FnOnce(T) -> U) -> Located<U> {
        Located { value: value(self.value), location: self.location }
    }
}

impl Located<PathBuf> {
    /// Makes the problem that the file of this path cannot be read, at the key that names it.
    ///
    /// `expected` says what the file has to be, as "a component". A file of the local deployment
    /// that is missing comes with the command that makes it.
    #[must_use]
    pub fn unreadable(&self, expected: &str, error: &io::Error) -> ConfigProblem {
        let made_by_up = error.kind() == io::ErrorKind::NotFound
            && self.iter().any(|part| part == LOCAL_DEPLOYMENT);
        let hint = if made_by_up { "; `cargo xtask up` makes it" } else { "" };
        self.problem(&format!("expected {expected} at {}: {error}{hint}", self.display()))
    }
}

impl<T> Deref for Located<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Display> fmt::Display for Located<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl AsRef<Path> for Located<PathBuf> {
    fn as_ref(&self) -> &Path {
        &self.value
    }
}

impl<T: PartialEq> PartialEq for Located<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for Located<T> {}

/// The `.toml` files of a folder, by name.
pub(crate) fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }

    files.sort();
    Ok(files)
}
