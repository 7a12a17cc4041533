//! The key that authenticates the entries of a cache: a file of this user's, outside of the cache's
//! folder, that nobody else can read.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::unistd::Uid;
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use super::Refused;

/// Fewest bytes of a key, and bytes of one that is made.
const KEY_BYTES: usize = 32;
/// Most bytes of a key that an operator provides.
const KEY_BYTES_MAX: u64 = 4_096;
/// Every permission of others than the owner; the group may read what an operator provides.
const OPEN_TO_OTHERS: u32 = 0o027;

/// The file of the key of a cache that names none: `compiled.key` beside the folder `compiled`.
pub(super) fn beside(folder: &Path) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(".key");
    folder.with_file_name(name)
}

/// Reads the key.
pub(super) fn read(path: &Path) -> Result<hmac::Key, Refused> {
    let file = File::open(path)?;
    let found = file.metadata()?;
    // Root owns what is mounted, and can read this process's memory anyway.
    let is_ours = [Uid::effective().as_raw(), 0].contains(&found.uid());
    if !is_ours || found.mode() & OPEN_TO_OTHERS != 0 {
        return Err(Refused::Key);
    }

    let mut key = Zeroizing::new(Vec::new());
    Read::take(file, KEY_BYTES_MAX).read_to_end(&mut key)?;
    if key.len() < KEY_BYTES {
        return Err(Refused::Key);
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &key))
}

/// Reads the key, and draws one first where there is no file.
pub(super) fn read_or_make(path: &Path) -> Result<hmac::Key, Refused> {
    match read(path) {
        Err(Refused::Absent) => {
            make(path)?;
            read(path)
        }
        key => key,
    }
}

/// Makes the file whole, or leaves the one that another process made meanwhile.
fn make(path: &Path) -> Result<(), Refused> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    SystemRandom::new().fill(&mut *key).map_err(|_| Refused::Io(io::ErrorKind::Other.into()))?;
    let unfinished = path.with_extension(format!("key.{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;

    let made = file.write_all(&*key).and_then(|()| fs::hard_link(&unfinished, path));
    let _ = fs::remove_file(&unfinished);
    match made {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}
