//! Where the build put things, and where the harness keeps its own.

use anyhow::{Context, Result, bail};
use std::path::PathBuf;

/// Returns the root of the workspace that cargo runs this program for; run without cargo, the one
/// that it was built from. Checkouts that share a build folder share this program, so the two may
/// differ.
#[must_use]
pub fn workspace() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    let root = package.ancestors().find(|folder| folder.join("Cargo.lock").is_file());
    root.unwrap_or(&package).to_path_buf()
}

/// Returns the build folder that the running test came from (`CARGO_TARGET_DIR` or `target`).
///
/// # Errors
/// When the test does not run from a build folder.
pub fn target_dir() -> Result<PathBuf> {
    let profile = profile_dir()?;
    Ok(profile.parent().context("a build folder has a parent")?.to_path_buf())
}

/// Returns the path of a binary of the workspace, built beside the running test.
///
/// # Errors
/// When it has not been built.
pub fn target_bin(name: &str) -> Result<PathBuf> {
    let path = profile_dir()?.join(name);
    if !path.is_file() {
        bail!("{} is not built: run `cargo xtask test`, or `cargo build --bins`", path.display());
    }
    Ok(path)
}

/// Returns the folder of the harness's own state.
pub(crate) fn state_dir() -> Result<PathBuf> {
    Ok(target_dir()?.join("harness"))
}

fn profile_dir() -> Result<PathBuf> {
    let exe = std::env::current_exe().context("find the running test")?;
    // <target>/<profile>/deps/<test>, or <target>/<profile>/<binary>.
    let folder = exe.parent().context("a program has a folder")?;
    let inner = folder.file_name().is_some_and(|name| name == "deps" || name == "examples");
    let profile = if inner { folder.parent() } else { Some(folder) };
    Ok(profile.context("a test runs from a build folder")?.to_path_buf())
}
