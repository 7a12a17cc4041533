//! The gateway, with as much put to work as a row asks for.

use anyhow::{Context, Result};
use bench::world::{KEYS, ROUTES};
use bench::{credentials, rules};
use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Instant;
use tempfile::TempDir;
use tollgate_harness::{Client, Process, free_port};

use super::{SOON, Server};
use crate::ground::Ground;
use crate::origin::PROTO;

/// The make of a gateway.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    /// The policies of its chain, in order.
    pub(crate) policies: Vec<&'static str>,
    /// True if trees may decide.
    pub(crate) trees: bool,
    /// True if receipts are kept, with the usual sampling.
    pub(crate) receipts: bool,
    /// Worker threads.
    pub(crate) workers: usize,
    /// True if it gets the first processor, and no other, once it is ready.
    pub(crate) has_first: bool,
    /// Routes.
    pub(crate) routes: u64,
    /// Keys, each of a tenant of its own.
    pub(crate) keys: u64,
    /// Idempotency records that it keeps.
    pub(crate) records: u64,
    /// Where a gRPC upstream is, to which JSON is translated.
    pub(crate) grpc: Option<SocketAddr>,
    /// Where it keeps compiled components, instead of where all do.
    pub(crate) cache: Option<PathBuf>,
}

/// Idempotency records that the gateway keeps by default.
const RECORDS: u64 = 100_000;

impl Setup {
    /// A gateway with these policies and one worker.
    pub(crate) fn of(policies: &[&'static str]) -> Self {
        Self {
            policies: policies.to_vec(),
            trees: true,
            receipts: true,
            workers: 1,
            has_first: true,
            routes: ROUTES,
            keys: KEYS,
            records: RECORDS,
            grpc: None,
            cache: None,
        }
    }

    /// A gateway with all policies.
    pub(crate) fn six() -> Self {
        Self::of(&rules::SIX)
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    /// When it is not ready in time; the message ends with its log.
    pub(crate) async fn start(&self, ground: &Ground) -> Result<Server> {
        let prepared = self.prepare(ground)?;
        let server = prepared.start(ground).await?.ready().await?;
        if self.has_first {
            ground.processors.first(server.process.pid())?;
        }
        Ok(server)
    }

    /// Writes its folder.
    pub(crate) fn prepare(&self, ground: &Ground) -> Result<Unready> {
        let folder = tempfile::tempdir()?;
        let ports = [free_port()?, free_port()?, free_port()?];
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text);
        write("gateway.toml", &self.head(ground, ports))?;
        write("upstreams.toml", &self.upstream(ground))?;
        let file = |name: &str| ground.component(name).display().to_string();
        write("policies.toml", &rules::policies(&self.policies, file))?;
        let has_policies = !self.policies.is_empty();
        let mut routes = rules::routes(self.routes, self.grpc.is_some(), has_policies);
        if self.grpc.is_none() && !has_policies {
            routes += &rules::socket();
        }
        write("routes.toml", &routes)?;
        write("work.proto", PROTO)?;
        credentials::write(&folder.path().join("credentials"), self.keys)?;
        Ok(Unready { folder, ports, process: None, since: Instant::now() })
    }

    fn head(&self, ground: &Ground, [http, https, admin]: [u16; 3]) -> String {
        let certificates = ground.certificates().display();
        let listener = "chain = \"strangers\"\nconnections_per_address_max = 10000";
        let mut text = format!(
            "[listeners.http]\naddress = \"127.0.0.1:{http}\"\n{listener}\n\
             [listeners.https]\naddress = \"127.0.0.1:{https}\"\n{listener}\n\
             tls = {{ certificate = \"{certificates}/server.pem\", \
             key = \"{certificates}/server.key\" }}\n\
             [admin]\naddress = \"127.0.0.1:{admin}\"\n\
             [access_log]\nto = \"off\"\n\
             [stores.credentials]\nkind = \"file\"\npath = \"credentials\"\n\
             [stores.idempotency]\nkind = \"memory\"\nentries_max = {}\n\
             [stores.quota]\nkind = \"memory\"\nentries_max = {}\n\
             [receipts]\non = {}\n[trees]\non = {}\n[engine]\nworkers = {}\n",
            self.records,
            (2 * self.keys).max(100_000),
            self.receipts,
            self.trees,
            self.workers,
        );

        if let Some(cache) = self.cache.as_deref().or(ground.cache()) {
            let _ = writeln!(text, "compiled_cache = \"{}\"", cache.display());
        }
        if self.grpc.is_some() {
            text += "[descriptors]\nfiles = [\"work.proto\"]\nincludes = [\".\"]\n";
        }
        text
    }

    fn upstream(&self, ground: &Ground) -> String {
        let (protocol, address) = match self.grpc {
            Some(address) => ("grpc", address),
            None => ("http", ground.upstream),
        };
        // An upstream of an environment takes known callers only.
        let wall = self.policies.contains(&"auth").then_some("environment = \"sandbox\"\n");
        let wall = wall.unwrap_or_default();
        format!(
            "[upstreams.origin]\nprotocol = \"{protocol}\"\n\
             endpoints = [\"http://{address}\"]\n{wall}"
        )
    }
}

/// A gateway that may not be ready yet.
#[derive(Debug)]
pub(crate) struct Unready {
    folder: TempDir,
    ports: [u16; 3],
    process: Option<Process>,
    since: Instant,
}

impl Unready {
    /// Starts the process.
    pub(crate) async fn start(mut self, ground: &Ground) -> Result<Self> {
        let policies = self.folder.path().display().to_string();
        let none: [(&str, &str); 0] = [];
        let arguments = ["serve", "--log", "warn", "--policies", &policies];
        self.since = Instant::now();
        self.process = Some(Process::start(&ground.gateway, &none, &arguments)?);
        Ok(self)
    }

    /// Where it will take requests.
    pub(crate) fn address(&self) -> SocketAddr {
        address(self.ports[0])
    }

    /// Since when its process runs.
    pub(crate) fn since(&self) -> Instant {
        self.since
    }

    /// Waits until it is ready.
    pub(crate) async fn ready(self) -> Result<Server> {
        let mut process = self.process.context("start it first")?;
        let [http, https, admin] = self.ports.map(address);
        process.ready(&Client::h1(), &format!("http://{admin}/readyz"), SOON).await?;
        Ok(Server {
            process,
            h1: http,
            h2c: http,
            tls: https,
            admin: Some(admin),
            started: self.since.elapsed(),
            _folder: Some(self.folder),
        })
    }
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}
