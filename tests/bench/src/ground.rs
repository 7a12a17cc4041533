//! Everything that the groups of rows share: the programs, an upstream, a bare proxy, certificates,
//! and the pace of the measurement.

use anyhow::{Context, Result};
use bench::world::HOST;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tollgate_harness::{Ca, Process};

use crate::groups::MeasureOptions;
use crate::load::Protocol;
use crate::measure::{Side, Traffic};
use crate::processors::Processors;
use crate::sides::{self, Server};

/// The processes and files that exist before any group begins.
#[derive(Debug)]
pub(crate) struct Ground {
    /// The gateway's program.
    pub(crate) gateway: PathBuf,
    /// Where the HTTP/1.1 upstream is.
    pub(crate) upstream: SocketAddr,
    /// The floor.
    pub(crate) bare: Server,
    /// Rounds and their length.
    pub(crate) pace: Pace,
    /// The processors of load, measured side and upstream.
    pub(crate) processors: Processors,
    /// Where gateways keep compiled components, when they may be told so.
    cache: Option<TempDir>,
    components: PathBuf,
    certificates: TempDir,
    _origin: Process,
}

/// Rounds and their length.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Turns of each side that count.
    pub(crate) rounds: usize,
    /// Length of a turn.
    pub(crate) turn: Duration,
    /// Requests that may be under way.
    pub(crate) flights: usize,
    /// True if only the presence of every row is checked.
    pub(crate) quick: bool,
}

impl Ground {
    /// Starts the upstream and the floor.
    ///
    /// # Errors
    /// When a program is not built, or one is not ready in time.
    pub(crate) async fn new(options: &MeasureOptions) -> Result<Self> {
        let gateway =
            options.gateway.clone().map_or_else(|| tollgate_harness::target_bin("tollgate"), Ok)?;
        let components = match &options.components {
            Some(folder) => folder.clone(),
            None => tollgate_harness::target_dir()?.join("plugins"),
        };
        let components = components.canonicalize().context("find the components")?;

        let certificates = tempfile::tempdir()?;
        let authority = Ca::new()?;
        authority.server(&[HOST])?.write(certificates.path(), "server")?;
        std::fs::write(certificates.path().join("ca.pem"), authority.pem())?;

        let processors = Processors::find()?;
        let (origin, upstream) = sides::origin(false, &processors).await?;
        let bare = sides::bare(upstream, certificates.path(), 1).await?;
        processors.first(bare.process.pid())?;
        let cache = options.compiled_cache.then(tempfile::tempdir).transpose()?;

        let pace = options.pace();
        Ok(Self {
            gateway,
            upstream,
            bare,
            pace,
            processors,
            cache,
            components,
            certificates,
            _origin: origin,
        })
    }

    /// The file of a component.
    pub(crate) fn component(&self, name: &str) -> PathBuf {
        self.components.join(format!("{name}.wasm"))
    }

    /// The folder for compiled components, when gateways may be told of one.
    pub(crate) fn cache(&self) -> Option<&Path> {
        self.cache.as_ref().map(TempDir::path)
    }

    /// The folder of the components.
    pub(crate) fn components(&self) -> &Path {
        &self.components
    }

    /// The folder of `ca.pem`, `server.pem` and `server.key`.
    pub(crate) fn certificates(&self) -> &Path {
        self.certificates.path()
    }

    /// The bare proxy as the first side of a group.
    pub(crate) fn floor(&self, protocol: Protocol) -> Side<'_> {
        Side::new("bare hyper proxy", &self.bare, Traffic::over(protocol))
    }
}
