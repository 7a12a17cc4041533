//! The services and the gateway: what each is started with, and how it says that it is ready.

use super::stores::not_a_strangers;
use super::{KAFKA_PORT, Secrets};
use crate::place::Place;
use crate::say;
use anyhow::Result;
use nix::sys::signal::Signal;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tollgate_parts::daemon::Daemon;

/// A process of the platform.
#[derive(Debug)]
pub(crate) struct Service {
    /// The name of its log and pid file.
    pub(crate) name: &'static str,
    /// Where it takes traffic.
    pub(crate) port: u16,
    /// Where it says that it is ready.
    pub(crate) health: u16,
    binary: &'static str,
    args: Vec<String>,
    env: Vec<(&'static str, String)>,
}

/// Returns them in the order in which they are started.
pub(crate) fn services(place: &Place, secrets: &Secrets) -> Vec<Service> {
    let (cert, key) = secrets.pair("deposits-sandbox");

    let mut identity = service("identity", "identity", "identity", 9100, secrets);
    identity.args.push("serve".to_owned());
    identity.env.push(("PEPPER_FILE", text(&secrets.pepper_file())));

    let mut live = service("deposits-live", "deposits", "deposits_live", 9110, secrets);
    live.env.push(("ENVIRONMENT", "live".to_owned()));

    let mut sandbox = service("deposits-sandbox", "deposits", "deposits_sandbox", 9120, secrets);
    sandbox.env.push(("ENVIRONMENT", "sandbox".to_owned()));
    sandbox.env.push(("TLS_CERTIFICATE", text(&cert)));
    sandbox.env.push(("TLS_KEY", text(&key)));

    let policies = place.root().join("policies/local");
    let gateway = Service {
        name: "tollgate",
        port: 8443,
        health: 8081,
        binary: "tollgate",
        args: vec!["serve".to_owned(), "--policies".to_owned(), text(&policies)],
        env: Vec::new(),
    };

    vec![identity, live, sandbox, gateway]
}

fn service(
    name: &'static str,
    binary: &'static str,
    database: &str,
    port: u16,
    secrets: &Secrets,
) -> Service {
    let env = vec![
        ("STAGE", "local".to_owned()),
        ("DATABASE_URL_FILE", text(&secrets.database_url_file(database))),
        ("GRPC_ADDRESS", format!("127.0.0.1:{port}")),
        ("HEALTH_ADDRESS", format!("127.0.0.1:{}", port + 1)),
        ("PRINCIPAL_PUBLIC_KEYS", text(&secrets.principal_public())),
        ("KAFKA_BROKERS", format!("127.0.0.1:{KAFKA_PORT}")),
        ("DRAIN_SECONDS", "0".to_owned()),
    ];
    Service { name, port, health: port + 1, binary, args: Vec::new(), env }
}

impl Service {
    /// Starts it unless it runs; starts it anew where its binary is newer than it.
    ///
    /// # Errors
    /// When it is not ready within 60 s; the message names its log and ends with its last lines.
    pub(crate) fn start(&self, place: &Place) -> Result<()> {
        let daemon = place.daemon(self.name);
        let binary = place.binary(self.binary);
        if daemon.pid().is_some() && self.is_ready() {
            if !newer(&binary, &place.state("run").join(format!("{}.pid", self.name))) {
                say::note(&format!("{} runs", self.name));
                return Ok(());
            }
            say::note(&format!("{} was built anew: restarting it", self.name));
        }

        self.stop(&daemon)?;
        for port in [self.port, self.health] {
            not_a_strangers(&daemon, port)?;
        }

        let mut command = Command::new(binary);
        command.args(&self.args).current_dir(place.root());
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        daemon.start(&mut command)?;
        daemon.ready(Duration::from_secs(60), || self.is_ready())?;
        say::note(&format!("{} is ready on port {}", self.name, self.port));
        Ok(())
    }

    /// Asks it to end, and makes it end after half a minute.
    ///
    /// # Errors
    /// When it is still there after that.
    pub(crate) fn stop(&self, daemon: &Daemon) -> Result<bool> {
        daemon.stop(Signal::SIGTERM, Duration::from_secs(40))
    }

    /// Says whether `/readyz` answers 200.
    pub(crate) fn is_ready(&self) -> bool {
        let ask = || -> std::io::Result<bool> {
            let mut stream = TcpStream::connect(("127.0.0.1", self.health))?;
            stream.set_read_timeout(Some(Duration::from_secs(2)))?;
            stream.write_all(
                b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
            )?;
            let mut status = [0_u8; 12];
            stream.read_exact(&mut status)?;
            Ok(status.ends_with(b" 200"))
        };
        ask().unwrap_or(false)
    }
}

fn newer(binary: &Path, pid_file: &Path) -> bool {
    let time = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    time(binary).zip(time(pid_file)).is_none_or(|(built, started)| built > started)
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
