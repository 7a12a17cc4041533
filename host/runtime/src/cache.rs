//! Compiled components on disk, so that a restart compiles nothing.
//!
//! An entry is machine code that will be run: it is read only from a folder and a file that are
//! ours and that nobody else can write. Its name is the digest of all that it depends on, and it is
//! authenticated, name included, under a key that lies outside of the folder (`cache/key.rs`): who
//! can write the folder alone, as a restored backup or a shared volume may, has no code run.
//! Whatever is wrong with the folder, the key or an entry is told in the log and costs a
//! compilation, nothing else.

mod key;

use std::fs::{self, DirBuilder, OpenOptions};
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use data_encoding::HEXLOWER;
use nix::fcntl::OFlag;
use nix::sys::stat::futimens;
use nix::sys::time::TimeSpec;
use nix::unistd::Uid;
use ring::digest::{Context, SHA256, SHA256_OUTPUT_LEN, digest};
use ring::hmac;
use wasmtime::component::Component as Compiled;

use crate::inspect::SERVED;
use crate::prepare::Prepared;

/// To be raised whenever an entry, or what it is made from, changes its form.
const FORMAT: u32 = 2;
const MAGIC: &[u8; 8] = b"tollgate";
/// Most entries that are kept; those used longest ago go first.
const ENTRIES_MAX: usize = 256;
/// Most bytes that are kept.
const BYTES_MAX: u64 = 512 << 20;
/// Most bytes of one entry.
const ENTRY_BYTES_MAX: u64 = 128 << 20;
/// The write permission of others than the owner.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// A folder of compiled components.
#[derive(Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
    /// The file of the key that authenticates entries.
    key_file: PathBuf,
    /// The key, once it was read or made.
    authenticator: OnceLock<hmac::Key>,
    written: AtomicU64,
}

/// All that a compiled component depends on, as one digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CacheKey(String);

impl CacheKey {
    pub(crate) fn new(engine: &wasmtime::Engine, file: &[u8], settings: &str) -> Self {
        let mut digesting = Digesting(Context::new(&SHA256));
        (FORMAT, SERVED).hash(&mut digesting);
        engine.precompile_compatibility_hash().hash(&mut digesting);
        digesting.write(digest(&SHA256, file).as_ref());
        digesting.write(settings.as_bytes());
        Self(HEXLOWER.encode(digesting.0.finish().as_ref()))
    }
}

/// Takes what is hashed into a digest that does not differ from process to process.
struct Digesting(Context);

impl Hasher for Digesting {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}

impl Cache {
    /// A cache in this folder, which is made with the first entry. Its key is in `key_file`, or
    /// where there is none in a file beside the folder, which is made with the first entry too.
    pub(crate) fn new(folder: PathBuf, key_file: Option<PathBuf>) -> Self {
        let key_file = key_file.unwrap_or_else(|| key::beside(&folder));
        Self { folder, key_file, authenticator: OnceLock::new(), written: AtomicU64::new(0) }
    }

    /// The key, read from its file at the first time.
    fn authenticator(
        &self,
        read: fn(&Path) -> Result<hmac::Key, Refused>,
    ) -> Result<&hmac::Key, Refused> {
        if let Some(key) = self.authenticator.get() {
            return Ok(key);
        }
        let key = read(&self.key_file)?;
        Ok(self.authenticator.get_or_init(|| key))
    }

    /// The component of this key, if there is a sound one.
    pub(crate) fn get(&self, key: &CacheKey, engine: &wasmtime::Engine) -> Option<Prepared> {
        let path = self.folder.join(&key.0);
        match self.read(&path, key, engine) {
            Ok(found) => Some(found),
            Err(Refused::Absent) => None,
            Err(refused) => {
                let path = path.display();
                tracing::warn!(%path, "compiled component passed over: {refused}");
                None
            }
        }
    }

    /// Leaves the component for later processes.
    pub(crate) fn put(&self, key: &CacheKey, prepared: &Prepared) {
        if let Err(refused) = self.write(key, prepared) {
            let folder = self.folder.display();
            tracing::warn!(%folder, "compiled component not kept: {refused}");
        }
    }

    fn read(
        &self,
        path: &Path,
        key: &CacheKey,
        engine: &wasmtime::Engine,
    ) -> Result<Prepared, Refused> {
        ours(&fs::symlink_metadata(&self.folder)?)?;
        let flags = OFlag::O_NOFOLLOW.bits();
        let mut file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
        let found = file.metadata()?;
        ours(&found)?;
        if !found.is_file() || found.len() > ENTRY_BYTES_MAX {
            return Err(Refused::Damaged);
        }

        let mut entry = Vec::new();
        Read::take(&mut file, ENTRY_BYTES_MAX).read_to_end(&mut entry)?;
        let authenticator = self.authenticator(key::read)?;
        let prepared = decode(&entry, key, authenticator, engine).ok_or(Refused::Damaged)?;
        // So that it is known when it was last used; of no matter when it fails.
        let _ = futimens(&file, &TimeSpec::UTIME_NOW, &TimeSpec::UTIME_NOW);
        Ok(prepared)
    }

    fn write(&self, key: &CacheKey, prepared: &Prepared) -> Result<(), Refused> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        ours(&fs::symlink_metadata(&self.folder)?)?;
        let authenticator = self.authenticator(key::read_or_make)?;
        let entry = encode(prepared, key, authenticator).ok_or(Refused::Damaged)?;
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let unique = format!(".{}.{}.{number}", key.0, std::process::id());
        let unfinished = self.folder.join(unique);
        let finished = write_new(&unfinished, &entry)
            .and_then(|()| fs::rename(&unfinished, self.folder.join(&key.0)));
        if finished.is_err() {
            let _ = fs::remove_file(&unfinished);
        }
        finished?;
        Ok(self.trim()?)
    }

    /// Removes what was used longest ago until the rest is within its bounds; what a process left
    /// unfinished goes the same way.
    fn trim(&self) -> io::Result<()> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let found = entry.metadata()?;
            entries.push((found.mtime(), found.mtime_nsec(), found.len(), entry.path()));
        }
        entries.sort_unstable_by(|one, other| other.cmp(one));
        let mut bytes = 0;
        for (index, (_, _, length, path)) in entries.iter().enumerate() {
            bytes += length;
            if index >= ENTRIES_MAX || bytes > BYTES_MAX {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

/// Why an entry, or the folder, is not used.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("there is none")]
    Absent,
    #[error("it belongs to another user, or others can write it")]
    Foreign,
    #[error("it is damaged, or was not written by this gateway")]
    Damaged,
    #[error("the file of its key holds fewer than 32 bytes, is another user's or open to others")]
    Key,
    #[error(transparent)]
    Io(io::Error),
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::NotFound { Self::Absent } else { Self::Io(error) }
    }
}

/// Refuses what somebody else owns or can write.
fn ours(found: &fs::Metadata) -> Result<(), Refused> {
    let ours = found.uid() == Uid::effective().as_raw() && found.mode() & WRITABLE_BY_OTHERS == 0;
    if ours { Ok(()) } else { Err(Refused::Foreign) }
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)
}

/// Magic, tag of the rest, length of the reason and the reason, machine code.
fn encode(prepared: &Prepared, key: &CacheKey, authenticator: &hmac::Key) -> Option<Vec<u8>> {
    let reason = prepared.unconfigured.as_deref();
    // One more than the length, so that no reason and an empty one differ.
    let length = reason.map_or(Some(0), |reason| u32::try_from(reason.len()).ok()?.checked_add(1));
    let code = prepared.compiled.serialize().ok()?;
    let body = [&length?.to_le_bytes()[..], reason.unwrap_or_default().as_bytes(), &code].concat();
    let tag = hmac::sign(&entry_key(authenticator, key), &body);
    Some([MAGIC, tag.as_ref(), &body].concat())
}

fn decode(
    entry: &[u8],
    key: &CacheKey,
    authenticator: &hmac::Key,
    engine: &wasmtime::Engine,
) -> Option<Prepared> {
    let (tag, body) = entry.strip_prefix(MAGIC)?.split_at_checked(SHA256_OUTPUT_LEN)?;
    hmac::verify(&entry_key(authenticator, key), body, tag).ok()?;

    let (length, rest) = body.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (reason, code) = rest.split_at_checked(length.saturating_sub(1))?;
    let reason = std::str::from_utf8(reason).ok()?.to_owned();
    let compiled = deserialize(engine, code)?;
    Some(Prepared { compiled, unconfigured: (length > 0).then_some(reason) })
}

/// Derives the key of one entry: an entry under another one's name is another component's code.
fn entry_key(authenticator: &hmac::Key, key: &CacheKey) -> hmac::Key {
    let derived = hmac::sign(authenticator, key.0.as_bytes());
    hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref())
}

#[expect(unsafe_code, reason = "machine code can be trusted or not, but not checked")]
fn deserialize(engine: &wasmtime::Engine, code: &[u8]) -> Option<Compiled> {
    // SAFETY: the code was written by `encode` from a component that was compiled here: it is
    // authenticated under a key of this gateway, and lies where nobody but this user can write.
    unsafe { Compiled::deserialize(engine, code) }.ok()
}
