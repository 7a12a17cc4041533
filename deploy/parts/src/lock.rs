//! Advisory file locks, so that two commands never start the same part.

use anyhow::{Context, Result, anyhow};
use nix::fcntl::{Flock, FlockArg};
use std::fs::{File, OpenOptions};
use std::path::Path;

/// A lock on a file, held until dropped or until the process ends, however it ends.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "held for its drop")] Flock<File>);

impl Lock {
    /// Waits for the lock alone. The wait ends with the holder's process at the latest.
    ///
    /// # Errors
    /// When the file cannot be opened or locked.
    pub fn exclusive(path: &Path) -> Result<Self> {
        take(path, FlockArg::LockExclusive)
    }

    /// Holds the lock together with others who hold it shared.
    ///
    /// # Errors
    /// When the file cannot be opened or locked.
    pub fn shared(path: &Path) -> Result<Self> {
        take(path, FlockArg::LockShared)
    }
}

fn take(path: &Path, how: FlockArg) -> Result<Lock> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("make folder {}", folder.display()))?;
    }
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .with_context(|| format!("open lock file {}", path.display()))?;
    Flock::lock(file, how)
        .map(Lock)
        .map_err(|(_, errno)| anyhow!("lock {}: {errno}", path.display()))
}
