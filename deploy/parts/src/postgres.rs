//! A PostgreSQL cluster of our own: its folder, its port, its passwords.

use crate::account::{self, Account};
use crate::daemon::Daemon;
use crate::keys::random_hex;
use crate::wait;
use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

/// The durability of a cluster's commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Every commit reaches the disk.
    Kept,
    /// Nothing is forced to disk: for clusters that are thrown away.
    ThrownAway,
}

/// A cluster in a folder, listening on one loopback port, with one superuser `tollgate`.
#[derive(Debug)]
pub struct Cluster {
    data: PathBuf,
    port: u16,
    password: String,
    account: Option<Account>,
    daemon: Daemon,
}

impl Cluster {
    /// Opens the cluster in `data`, making it first if it is not there.
    /// `state` is the caller's private folder for the password file; `daemon` names log and pid file.
    ///
    /// # Errors
    /// When PostgreSQL is not installed or the cluster cannot be made.
    pub fn open(data: &Path, port: u16, state: &Path, daemon: Daemon) -> Result<Self> {
        let account = Account::for_postgres()?;
        let secret = state.join("postgres.password");
        if !data.join("PG_VERSION").exists() {
            initdb(data, account, &secret)?;
        }
        let password = fs::read_to_string(&secret)
            .with_context(|| format!("read {}", secret.display()))?
            .trim()
            .to_owned();
        Ok(Self { data: data.to_path_buf(), port, password, account, daemon })
    }

    /// Returns the process behind it.
    #[must_use]
    pub fn daemon(&self) -> &Daemon {
        &self.daemon
    }

    /// Returns the port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Starts it unless it runs, and waits until it answers.
    ///
    /// # Errors
    /// When it does not answer within 30 s.
    pub fn start(&self, durability: Durability) -> Result<()> {
        if self.daemon.pid().is_some() && self.answers() {
            return Ok(());
        }

        let mut command = Command::new(binary("postgres")?);
        command.arg("-D").arg(&self.data).arg("-p").arg(self.port.to_string());
        let sockets = format!("unix_socket_directories={}", self.data.display());
        for setting in ["listen_addresses=127.0.0.1", "max_connections=300", sockets.as_str()] {
            command.args(["-c", setting]);
        }

        if durability == Durability::ThrownAway {
            for setting in ["fsync=off", "synchronous_commit=off", "full_page_writes=off"] {
                command.args(["-c", setting]);
            }
        }

        command.current_dir(&self.data);
        if let Some(account) = self.account {
            account.apply(&mut command);
        }

        self.daemon.start(&mut command)?;
        self.daemon.ready(Duration::from_secs(30), || self.answers())
    }

    /// Stops it: sessions are ended, data is written.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop(&self) -> Result<bool> {
        // SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for every client to leave.
        self.daemon.stop(Signal::SIGINT, Duration::from_secs(20))
    }

    /// Ends it at once, as a power failure would.
    ///
    /// # Errors
    /// When it does not end.
    pub fn kill(&self) -> Result<bool> {
        self.daemon.stop(Signal::SIGKILL, Duration::from_secs(10))
    }

    /// Returns the superuser's address of a database.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://tollgate:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }

    /// Runs SQL as superuser and returns the unaligned output.
    ///
    /// # Errors
    /// When a statement fails; the message carries PostgreSQL's own.
    pub fn sql(&self, database: &str, sql: &str) -> Result<String> {
        let output = self.psql(database, sql)?;
        if !output.status.success() {
            bail!("psql: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Makes a database with a role of the same name that owns it and can reach no other, and
    /// returns its address. One that is there gets the password anew.
    ///
    /// # Errors
    /// When PostgreSQL refuses.
    pub fn database(&self, name: &str, password: &str) -> Result<String> {
        let role = format!("SELECT 1 FROM pg_roles WHERE rolname = '{name}'");
        let verb = if self.sql("postgres", &role)?.is_empty() { "CREATE" } else { "ALTER" };
        self.sql("postgres", &format!("{verb} ROLE {name} LOGIN PASSWORD '{password}'"))?;
        let there = format!("SELECT 1 FROM pg_database WHERE datname = '{name}'");
        if self.sql("postgres", &there)?.is_empty() {
            self.sql("postgres", &format!("CREATE DATABASE {name} OWNER {name}"))?;
        }
        self.sql("postgres", &format!("REVOKE ALL ON DATABASE {name} FROM PUBLIC"))?;
        Ok(format!("postgres://{name}:{password}@127.0.0.1:{}/{name}", self.port))
    }

    fn answers(&self) -> bool {
        wait::listens(self.port)
            && self.psql("postgres", "SELECT 1").is_ok_and(|output| output.status.success())
    }

    fn psql(&self, database: &str, sql: &str) -> Result<Output> {
        Command::new(binary("psql")?)
            .env("PGPASSWORD", &self.password)
            .env("PGCONNECT_TIMEOUT", "5")
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"])
            .args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "tollgate"])
            .args(["-d", database, "-c", sql])
            .stdin(Stdio::null())
            .output()
            .context("run psql")
    }
}

/// Finds a program of PostgreSQL: Debian keeps the server's out of the search path.
///
/// # Errors
/// When it is not installed.
pub fn binary(name: &str) -> Result<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            let program = entry.path().join("bin").join(name);
            program.exists().then_some((version, program))
        })
        .collect();
    versions.sort();
    if let Some((_, program)) = versions.pop() {
        return Ok(program);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|program| program.exists())
        .with_context(|| format!("`{name}` is not installed: run `cargo xtask setup`"))
}

fn initdb(data: &Path, account: Option<Account>, secret: &Path) -> Result<()> {
    fs::create_dir_all(data).with_context(|| format!("make folder {}", data.display()))?;
    account::open_shelter(data)?;
    fs::set_permissions(data, fs::Permissions::from_mode(0o700))?;

    let password = random_hex(24)?;
    crate::keys::write_private(secret, password.as_bytes())?;
    // A file beside the data, which the other account may read and nobody else.
    let handed = data.with_extension("password");
    crate::keys::write_private(&handed, password.as_bytes())?;

    let mut command = Command::new(binary("initdb")?);
    command
        .args(["-U", "tollgate", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"])
        .arg("-D")
        .arg(data)
        .arg("--pwfile")
        .arg(&handed)
        .current_dir(data)
        .stdin(Stdio::null());
    if let Some(account) = account {
        account.own(data)?;
        account.own(&handed)?;
        account.apply(&mut command);
    }

    let output = command.output().context("run initdb");
    fs::remove_file(&handed)?;
    let output = output?;
    if !output.status.success() {
        let _ = fs::remove_dir_all(data);
        bail!("initdb: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
