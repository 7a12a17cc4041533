//! Parts that all test processes of a machine share, and that end when nobody is left.
//!
//! A user holds `users.lock` shared for as long as its process lives. Whoever starts the part does
//! so under `start.lock`, and leaves a watcher behind: a shell that ends the part once nobody has
//! held `users.lock` for two minutes. Locks vanish with their process, however it ends.

use anyhow::Result;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tollgate_parts::daemon::Daemon;
use tollgate_parts::lock::Lock;

/// A shared part's folder and locks.
#[derive(Debug)]
pub(crate) struct Shared {
    home: PathBuf,
    #[expect(dead_code, reason = "held until the process ends")]
    user: Lock,
    starting: Option<Lock>,
}

impl Shared {
    /// Registers this process as a user and takes the right to start the part.
    pub(crate) fn enter(name: &str) -> Result<Self> {
        let home = crate::dirs::state_dir()?.join(name);
        let starting = Lock::exclusive(&home.join("start.lock"))?;
        let user = Lock::shared(&home.join("users.lock"))?;
        Ok(Self { home, user, starting: Some(starting) })
    }

    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    pub(crate) fn daemon(&self, name: &str) -> Daemon {
        Daemon::new(name, &self.home, &self.home)
    }

    /// Lets others in, the part being ready.
    pub(crate) fn started(&mut self) {
        self.starting = None;
    }

    /// Leaves the watcher behind that ends the part with `signal` when it is no longer used.
    pub(crate) fn watch(&self, daemon: &Daemon, signal: &str) -> Result<()> {
        let Some(pid) = daemon.pid() else { return Ok(()) };
        Daemon::new("watcher", &self.home, &self.home).start(
            Command::new("sh")
                .args(["-c", WATCHER, "watcher", &pid.to_string(), signal])
                .current_dir(&self.home)
                .stdin(Stdio::null()),
        )?;
        Ok(())
    }
}

/// Runs in the part's folder. `flock` is part of every Debian.
const WATCHER: &str = r#"
free=0
while kill -0 "$1" 2>/dev/null; do
  sleep 10
  if flock -n -x users.lock true; then free=$((free + 1)); else free=0; fi
  [ "$free" -lt 12 ] && continue
  free=0
  flock -x start.lock sh -c '
    flock -n -x users.lock true || exit 0
    kill -s "$2" "$1"
    while kill -0 "$1" 2>/dev/null; do sleep 0.2; done' end "$1" "$2"
done
"#;
