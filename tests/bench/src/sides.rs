//! The sides of the comparison: processes that are measured.

mod bare;
mod gateway;

use anyhow::{Context, Result};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;
use tollgate_harness::Process;

use crate::load::Protocol;
use crate::metrics::{Decisions, Metrics};
use crate::processors::Processors;

pub(crate) use gateway::{Setup, Unready};

/// The longest that a process may take until it is ready.
pub(crate) const SOON: Duration = Duration::from_secs(180);

/// A process that takes requests.
#[derive(Debug)]
pub(crate) struct Server {
    /// Its processor time is what counts.
    pub(crate) process: Process,
    pub(crate) h1: SocketAddr,
    h2c: SocketAddr,
    tls: SocketAddr,
    /// Where a gateway tells of itself.
    pub(crate) admin: Option<SocketAddr>,
    /// From its start until it was ready.
    pub(crate) started: Duration,
    _folder: Option<TempDir>,
}

impl Server {
    pub(crate) fn address(&self, protocol: Protocol) -> SocketAddr {
        match protocol {
            Protocol::H1 => self.h1,
            Protocol::H2c => self.h2c,
            Protocol::Tls => self.tls,
        }
    }

    /// Returns the counts of its policies' verdicts so far; zeros for a side without policies.
    pub(crate) async fn decisions(&self) -> Result<Decisions> {
        match self.admin {
            Some(admin) => Ok(Metrics::read(admin).await?.decisions()),
            None => Ok(Decisions::default()),
        }
    }
}

/// The bare proxy before an upstream.
pub(crate) async fn bare(
    upstream: SocketAddr,
    certificates: &Path,
    workers: usize,
) -> Result<Server> {
    bare::start(upstream, certificates, workers).await
}

/// An upstream, in HTTP/1.1 or gRPC.
pub(crate) async fn origin(grpc: bool, processors: &Processors) -> Result<(Process, SocketAddr)> {
    let mut arguments = vec!["origin"];
    arguments.extend(grpc.then_some("--grpc"));
    let mut process = part(&arguments)?;
    let address = told(&mut process).await?.first().copied().context("an address")?;
    processors.rest(process.pid())?;
    Ok((process, address))
}

/// A process of this program.
fn part(arguments: &[&str]) -> Result<Process> {
    let me = std::env::current_exe().context("find the benchmark")?;
    let none: [(&str, &str); 0] = [];
    Process::start(&me, &none, arguments)
}

/// The addresses that a part of this program tells first.
async fn told(process: &mut Process) -> Result<Vec<SocketAddr>> {
    let line = process.line("listening on ", SOON).await?;
    let addresses = line.split(' ').skip(2).map(str::parse);
    addresses.collect::<Result<_, _>>().context("a line of addresses")
}
