//! PostgreSQL for tests: a shared cluster with a database for each test, or a cluster of one's own.

use crate::children::{self, Entry};
use crate::shared::Shared;
use anyhow::{Context, Result};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use tollgate_parts::account::{Account, reachable};
use tollgate_parts::daemon::Daemon;
use tollgate_parts::keys::random_hex;
use tollgate_parts::postgres::{Cluster, Durability};
use tollgate_parts::wait::free_port;

/// An empty database of one test, dropped with this value.
#[derive(Debug)]
pub struct Database {
    name: String,
    cluster: Arc<Cluster>,
}

impl Database {
    fn create(cluster: &Arc<Cluster>) -> Result<Self> {
        let name = format!("t_{}", random_hex(8)?);
        cluster.sql("postgres", &format!("CREATE DATABASE {name}"))?;
        Ok(Self { name, cluster: Arc::clone(cluster) })
    }

    /// Returns its address, with a role that may do everything in it.
    #[must_use]
    pub fn url(&self) -> String {
        self.cluster.url(&self.name)
    }

    /// Runs SQL in it and returns the unaligned output, fields apart by `|`.
    ///
    /// # Errors
    /// When a statement fails.
    pub fn sql(&self, sql: &str) -> Result<String> {
        self.cluster.sql(&self.name, sql)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let _ = self.cluster.sql("postgres", &drop);
    }
}

/// Returns a fresh, empty database in the shared cluster, starting the cluster if need be.
///
/// # Errors
/// When PostgreSQL is not installed or does not start.
pub async fn postgres() -> Result<Database> {
    tokio::task::spawn_blocking(|| Database::create(shared_cluster()?))
        .await
        .context("the thread that makes a database")?
}

/// A cluster of one test, which it may stop, kill and start again. Gone with this value.
#[derive(Debug)]
pub struct OwnCluster {
    cluster: Arc<Cluster>,
    home: PathBuf,
    data: PathBuf,
    entry: Option<Entry>,
}

impl OwnCluster {
    /// Makes a fresh, empty database in it.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn database(&self) -> Result<Database> {
        Database::create(&self.cluster)
    }

    /// Starts it again after a stop or a kill.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn start(&mut self) -> Result<()> {
        self.cluster.start(Durability::Kept)?;
        let folders = [self.data.as_path(), self.home.as_path()];
        let pid = self.cluster.daemon().pid();
        self.entry = pid.map(|pid| Entry::write(pid, &folders)).transpose()?;
        Ok(())
    }
}

impl Deref for OwnCluster {
    type Target = Cluster;

    fn deref(&self) -> &Cluster {
        &self.cluster
    }
}

impl Drop for OwnCluster {
    fn drop(&mut self) {
        let _ = self.cluster.kill();
        for folder in [&self.data, &self.home] {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

/// Returns a running cluster that belongs to one test alone.
///
/// # Errors
/// When PostgreSQL is not installed or does not start.
pub async fn own_postgres() -> Result<OwnCluster> {
    children::reap_orphans();
    tokio::task::spawn_blocking(|| {
        let home = crate::dirs::state_dir()?.join(format!("own-postgres-{}", random_hex(6)?));
        let data = data_dir(&home)?;
        let daemon = Daemon::new("postgres", &home, &home);
        let cluster = Arc::new(Cluster::open(&data, free_port()?, &home, daemon)?);
        let mut cluster_of_test = OwnCluster { cluster, home, data, entry: None };
        cluster_of_test.start()?;
        Ok(cluster_of_test)
    })
    .await
    .context("the thread that makes a cluster")?
}

fn shared_cluster() -> Result<&'static Arc<Cluster>> {
    static CLUSTER: OnceLock<(Shared, Arc<Cluster>)> = OnceLock::new();
    static MAKING: Mutex<()> = Mutex::new(());
    let _turn = MAKING.lock();
    if CLUSTER.get().is_none() {
        let made = enter_cluster().context("the shared PostgreSQL cluster")?;
        let _ = CLUSTER.set(made);
    }
    CLUSTER.get().map(|(_, cluster)| cluster).context("the cluster was just made")
}

fn enter_cluster() -> Result<(Shared, Arc<Cluster>)> {
    let mut shared = Shared::enter("postgres")?;
    let data = data_dir(shared.home())?;
    let port_file = shared.home().join("port");
    let known = std::fs::read_to_string(&port_file).ok().and_then(|text| text.trim().parse().ok());
    let runs = shared.daemon("postgres").pid().is_some();

    let port = match known {
        Some(port) if runs => port,
        _ => {
            // What nobody runs may have ended in the middle of a write that was never forced to disk.
            let _ = shared.daemon("postgres").stop(nix::sys::signal::Signal::SIGKILL, GRACE);
            let _ = std::fs::remove_dir_all(&data);
            free_port()?
        }
    };

    let cluster = Cluster::open(&data, port, shared.home(), shared.daemon("postgres"))?;
    std::fs::write(&port_file, port.to_string())?;
    cluster.start(Durability::ThrownAway)?;
    if !runs {
        shared.watch(cluster.daemon(), "INT")?;
    }
    shared.started();
    Ok((shared, Arc::new(cluster)))
}

fn data_dir(home: &Path) -> Result<PathBuf> {
    Ok(reachable(&home.join("data"), Account::for_postgres()?))
}

const GRACE: std::time::Duration = std::time::Duration::from_secs(10);
