//! Configuration of the gateway: text → shape → checked [`Config`].
//!
//! A policies folder holds TOML files; every top-level table is either one thing (`[admin]`) or a
//! family of named items (`[routes.<name>]`). A folder may extend others; an item of the same name
//! replaces the whole item. [`load`] gives a `Config` in which every reference is resolved, or all
//! that is wrong, each with file, line, key and what was expected.
//!
//! Read next: `text.rs` (files), `raw.rs` (shapes), `check.rs` (meaning).

mod check;
mod error;
mod raw;
mod text;
mod types;

use std::path::{Path, PathBuf};

pub use error::{Problem, Problems, with_causes};
pub use types::{
    AccessLog, Chain, Config, CredentialStore, Descriptors, Drain, Engine, IdempotencyStore,
    Limits, Listener, Plugin, Policy, Protocol, QuotaStore, Receipts, Rollout, Route, Signing,
    Stores, TlsFiles, Upstream, UpstreamTls,
};

/// The files of a folder that [`load`] reads; none when the folder cannot be read.
#[must_use]
pub fn files(folder: &Path) -> Vec<PathBuf> {
    text::files(folder).unwrap_or_default()
}

/// Reads and checks the policies folder `directory`.
///
/// # Errors
/// Everything that is wrong, ordered by file and line; nothing is half-loaded.
pub fn load(directory: &Path) -> Result<Config, Problems> {
    let mut problems = Problems::default();
    let shapes = raw::Shapes::read(directory, &mut problems);
    let config = check::check(shapes, &mut problems);
    match config {
        Some(config) if problems.is_empty() => Ok(config),
        _ => Err(problems.sorted()),
    }
}
