//! Zig, for its C compiler: one wheel from PyPI, in a folder of its own under the build folder.

use crate::place::Place;
use crate::{say, tool};
use anyhow::{Context, Result};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// Installs it unless it is there.
///
/// # Errors
/// When it cannot be installed; the message is pip's own.
pub(crate) fn ensure(place: &Place) -> Result<()> {
    let stamp = folder(place).join(format!("zig-{VERSION}"));
    if stamp.exists() {
        return Ok(());
    }
    say::step("Zig: installing with pip (about 90 MB), for policies in C");
    let folder = folder(place);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    tool::run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    let mut pip = Command::new(folder.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    tool::run(pip.arg(format!("ziglang=={VERSION}"))).context("Zig compiles policies in C")?;
    fs::write(&stamp, "")?;
    Ok(())
}

/// Returns the C compiler, which keeps what it made in the build folder.
pub(crate) fn cc(place: &Place) -> Command {
    let mut command = Command::new(folder(place).join("bin/python"));
    command.args(["-m", "ziglang", "cc"]);
    command.env("ZIG_GLOBAL_CACHE_DIR", folder(place).join("cache"));
    command.env("ZIG_LOCAL_CACHE_DIR", folder(place).join("cache"));
    command
}

fn folder(place: &Place) -> PathBuf {
    place.target().join("tools/zig")
}

const VERSION: &str = "0.16.0";
