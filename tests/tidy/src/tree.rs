//! The text files of the workspace, as they lie in the tree.

use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// A text file with its path from the root of the workspace, in slashes.
#[derive(Debug, Clone)]
pub struct Text {
    /// Its path from the root.
    pub path: String,
    /// Its content.
    pub text: String,
}

impl Text {
    /// Makes one, for a bad example.
    #[must_use]
    pub fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// Says whether it is Rust.
    #[must_use]
    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }
}

/// Returns the root of the workspace that cargo runs this program for. Checkouts that share a build
/// folder share this program too, so the path that it was compiled in may be another checkout's.
#[must_use]
pub fn root() -> PathBuf {
    let here = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.ancestors().nth(2).unwrap_or(&here).to_path_buf()
}

/// Reads every text file of the tree, leaving out what is built or fetched.
///
/// # Errors
/// When a folder or a file cannot be read.
pub fn read(root: &Path) -> Result<Vec<Text>> {
    let mut files = Vec::new();
    descend(root, root, &mut files)?;
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

fn descend(root: &Path, folder: &Path, files: &mut Vec<Text>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        let name = entry.file_name();
        if OUTSIDE.iter().any(|outside| name == *outside) {
            continue;
        }
        let kind = entry.file_type()?;
        if kind.is_dir() {
            descend(root, &path, files)?;
        } else if kind.is_file()
            && let Ok(text) = String::from_utf8(fs::read(&path).unwrap_or_default())
        {
            let path = path.strip_prefix(root)?.to_string_lossy().into_owned();
            files.push(Text { path, text });
        }
    }
    Ok(())
}

/// Built, fetched or kept by tools; `Cargo.lock` names registries by design.
const OUTSIDE: &[&str] = &[".git", "target", ".tollgate", "node_modules", "Cargo.lock"];
