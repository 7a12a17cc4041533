//! The guests, as `cargo xtask plugins` left them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Reads a component by the name of its package.
///
/// # Errors
/// It was not built; says how to.
pub fn component(name: &str) -> Result<Vec<u8>> {
    let path = target().join("plugins").join(format!("{name}.wasm"));
    std::fs::read(&path)
        .with_context(|| format!("read {}: run `cargo xtask plugins` first", path.display()))
}

/// The words that a setting of the hostile guest may have, read from its source, so that each is
/// tried without building the guest for this machine too.
///
/// # Errors
/// The source cannot be read, or has no list of this name.
pub fn words(of: &str) -> Result<Vec<String>> {
    let path = package().join("../guests/hostile/src/acts.rs");
    let source = std::fs::read_to_string(&path).context("read the hostile guest")?;
    let list = source
        .split_once(&format!("impl {of} {{"))
        .and_then(|(_, rest)| rest.split_once("= &["))
        .and_then(|(_, rest)| rest.split_once("];"))
        .with_context(|| format!("the words of {of}"))?
        .0;
    Ok(list.split('"').skip(1).step_by(2).map(str::to_owned).collect())
}

/// The target folder, found from the test itself, which lies in `<target>/<profile>/deps`.
fn target() -> PathBuf {
    std::env::current_exe()
        .ok()
        .and_then(|test| test.ancestors().nth(3).map(Path::to_path_buf))
        .unwrap_or_else(|| package().join("../../target"))
}

/// Returns the folder of this package in the checkout that cargo runs the tests for. Checkouts that
/// share a build folder share the compiled tests, so the path that they were compiled in may be
/// another checkout's.
pub(crate) fn package() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from)
}
