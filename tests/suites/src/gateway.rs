//! The gateway alone before one upstream, with a Route for every path.

use std::fs;
use std::time::Duration;

use anyhow::Result;
use tempfile::TempDir;
use tollgate_harness::{Client, Process, free_port, target_bin};

/// Longest wait until it is ready.
const READY: Duration = Duration::from_secs(30);

/// The way in which the gateway listens.
#[derive(Debug, Clone, Copy)]
pub enum Listening<'a> {
    /// In clear, HTTP/1.1 and HTTP/2 by prior knowledge.
    Clear,
    /// By TLS with this certificate and key, as PEM.
    Tls {
        /// The certificate.
        certificate: &'a [u8],
        /// The key.
        key: &'a [u8],
    },
}

/// A running gateway. Ended when dropped.
#[derive(Debug)]
pub struct RunningGateway {
    /// The port for callers.
    pub port: u16,
    process: Process,
    _folder: TempDir,
}

impl RunningGateway {
    /// Starts it with this text of configuration, which declares the chain `open`, and waits until
    /// it is ready.
    ///
    /// # Errors
    /// It is not ready within 30 s; the message ends with its log.
    pub async fn start(listening: Listening<'_>, rules: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let (port, admin) = (free_port()?, free_port()?);
        let tls = match listening {
            Listening::Clear => "",
            Listening::Tls { certificate, key } => {
                fs::write(folder.path().join("server.pem"), certificate)?;
                fs::write(folder.path().join("server.key"), key)?;
                "tls = { certificate = \"server.pem\", key = \"server.key\" }\n"
            }
        };
        let head = format!(
            "[listeners.main]\naddress = \"127.0.0.1:{port}\"\nchain = \"open\"\n\
             connections_per_address_max = 10000\n{tls}\
             [admin]\naddress = \"127.0.0.1:{admin}\"\n"
        );
        fs::write(folder.path().join("gateway.toml"), head)?;
        fs::write(folder.path().join("rules.toml"), rules)?;

        let policies = folder.path().display().to_string();
        let env: [(&str, &str); 0] = [];
        let args = ["serve", "--policies", &policies];
        let mut process = Process::start(&target_bin("tollgate")?, &env, &args)?;
        process.ready(&Client::h1(), &format!("http://127.0.0.1:{admin}/readyz"), READY).await?;
        Ok(Self { port, process, _folder: folder })
    }

    /// Returns the log so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }
}
