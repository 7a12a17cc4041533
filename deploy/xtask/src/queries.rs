//! `queries`: refreshes the data by which SQL is checked at compile time without a database.
//!
//! Each crate with SQL keeps it in its folder `.sqlx`. sqlx's macros write it themselves when they are
//! compiled against a database, which is started here, migrated and removed again.

use crate::place::Place;
use crate::{say, tool};
use anyhow::{Context, Result};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;
use tollgate_parts::daemon::Daemon;
use tollgate_parts::postgres::{Cluster, Durability};

/// The crates with SQL, by folder under `services` and by package. The first has the tables that the
/// others share.
const CRATES: [(&str, &str); 3] =
    [("commons", "tollgate-commons"), ("identity", "identity"), ("deposits", "deposits")];

/// A port beside those of the local platform.
const PORT: u16 = 15433;

/// Refreshes the query data of every crate.
///
/// # Errors
/// If PostgreSQL does not start, a migration fails, or a query does not fit its tables.
pub(crate) fn run(place: &Place) -> Result<()> {
    let state = place.state("queries");
    remove(&state)?;
    fs::create_dir_all(&state).with_context(|| format!("make folder {}", state.display()))?;
    let daemon = Daemon::new("postgres", &state, &state);
    let cluster = Cluster::open(&state.join("data"), PORT, &state, daemon)?;
    cluster.start(Durability::ThrownAway)?;

    let refreshed = CRATES.iter().try_for_each(|(folder, package)| {
        say::step(&format!("Query data of {package}"));
        refresh(place, &cluster, folder, package)
    });
    cluster.stop()?;
    remove(&state)?;
    refreshed
}

fn refresh(place: &Place, cluster: &Cluster, folder: &str, package: &str) -> Result<()> {
    let services = place.root().join("services");
    let home = services.join(folder);
    let database = format!("queries_{folder}");
    cluster.sql("postgres", &format!("CREATE DATABASE {database}"))?;
    migrate(cluster, &database, &services.join("commons"))?;
    if folder != "commons" {
        migrate(cluster, &database, &home)?;
    }

    let fresh = place.state("queries").join(folder);
    fs::create_dir_all(&fresh).with_context(|| format!("make folder {}", fresh.display()))?;
    touch(&home.join("src/lib.rs"))?;
    let mut check = tool::cargo(place, &["check", "--quiet", "--package", package, "--lib"]);
    online(&mut check, &cluster.url(&database), &fresh);
    tool::run(&mut check)?;

    replace(&fresh, &home.join(".sqlx"), &services.join("commons/.sqlx"))
}

fn online(check: &mut Command, database: &str, data: &Path) {
    check.env("SQLX_OFFLINE", "false").env("SQLX_OFFLINE_DIR", data).env("DATABASE_URL", database);
}

fn migrate(cluster: &Cluster, database: &str, home: &Path) -> Result<()> {
    for file in files(&home.join("migrations"))? {
        let sql = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
        cluster.sql(database, &sql).with_context(|| format!("apply {}", file.display()))?;
    }
    Ok(())
}

/// Puts the fresh data in place of the old. Queries of commons may be compiled anew on the way to
/// another crate; their data stays with commons.
fn replace(fresh: &Path, data: &Path, commons: &Path) -> Result<()> {
    remove(data)?;
    fs::create_dir_all(data).with_context(|| format!("make folder {}", data.display()))?;
    for file in files(fresh)? {
        let name = file.file_name().context("a file has a name")?;
        if data == commons || !commons.join(name).exists() {
            fs::copy(&file, data.join(name)).with_context(|| format!("copy {}", file.display()))?;
        }
    }
    Ok(())
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))?;
    let mut files = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<Vec<_>>>()
        .with_context(|| format!("read {}", folder.display()))?;
    files.sort();
    Ok(files)
}

/// Makes cargo compile the crate anew: macros read the database, which cargo does not know of.
fn touch(file: &Path) -> Result<()> {
    let opened = File::options().append(true).open(file);
    opened
        .and_then(|file| file.set_modified(SystemTime::now()))
        .with_context(|| format!("touch {}", file.display()))
}

fn remove(folder: &Path) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    fs::remove_dir_all(folder).with_context(|| format!("remove {}", folder.display()))
}
