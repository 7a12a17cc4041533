//! Files of a policies folder: their text, their lines, and where an item stands.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use crate::error::Problem;

/// Most bytes of one file.
const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// A file that was read.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    /// Offsets at which all lines but the first begin: every item asks for its line.
    lines: Vec<usize>,
}

impl Source {
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        let length = fs::metadata(path)?.len();
        if length > FILE_BYTES_MAX {
            let message = format!("{length} bytes, more than {FILE_BYTES_MAX}");
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        let text = fs::read_to_string(path)?;
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let lines = ends.map(|(offset, _)| offset + 1).collect();
        Ok(Self { path: path.to_owned(), text, lines })
    }

    /// The line of a byte offset, counted from 1.
    pub(crate) fn line(&self, offset: usize) -> usize {
        1 + self.lines.partition_point(|begin| *begin <= offset)
    }
}

/// Where an item stands.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) source: Arc<Source>,
    /// `section.name`, or `section` of which there is one.
    pub(crate) key: String,
    pub(crate) span: Range<usize>,
}

impl Place {
    /// The problem that `key` in this item is not as expected.
    pub(crate) fn problem(&self, span: &Range<usize>, key: &str, message: String) -> Problem {
        let separator = if key.is_empty() { "" } else { "." };
        Problem {
            file: self.source.path.clone(),
            line: self.source.line(span.start),
            key: format!("{}{separator}{key}", self.key),
            message,
        }
    }

    /// A path written in this item, relative to the folder of its file.
    pub(crate) fn path(&self, written: &Path) -> PathBuf {
        match self.source.path.parent() {
            Some(folder) if written.is_relative() => folder.join(written),
            _ => written.to_owned(),
        }
    }
}

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
