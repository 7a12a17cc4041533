//! The real binaries under test, each in a process group of its own.

use crate::children::{self, Entry};
use crate::http::Client;
use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tollgate_parts::wait;

/// A running program: killed, with everything it started, when this value is dropped.
/// When the test panics, the end of its log is printed.
#[derive(Debug)]
pub struct Process {
    child: Child,
    group: Pid,
    log: PathBuf,
    _entry: Entry,
}

impl Process {
    /// Starts a program with the given environment (nothing is inherited but `PATH` and `HOME`)
    /// and arguments, in the root of the workspace.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start<E, A>(program: &Path, env: &[(&str, E)], args: &[A]) -> Result<Self>
    where
        E: AsRef<str>,
        A: AsRef<str>,
    {
        children::reap_orphans();
        let name = program.file_name().unwrap_or_default().to_string_lossy();
        let logs = crate::dirs::state_dir()?.join("logs");
        fs::create_dir_all(&logs)?;
        let log = logs.join(format!("{name}-{}.log", tollgate_parts::keys::random_hex(6)?));
        let out = File::create(&log).with_context(|| format!("make {}", log.display()))?;

        let mut command = Command::new(program);
        command.env_clear();
        for kept in ["PATH", "HOME"] {
            command.envs(std::env::var_os(kept).map(|value| (kept, value)));
        }

        let child = command
            .envs(env.iter().map(|(name, value)| (name, value.as_ref())))
            .args(args.iter().map(AsRef::as_ref))
            .current_dir(crate::dirs::workspace())
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .process_group(0)
            .spawn()
            .with_context(|| format!("start {}", program.display()))?;

        let pid = i32::try_from(child.id()).context("pid out of range")?;
        let _entry = Entry::write(pid, &[])?;
        Ok(Self { child, group: Pid::from_raw(pid), log, _entry })
    }

    /// Returns its process id.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.group.as_raw()
    }

    /// Returns everything it has written so far.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Returns the file that it writes to.
    #[must_use]
    pub fn log_file(&self) -> &Path {
        &self.log
    }

    /// Waits until a GET of `url` is answered with a success.
    ///
    /// # Errors
    /// When it ends before, or `limit` passes; the message carries the end of its log.
    pub async fn ready(&mut self, client: &Client, url: &str, limit: Duration) -> Result<()> {
        let end = Instant::now() + limit;
        loop {
            if client.get(url).await.is_ok_and(|reply| reply.status.is_success()) {
                return Ok(());
            }
            self.still_runs(url)?;
            self.not_past(end, url)?;
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits until a line of its log contains `part`, and returns that line.
    ///
    /// # Errors
    /// When it ends before, or `limit` passes; the message carries the end of its log.
    pub async fn line(&mut self, part: &str, limit: Duration) -> Result<String> {
        let end = Instant::now() + limit;
        loop {
            if let Some(line) = self.log().lines().find(|line| line.contains(part)) {
                return Ok(line.to_owned());
            }
            self.still_runs(part)?;
            self.not_past(end, part)?;
            tokio::time::sleep(POLL).await;
        }
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// When it is gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        nix::sys::signal::kill(self.group, signal).context("send a signal")
    }

    /// Ends it and all it started at once (SIGKILL), and waits for the end.
    ///
    /// # Errors
    /// When its end cannot be collected.
    pub fn kill(&mut self) -> Result<ExitStatus> {
        let _ = killpg(self.group, Signal::SIGKILL);
        self.child.wait().context("collect a killed process")
    }

    /// Asks it to end (SIGTERM) and waits.
    ///
    /// # Errors
    /// When it has not ended within `limit`.
    pub async fn terminate(&mut self, limit: Duration) -> Result<ExitStatus> {
        self.signal(Signal::SIGTERM)?;
        self.ended(limit).await
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it has not ended within `limit`.
    pub async fn ended(&mut self, limit: Duration) -> Result<ExitStatus> {
        let end = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            self.not_past(end, "its end")?;
            tokio::time::sleep(POLL).await;
        }
    }

    /// Returns the processor time it has used so far, in user and kernel mode together, in steps of
    /// a clock tick.
    ///
    /// # Errors
    /// When it has ended and is collected.
    pub fn cpu(&self) -> Result<Duration> {
        let stat = procfs::process::Process::new(self.pid())?.stat()?;
        let millis = (stat.utime + stat.stime) * 1_000 / procfs::ticks_per_second();
        Ok(Duration::from_millis(millis))
    }

    /// Returns its resident memory in bytes.
    ///
    /// # Errors
    /// When it has ended.
    pub fn resident(&self) -> Result<u64> {
        let status = procfs::process::Process::new(self.pid())?.status()?;
        Ok(status.vmrss.context("a running process has resident memory")? * 1024)
    }

    fn still_runs(&mut self, awaited: &str) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            let how = status.code().map_or_else(
                || format!("signal {}", status.signal().unwrap_or_default()),
                |code| format!("status {code}"),
            );
            bail!("ended with {how} before {awaited}\n{}", wait::tail(&self.log, 30));
        }
        Ok(())
    }

    fn not_past(&self, end: Instant, awaited: &str) -> Result<()> {
        if Instant::now() > end {
            bail!("no {awaited} in time\n{}", wait::tail(&self.log, 30));
        }
        Ok(())
    }
}

impl Drop for Process {
    #[expect(clippy::print_stderr, reason = "the test runner shows it with the failed test")]
    fn drop(&mut self) {
        let _ = self.kill();
        if std::thread::panicking() {
            eprintln!("{}:\n{}", self.log.display(), wait::tail(&self.log, 40));
        } else {
            let _ = fs::remove_file(&self.log);
        }
    }
}

/// Waits until `met` gives a value, asking every 20 ms.
///
/// # Errors
/// When `limit` passes first.
pub async fn eventually<T, F>(what: &str, limit: Duration, mut met: F) -> Result<T>
where
    F: AsyncFnMut() -> Option<T>,
{
    let end = Instant::now() + limit;
    loop {
        if let Some(value) = met().await {
            return Ok(value);
        }
        if Instant::now() > end {
            bail!("{what} did not come within {limit:?}");
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Returns a loopback port that was free a moment ago, for programs that cannot bind port 0.
///
/// # Errors
/// When the system has none left.
pub fn free_port() -> Result<u16> {
    wait::free_port()
}

const POLL: Duration = Duration::from_millis(20);
