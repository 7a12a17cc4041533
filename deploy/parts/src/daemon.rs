//! Processes that outlive the command that starts them, known by a pid file.
//!
//! A pid file holds the pid and the process's start time, so that a number which the system has
//! given to somebody else since is never signalled.

use crate::wait;
use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use procfs::process::Process;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// A named process with its pid file and its log.
#[derive(Debug, Clone)]
pub struct Daemon {
    name: String,
    pid_file: PathBuf,
    log: PathBuf,
}

impl Daemon {
    /// Describes the daemon `name`: `<run>/<name>.pid` and `<logs>/<name>.log`.
    #[must_use]
    pub fn new(name: &str, run: &Path, logs: &Path) -> Self {
        Self {
            name: name.to_owned(),
            pid_file: run.join(format!("{name}.pid")),
            log: logs.join(format!("{name}.log")),
        }
    }

    /// Returns its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the file that its output goes to.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Returns its pid if the process that was started is still there.
    #[must_use]
    pub fn pid(&self) -> Option<i32> {
        let text = fs::read_to_string(&self.pid_file).ok()?;
        let (pid, started) = text.trim().split_once(' ')?;
        let pid = pid.parse().ok()?;
        (start_time(pid)? == started).then_some(pid)
    }

    /// Starts `command` in a process group of its own, its output appended to the log.
    ///
    /// # Errors
    /// When the log cannot be opened or the program cannot be started.
    pub fn start(&self, command: &mut Command) -> Result<i32> {
        for folder in [self.pid_file.parent(), self.log.parent()].into_iter().flatten() {
            fs::create_dir_all(folder)?;
        }
        let log = open_log(&self.log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .spawn()
            .with_context(|| format!("start {} ({command:?})", self.name))?;
        let pid = i32::try_from(child.id()).context("pid out of range")?;
        // One that ended already has no start time; readiness will tell, with its log.
        let started = start_time(pid).unwrap_or_else(|| "ended".to_owned());
        fs::write(&self.pid_file, format!("{pid} {started}\n"))?;
        reap(child);
        Ok(pid)
    }

    /// Waits until `met` holds, and fails early when the process ends before.
    ///
    /// # Errors
    /// When `limit` passes or the process ends; the message carries the end of its log.
    pub fn ready(&self, limit: Duration, mut met: impl FnMut() -> bool) -> Result<()> {
        wait::until(&self.name, limit, &self.log, || {
            if met() {
                return Ok(true);
            }
            if self.pid().is_none() {
                bail!(
                    "{} ended before it was ready; its log is {}\n{}",
                    self.name,
                    self.log.display(),
                    wait::tail(&self.log, 15)
                );
            }
            Ok(false)
        })
    }

    /// Ends the process group: the given signal first, SIGKILL after `grace`.
    /// Does nothing where it is not running.
    ///
    /// # Errors
    /// When the process is still there after SIGKILL.
    pub fn stop(&self, first: Signal, grace: Duration) -> Result<bool> {
        let Some(pid) = self.pid() else {
            let _ = fs::remove_file(&self.pid_file);
            return Ok(false);
        };
        let _ = killpg(Pid::from_raw(pid), first);
        let gone = || Ok(self.pid().is_none());
        if wait::until(&self.name, grace, &self.log, gone).is_err() {
            let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
            wait::until(&format!("the end of {}", self.name), grace, &self.log, gone)?;
        }
        let _ = fs::remove_file(&self.pid_file);
        Ok(true)
    }
}

/// Returns the start time of a process in clock ticks since boot, as text; none for one that has
/// ended, also while its parent has not collected it.
#[must_use]
pub fn start_time(pid: i32) -> Option<String> {
    let stat = Process::new(pid).ok()?.stat().ok()?;
    (!matches!(stat.state, 'Z' | 'X')).then(|| stat.starttime.to_string())
}

fn open_log(path: &Path) -> Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("open log {}", path.display()))
}

/// Collects the child's exit in the background, so that it never stays as a zombie.
fn reap(mut child: std::process::Child) {
    drop(std::thread::spawn(move || child.wait()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn daemon(name: &str) -> Daemon {
        let base = std::env::temp_dir().join(format!("tollgate-daemon-{}", std::process::id()));
        Daemon::new(name, &base, &base)
    }

    #[test]
    fn a_daemon_is_found_by_its_pid_file_and_stopped() {
        let daemon = daemon("sleeper");
        let pid = daemon.start(Command::new("sleep").arg("60")).unwrap();
        assert_eq!(daemon.pid(), Some(pid));
        assert!(daemon.stop(Signal::SIGTERM, Duration::from_secs(5)).unwrap());
        assert_eq!(daemon.pid(), None);
        assert!(!daemon.stop(Signal::SIGTERM, Duration::from_secs(5)).unwrap());
    }

    #[test]
    fn one_that_dies_before_it_is_ready_is_reported_with_its_last_words() {
        let daemon = daemon("mayfly");
        daemon.start(Command::new("sh").args(["-c", "echo no config; exit 3"])).unwrap();
        let failure = daemon.ready(Duration::from_secs(20), || false).unwrap_err().to_string();
        assert!(failure.contains("no config"), "{failure}");
    }

    #[test]
    fn a_pid_that_was_given_to_somebody_else_is_not_ours() {
        let daemon = daemon("stranger");
        fs::create_dir_all(daemon.pid_file.parent().unwrap()).unwrap();
        fs::write(&daemon.pid_file, format!("{} 1\n", std::process::id())).unwrap();
        assert_eq!(daemon.pid(), None);
    }
}
