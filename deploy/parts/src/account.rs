//! Which account runs what: PostgreSQL refuses to run as root, and must reach its folder.

use anyhow::{Context, Result};
use nix::unistd::{Gid, Uid, User};
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The account that a daemon runs under, where it is not the caller's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    uid: Uid,
    gid: Gid,
}

impl Account {
    /// Returns the account for PostgreSQL: `postgres` when the caller is root, else nobody else.
    ///
    /// # Errors
    /// When the caller is root and the system has no such account.
    pub fn for_postgres() -> Result<Option<Self>> {
        if !Uid::effective().is_root() {
            return Ok(None);
        }
        let user = User::from_name("postgres")
            .context("look up the account `postgres`")?
            .context("no account `postgres`: run `cargo xtask setup`")?;
        Ok(Some(Self { uid: user.uid, gid: user.gid }))
    }

    /// Makes `command` run under this account.
    pub fn apply(self, command: &mut Command) {
        command.uid(self.uid.as_raw()).gid(self.gid.as_raw());
    }

    /// Gives `path` to this account.
    ///
    /// # Errors
    /// When the owner cannot be changed.
    pub fn own(self, path: &Path) -> Result<()> {
        chown(path, Some(self.uid.as_raw()), Some(self.gid.as_raw()))
            .with_context(|| format!("give {} to another account", path.display()))
    }
}

/// Returns `wanted`, or, where another account could not reach it (a home folder closed to
/// others), a folder of its own under `/var/lib/tollgate`.
#[must_use]
pub fn reachable(wanted: &Path, account: Option<Account>) -> PathBuf {
    if account.is_none() || wanted.ancestors().skip(1).all(open_to_others) {
        return wanted.to_path_buf();
    }
    let mut hasher = DefaultHasher::new();
    wanted.hash(&mut hasher);
    PathBuf::from(SHELTER).join(format!("{:016x}", hasher.finish()))
}

/// Lets other accounts pass through the folder that [`reachable`] turns to, whatever the umask.
///
/// # Errors
/// When its mode cannot be set.
pub fn open_shelter(below: &Path) -> Result<()> {
    if below.starts_with(SHELTER) {
        std::fs::set_permissions(SHELTER, std::fs::Permissions::from_mode(0o711))
            .with_context(|| format!("open {SHELTER} to others"))?;
    }
    Ok(())
}

/// Where another account's data goes when the wanted folder is closed to it.
const SHELTER: &str = "/var/lib/tollgate";

fn open_to_others(folder: &Path) -> bool {
    // A folder that is not there yet will be made with the default mode, which others may pass.
    folder.metadata().map_or(true, |metadata| metadata.permissions().mode() & 0o001 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_folder_below_a_closed_one_is_not_used_for_another_account() {
        let base = std::env::temp_dir().join(format!("tollgate-closed-{}", std::process::id()));
        fs::create_dir_all(&base).unwrap();
        fs::set_permissions(&base, fs::Permissions::from_mode(0o700)).unwrap();
        let other = Account { uid: Uid::from_raw(1), gid: Gid::from_raw(1) };
        assert!(reachable(&base.join("pg"), Some(other)).starts_with("/var/lib/tollgate"));
        assert_eq!(reachable(&base.join("pg"), None), base.join("pg"));
        fs::set_permissions(&base, fs::Permissions::from_mode(0o711)).unwrap();
        assert_eq!(reachable(&base.join("pg"), Some(other)), base.join("pg"));
        fs::remove_dir_all(&base).unwrap();
    }
}
