//! The whole platform on free ports: identity, deposits in both environments, the gateway before them;
//! real PostgreSQL, real Kafka, TLS where it is in production.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use http::{Method, Request};
use tempfile::TempDir;
use tollgate_harness::{
    Broker, Ca, Client, Database, Process, Reply, SigningKey, free_port, kafka, postgres,
    random_hex, target_bin, workspace,
};

use crate::gate::{SOON, component};

/// Everything, running.
#[derive(Debug)]
pub struct Platform {
    /// The gateway; may be killed and started again.
    pub gateway: Process,
    /// The three services: identity, deposits live, deposits sandbox.
    pub services: [Service; 3],
    /// The broker.
    pub kafka: Broker,
    folder: TempDir,
    ca: Ca,
    port: u16,
    admin: u16,
}

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

/// The plugins of the chain.
const PLUGINS: [&str; 6] =
    ["allowed-hosts", "cors", "auth", "rate-limit", "routing", "idempotency"];

impl Platform {
    /// Starts everything and waits until it is ready.
    ///
    /// # Errors
    /// Something is not ready in time; the message ends with its log.
    pub async fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let (ca, staging) = (Ca::generate("test authority")?, Ca::generate("test staging")?);
        let at = folder.path();
        ca.server(&["localhost", "api.tollgate.localhost"])?.write(at, "gateway")?;
        staging.server(&["deposits.sandbox.test"])?.write(at, "deposits-sandbox")?;
        fs::write(at.join("staging-ca.pem"), staging.pem())?;
        let signing = SigningKey::generate("test")?;
        fs::write(at.join("principal.pem"), &signing.private_pem)?;
        fs::write(at.join("principal.pub"), &signing.public_line)?;
        let pepper = base64::Engine::encode(
            &base64::engine::general_purpose::STANDARD,
            random_hex(16)?.as_bytes(),
        );
        fs::write(at.join("pepper"), format!("1 {pepper}\n"))?;
        let kafka = kafka().await?;
        for topic in ["sandbox.identity", "live.identity", "sandbox.deposits", "live.deposits"] {
            kafka.create(&format!("{topic}.events"), SOON).await?;
        }
        let tls = [
            ("ENVIRONMENT", "sandbox".to_owned()),
            ("TLS_CERTIFICATE", at.join("deposits-sandbox.pem").display().to_string()),
            ("TLS_KEY", at.join("deposits-sandbox.key").display().to_string()),
        ];
        let pepper = [("PEPPER_FILE", at.join("pepper").display().to_string())];
        let live = [("ENVIRONMENT", "live".to_owned())];
        let services = [
            Service::start("identity", at, &kafka, &pepper).await?,
            Service::start("deposits", at, &kafka, &live).await?,
            Service::start("deposits", at, &kafka, &tls).await?,
        ];
        let (port, admin) = (free_port()?, free_port()?);
        write_policies(at, port, admin, &services)?;
        let gateway = start_gateway(at, admin).await?;
        Ok(Self { gateway, services, kafka, folder, ca, port, admin })
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
            made.get("tenant_id").and_then(|own| own.as_str()).context("tenant_id")?.to_owned();
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
                let own = made.get(name).and_then(|own| own.as_str());
                own.map(str::to_owned).context("a field")
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
        let output = Command::new(target_bin("identity")?)
            .args(args)
            .envs(identity.env.iter().map(|(name, value)| (name, value)))
            .output()?;
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
        let mut request =
            Request::builder().method(method).uri(format!("https://localhost:{}{path}", self.port));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let address = SocketAddr::from(([127, 0, 0, 1], self.port));
        let client = Client::h1().tls(self.ca.pem())?.to(address);
        client.send(request.body(body.to_owned().into())?).await
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

impl Service {
    async fn start(
        binary: &'static str,
        at: &Path,
        kafka: &Broker,
        own: &[(&'static str, String)],
    ) -> Result<Self> {
        let database = postgres().await?;
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

    /// Kills it as `kill -9` does and starts it again.
    ///
    /// # Errors
    /// It is not ready in time.
    pub async fn crash(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process = launch(self.binary, &self.env, self.health).await?;
        Ok(())
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

async fn start_gateway(at: &Path, admin: u16) -> Result<Process> {
    let policies = at.join("policies").display().to_string();
    let env: [(&str, &str); 0] = [];
    let args = ["serve", "--policies", &policies];
    let mut process = Process::start(&target_bin("tollgate")?, &env, &args)?;
    let ready = format!("http://127.0.0.1:{admin}/readyz");
    process.ready(&Client::h1(), &ready, SOON).await?;
    Ok(process)
}

/// The policies of the repository, with this platform's addresses laid over them.
fn write_policies(at: &Path, port: u16, admin: u16, services: &[Service; 3]) -> Result<()> {
    let folder = at.join("policies");
    fs::create_dir_all(&folder)?;
    let mut plugins = String::new();
    for name in PLUGINS {
        fs::write(folder.join(format!("{name}.wasm")), component(name)?)?;
        plugins += &format!("[plugins.{name}]\nfile = \"{name}.wasm\"\n");
    }
    fs::write(folder.join("plugins.toml"), plugins)?;
    let local = workspace().join("policies/local/policies.toml");
    let local = fs::read_to_string(local)?.replace(":8443", &format!(":{port}"));
    fs::write(folder.join("policies.toml"), local)?;
    let set = fs::canonicalize(descriptors()?)?;
    let [identity, live, sandbox] = services.each_ref().map(|service| service.port);
    let common = workspace().join("policies/common");
    let gateway = format!(
        "extends = [{common:?}]\n\
         [listeners.https]\naddress = \"127.0.0.1:{port}\"\nchain = \"edge\"\n\
         tls = {{ certificate = \"../gateway.pem\", key = \"../gateway.key\" }}\n\
         connections_per_address_max = 10000\n\
         [admin]\naddress = \"127.0.0.1:{admin}\"\n[access_log]\nto = \"../access.jsonl\"\n\
         [drain]\ndelay_ms = 0\nwait_ms = 10000\n[descriptors]\nset = {set:?}\n\
         [principal]\nissuer = \"test\"\nkey_id = \"test\"\nkey_file = \"../principal.pem\"\n\
         [stores.credentials]\nkind = \"identity\"\nendpoint = \"http://127.0.0.1:{identity}\"\n\
         [upstreams.identity]\nprotocol = \"grpc\"\naudience = \"identity\"\n\
         endpoints = [\"http://127.0.0.1:{identity}\"]\n\
         [upstreams.deposits-live]\nprotocol = \"grpc\"\naudience = \"deposits\"\n\
         environment = \"live\"\nendpoints = [\"http://127.0.0.1:{live}\"]\n\
         [upstreams.deposits-sandbox]\nprotocol = \"grpc\"\naudience = \"deposits\"\n\
         environment = \"sandbox\"\nendpoints = [\"https://127.0.0.1:{sandbox}\"]\n\
         tls = {{ ca_bundle = \"../staging-ca.pem\", server_name = \"deposits.sandbox.test\" }}\n"
    );
    fs::write(folder.join("gateway.toml"), gateway)?;
    Ok(())
}

/// The descriptor set of the services, written once for all tests of this process.
fn descriptors() -> Result<std::path::PathBuf> {
    let path = tollgate_harness::target_dir()?.join("e2e-descriptors.binpb");
    let fresh = path.with_extension(random_hex(4)?);
    fs::write(&fresh, tollgate_proto::FILE_DESCRIPTOR_SET)?;
    fs::rename(&fresh, &path)?;
    Ok(path)
}
