//! A service of the platform: its process, its database, and its end and return.

use std::path::Path;

use anyhow::Result;
use tollgate_harness::{Broker, Client, Database, Process, free_port, target_bin};

use crate::gate::SOON;

/// A service with its database.
#[derive(Debug)]
pub struct Service {
    /// The process; may be killed and started again.
    pub process: Process,
    /// Its database.
    pub database: Database,
    /// Where it takes calls.
    pub port: u16,
    binary: &'static str,
    health: u16,
    env: Vec<(&'static str, String)>,
}

impl Service {
    /// Starts it on this database and waits until it is ready.
    pub(super) async fn start(
        binary: &'static str,
        at: &Path,
        kafka: &Broker,
        database: Database,
        own: &[(&'static str, String)],
    ) -> Result<Self> {
        let (port, health) = (free_port()?, free_port()?);
        let mut env = vec![
            ("STAGE", "local".to_owned()),
            ("DATABASE_URL", database.url()),
            ("GRPC_ADDRESS", format!("127.0.0.1:{port}")),
            ("HEALTH_ADDRESS", format!("127.0.0.1:{health}")),
            ("PRINCIPAL_PUBLIC_KEYS", at.join("principal.pub").display().to_string()),
            ("KAFKA_BROKERS", kafka.bootstrap().to_owned()),
            ("DRAIN_SECONDS", "0".to_owned()),
        ];
        env.extend(own.iter().cloned());
        let process = launch(binary, &env, health).await?;
        Ok(Self { process, database, port, binary, health, env })
    }

    /// Starts it again after a kill.
    ///
    /// # Errors
    /// It is not ready in time.
    pub async fn restart(&mut self) -> Result<()> {
        self.process = launch(self.binary, &self.env, self.health).await?;
        Ok(())
    }

    /// Kills it as `kill -9` does and starts it again.
    ///
    /// # Errors
    /// It is not ready in time.
    pub async fn crash(&mut self) -> Result<()> {
        self.process.kill()?;
        self.restart().await
    }

    /// Returns the environment that an operator's command of its binary needs.
    pub(super) fn env(&self) -> impl Iterator<Item = (&'static str, &String)> {
        self.env.iter().map(|(name, value)| (*name, value))
    }
}

async fn launch(binary: &str, env: &[(&'static str, String)], health: u16) -> Result<Process> {
    // The operator's commands are subcommands; only identity has them.
    let args: &[&str] = if binary == "identity" { &["serve"] } else { &[] };
    let mut process = Process::start(&target_bin(binary)?, env, args)?;
    let ready = format!("http://127.0.0.1:{health}/readyz");
    process.ready(&Client::h1(), &ready, SOON).await?;
    Ok(process)
}
