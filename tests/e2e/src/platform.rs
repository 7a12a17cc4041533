//! The whole platform on free ports: identity, deposits in both environments, the gateway before them;
//! real PostgreSQL, real Kafka, TLS where it is in production.

mod policies;
mod service;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use http::{Method, Request};
use tempfile::TempDir;
use tollgate_harness::{
    Broker, Ca, Client, OwnBroker, OwnCluster, Process, Reply, SigningKey, free_port, kafka,
    own_kafka, own_postgres, postgres, random_hex, target_bin,
};

pub use self::service::Service;
use crate::Relay;
use crate::gate::{SOON, request};

/// Everything, running.
#[derive(Debug)]
pub struct Platform {
    /// The gateway; may be killed and started again.
    pub gateway: Process,
    /// The three services: identity, deposits live, deposits sandbox.
    pub services: [Service; 3],
    /// The broker.
    pub kafka: Broker,
    /// Between the gateway and the sandbox's deposits, where the shape asks for it.
    pub relay: Option<Relay>,
    /// The stores that the test may kill, where the shape asks for its own.
    pub stores: Option<Stores>,
    folder: TempDir,
    ca: Ca,
    port: u16,
    admin: u16,
}

/// Differences of a platform from the ordinary one.
#[derive(Debug, Clone, Copy, Default)]
pub struct Shape {
    /// PostgreSQL and Kafka are its own instead of shared with other tests.
    pub own_stores: bool,
    /// The gateway reaches the sandbox's deposits through a [`Relay`].
    pub relay: bool,
    /// The gateway keeps idempotency records in a file instead of in memory.
    pub records_in_a_file: bool,
}

/// PostgreSQL and Kafka of one platform alone.
#[derive(Debug)]
pub struct Stores {
    /// All three databases.
    pub postgres: OwnCluster,
    /// The broker.
    pub kafka: OwnBroker,
}

impl Platform {
    /// Starts everything and waits until it is ready.
    ///
    /// # Errors
    /// Something is not ready in time; the message ends with its log.
    pub async fn start() -> Result<Self> {
        Self::shaped(Shape::default()).await
    }

    /// The same, in another shape.
    ///
    /// # Errors
    /// The errors of [`Platform::start`].
    pub async fn shaped(shape: Shape) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let at = folder.path();
        let ca = secrets(at)?;

        let stores = if shape.own_stores { Some(Stores::start().await?) } else { None };
        let kafka = match &stores {
            Some(stores) => stores.kafka.broker(),
            None => kafka().await?,
        };

        for topic in ["sandbox.identity", "live.identity", "sandbox.deposits", "live.deposits"] {
            kafka.create(&format!("{topic}.events"), SOON).await?;
        }

        let services = start_services(at, &kafka, stores.as_ref()).await?;
        let [identity, live, sandbox] = services.each_ref().map(|service| service.port);
        let relay = if shape.relay { Some(Relay::start(sandbox).await?) } else { None };
        let sandbox = relay.as_ref().map_or(sandbox, Relay::port);

        let (port, admin) = (free_port()?, free_port()?);
        let addresses =
            policies::Addresses { gateway: [port, admin], services: [identity, live, sandbox] };
        let records = if shape.records_in_a_file { RECORDS_IN_A_FILE } else { "" };
        policies::write(at, &addresses, records)?;

        let gateway = start_gateway(at, admin).await?;
        Ok(Self { gateway, services, kafka, relay, stores, folder, ca, port, admin })
    }

    /// A key of a tenant of its own, minted by the operator's command.
    ///
    /// # Errors
    /// Identity refuses.
    pub fn tenant(&self, environments: &[&str]) -> Result<Vec<Minted>> {
        let made = self.identity(&[
            "tenant",
            "create",
            "--name",
            "acme",
            "--state",
            "live_approved",
            "--json",
        ])?;
        let tenant =
            made.get("tenant_id").and_then(|value| value.as_str()).context("tenant_id")?.to_owned();

        let scopes = "deposits:read,deposits:write,api-keys:read,api-keys:write";

        let mint = |environment: &&str| {
            let made = self.identity(&[
                "key",
                "mint",
                "--tenant",
                &tenant,
                "--environment",
                environment,
                "--scopes",
                scopes,
                "--json",
            ])?;

            let text = |name: &str| {
                let value = made.get(name).and_then(|value| value.as_str());
                value.map(str::to_owned).context("a field")
            };
            Ok(Minted { id: text("key_id")?, key: text("key")? })
        };
        environments.iter().map(mint).collect()
    }

    /// Runs an operator's command of identity and reads what it prints.
    ///
    /// # Errors
    /// It fails.
    pub fn identity(&self, args: &[&str]) -> Result<serde_json::Value> {
        let [identity, ..] = &self.services;
        let output =
            Command::new(target_bin("identity")?).args(args).envs(identity.env()).output()?;
        if !output.status.success() {
            bail!("identity {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(serde_json::from_str(&text).unwrap_or(serde_json::Value::String(text)))
    }

    /// Sends a request over TLS.
    ///
    /// # Errors
    /// There is no whole reply in time.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Reply> {
        let url = format!("https://localhost:{}{path}", self.port);
        let address = SocketAddr::from(([127, 0, 0, 1], self.port));
        let client = Client::h1().tls(self.ca.pem())?.to(address);
        client.send(request(method, &url, headers, body)?).await
    }

    /// Posts JSON with a key and an idempotency key.
    ///
    /// # Errors
    /// There is no whole reply in time.
    pub async fn post(
        &self,
        path: &str,
        key: &str,
        idempotency: &str,
        body: &str,
    ) -> Result<Reply> {
        let bearer = format!("Bearer {key}");
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
            ("idempotency-key", idempotency),
        ];
        self.send(Method::POST, path, &headers, body).await
    }

    /// Gets a path with a key.
    ///
    /// # Errors
    /// There is no whole reply in time.
    pub async fn get(&self, path: &str, key: &str) -> Result<Reply> {
        let bearer = format!("Bearer {key}");
        self.send(Method::GET, path, &[("authorization", &bearer)], "").await
    }

    /// A file of the platform's folder.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Asks the gateway's admin listener, with its own token.
    ///
    /// # Errors
    /// There is no token, or no whole reply in time.
    pub async fn admin(&self, path: &str) -> Result<Reply> {
        let token = fs::read_to_string(self.file("policies/admin.token"))?;
        let request = Request::builder()
            .uri(format!("http://127.0.0.1:{}{path}", self.admin))
            .header("authorization", format!("Bearer {}", token.trim()));
        Client::h1().send(request.body(bytes::Bytes::new())?).await
    }

    /// Kills the gateway as `kill -9` does and starts it again.
    ///
    /// # Errors
    /// It is not ready in time.
    pub async fn crash_gateway(&mut self) -> Result<()> {
        self.gateway.kill()?;
        self.gateway = start_gateway(self.folder.path(), self.admin).await?;
        Ok(())
    }
}

/// A key that identity minted.
#[derive(Debug, Clone)]
pub struct Minted {
    /// Its identifier.
    pub id: String,
    /// The key itself.
    pub key: String,
}

impl Stores {
    async fn start() -> Result<Self> {
        let (postgres, kafka) = tokio::try_join!(own_postgres(), own_kafka())?;
        Ok(Self { postgres, kafka })
    }
}

/// Certificates, the gateway's signing key, the pepper; returns the authority of the gateway's.
fn secrets(at: &Path) -> Result<Ca> {
    let (ca, staging) = (Ca::generate("test authority")?, Ca::generate("test staging")?);
    ca.server(&["localhost", "api.tollgate.localhost"])?.write(at, "gateway")?;
    staging.server(&["deposits.sandbox.test"])?.write(at, "deposits-sandbox")?;
    fs::write(at.join("staging-ca.pem"), staging.pem())?;
    let signing = SigningKey::generate("test")?;
    fs::write(at.join("principal.pem"), &signing.private_pem)?;
    fs::write(at.join("principal.pub"), &signing.public_line)?;
    let pepper = base64::engine::general_purpose::STANDARD.encode(random_hex(16)?);
    fs::write(at.join("pepper"), format!("1 {pepper}\n"))?;
    Ok(ca)
}

async fn start_services(
    at: &Path,
    kafka: &Broker,
    stores: Option<&Stores>,
) -> Result<[Service; 3]> {
    let database = async || match stores {
        Some(stores) => stores.postgres.database(),
        None => postgres().await,
    };

    let file = |name: &str| at.join(name).display().to_string();
    let pepper = [("PEPPER_FILE", file("pepper"))];
    let live = [("ENVIRONMENT", "live".to_owned())];
    let sandbox = [
        ("ENVIRONMENT", "sandbox".to_owned()),
        ("TLS_CERTIFICATE", file("deposits-sandbox.pem")),
        ("TLS_KEY", file("deposits-sandbox.key")),
    ];

    Ok([
        Service::start("identity", at, kafka, database().await?, &pepper).await?,
        Service::start("deposits", at, kafka, database().await?, &live).await?,
        Service::start("deposits", at, kafka, database().await?, &sandbox).await?,
    ])
}

async fn start_gateway(at: &Path, admin: u16) -> Result<Process> {
    let policies = at.join("policies").display().to_string();
    let env: [(&str, &str); 0] = [];
    let args = ["serve", "--policies", &policies];
    let mut process = Process::start(&target_bin("tollgate")?, &env, &args)?;
    let ready = format!("http://127.0.0.1:{admin}/readyz");
    process.ready(&Client::h1(), &ready, SOON).await?;
    Ok(process)
}

const RECORDS_IN_A_FILE: &str =
    "[stores.idempotency]\nkind = \"file\"\npath = \"../idempotency.redb\"\n";
