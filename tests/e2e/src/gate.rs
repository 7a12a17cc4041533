//! The gateway alone: a folder of its own, the real binary, plaintext on free ports.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use http::{Method, Request, StatusCode};
use tempfile::TempDir;
use tollgate_harness::{
    Client, Load, Plan, Process, Reply, eventually, free_port, target_bin, target_dir,
};

use crate::{Echo, Key};

/// A running gateway.
#[derive(Debug)]
pub struct Gate {
    /// The process.
    pub process: Process,
    folder: TempDir,
    port: u16,
    admin: u16,
}

/// Longest wait for anything that is meant to happen at once.
pub const SOON: Duration = Duration::from_secs(30);

/// The content of a policies folder.
#[derive(Debug, Default)]
pub struct Folder {
    /// TOML, beside the listener and the admin address; `HOST` is the listener's authority.
    pub toml: String,
    /// Further keys of the listener. It takes 10,000 connections of an address unless they say less.
    pub listener: String,
    /// The text of `credentials.keys`.
    pub credentials: String,
    /// Other files: name and content.
    pub files: Vec<(String, Vec<u8>)>,
    /// The command that a shell runs before it becomes the gateway.
    pub first: Option<&'static str>,
}

impl Gate {
    /// Starts the gateway on this folder and waits until it is ready. The listener's chain is
    /// `edge`.
    ///
    /// # Errors
    /// It is not ready in time; the message ends with its log.
    pub async fn start(folder: &Folder) -> Result<Self> {
        let (port, admin) = (free_port()?, free_port()?);
        let dir = tempfile::tempdir()?;
        let many = match folder.listener.contains("connections_per_address_max") {
            true => "",
            false => "connections_per_address_max = 10000",
        };
        let head = format!(
            "[listeners.http]\naddress = \"127.0.0.1:{port}\"\nchain = \"edge\"\n\
             {many}\n{}\n\
             [admin]\naddress = \"127.0.0.1:{admin}\"\n[access_log]\nto = \"access.jsonl\"\n\
             [deployment]\nstage = \"local\"\n[drain]\ndelay_ms = 200\nwait_ms = 10000\n[trees]\nverify_every = 1\n",
            folder.listener
        );

        fs::write(dir.path().join("gateway.toml"), head)?;
        let rules = folder.toml.replace("HOST", &format!("127.0.0.1:{port}"));
        fs::write(dir.path().join("rules.toml"), rules)?;
        fs::write(dir.path().join("credentials.keys"), &folder.credentials)?;
        for (name, content) in &folder.files {
            fs::write(dir.path().join(name), content)?;
        }

        let policies = dir.path().display().to_string();
        let args = ["serve", "--policies", &policies];
        let env: [(&str, &str); 0] = [];

        let binary = target_bin("tollgate")?;
        let mut process = match folder.first {
            None => Process::start(&binary, &env, &args)?,
            Some(first) => {
                let line = format!("{first}; exec \"$0\" \"$@\"");
                let binary = binary.display().to_string();
                let args = [&["-c", &line, &binary][..], &args].concat();
                Process::start(Path::new("/bin/sh"), &env, &args)?
            }
        };

        let ready = format!("http://127.0.0.1:{admin}/readyz");
        process.ready(&Client::h1(), &ready, SOON).await?;
        Ok(Self { process, folder: dir, port, admin })
    }

    /// `http://127.0.0.1:port` and `path`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Where readiness is told.
    #[must_use]
    pub fn ready_url(&self) -> String {
        format!("http://127.0.0.1:{}/readyz", self.admin)
    }

    /// A path of the admin listener.
    #[must_use]
    pub fn admin_url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.admin)
    }

    /// Asks the admin API with the gateway's own token.
    ///
    /// # Errors
    /// There is no token, or no whole reply in time.
    pub async fn admin(&self, path: &str) -> Result<Reply> {
        let token = fs::read_to_string(self.file("admin.token")).context("the admin token")?;
        let request = Request::builder()
            .uri(self.admin_url(path))
            .header("authorization", format!("Bearer {}", token.trim()));
        Client::h1().send(request.body(bytes::Bytes::new())?).await
    }

    /// Runs the binary for this folder: a command, `--policies`, and what follows. Gives its exit
    /// code, and what it wrote on standard output and on standard error.
    ///
    /// # Errors
    /// It cannot be run, or is ended by a signal.
    pub async fn tollgate(&self, args: &[&str]) -> Result<(i32, String, String)> {
        tollgate(self.folder(), args).await
    }

    /// The authority that callers name.
    #[must_use]
    pub fn authority(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// A file of the folder.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Sends a request on a connection of its own.
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
        Client::h1().send(request(method, &self.url(path), headers, body)?).await
    }

    /// Starts keep-alive traffic of `GET /v1/things/1` with this key, at a rate per second over all
    /// connections. Every reply must be a 200.
    #[must_use]
    pub fn traffic(&self, key: &Key, connections: u32, rate: u32) -> Load {
        let (url, bearer) = (self.url("/v1/things/1"), key.bearer());
        Load::start(Plan {
            client: Client::h1(),
            request: Box::new(move |_| {
                let request = Request::get(&url).header("authorization", &bearer);
                request.body(bytes::Bytes::new()).unwrap_or_default()
            }),
            good: Box::new(|reply| reply.status == StatusCode::OK),
            connections,
            rate: Some(rate),
        })
    }

    /// A metric's value, summed over its labels that contain `part`.
    ///
    /// # Errors
    /// The metrics cannot be read.
    pub async fn metric(&self, name: &str, part: &str) -> Result<f64> {
        let reply = Client::h1().get(&format!("http://127.0.0.1:{}/metrics", self.admin)).await?;
        let text = reply.text();
        let lines = text.lines().filter(|line| line.starts_with(name) && line.contains(part));
        Ok(lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum())
    }

    /// Writes a file of the folder and waits until the gateway has swapped or refused.
    ///
    /// # Errors
    /// It does neither in time.
    pub async fn rewrite(&self, name: &str, content: &[u8], outcome: &str) -> Result<()> {
        let label = format!("outcome=\"{outcome}\"");
        let before = self.metric("tollgate_reloads_total", &label).await?;
        let fresh = self.file(&format!(".{name}.new"));
        fs::write(&fresh, content)?;
        fs::rename(&fresh, self.file(name))?;
        eventually(&format!("a reload that is {outcome}"), SOON, async || {
            let now = self.metric("tollgate_reloads_total", &label).await.ok()?;
            (now > before).then_some(())
        })
        .await
        .with_context(|| self.process.log())
    }
}

/// Builds a request from its parts.
pub(crate) fn request(
    method: Method,
    url: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<Request<bytes::Bytes>> {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Ok(request.body(body.to_owned().into())?)
}

impl Drop for Gate {
    /// Every walk of every test is verified: a policy that decided differently in its component
    /// fails the test that saw it, whatever that test is about.
    fn drop(&mut self) {
        let log = self.process.log();
        let contradiction = log.lines().find(|line| line.contains("contradicted itself"));
        if !std::thread::panicking() {
            assert_eq!(contradiction, None, "a tree and its component differ");
        }
    }
}

/// Runs the binary for a policies folder.
///
/// # Errors
/// It cannot be run, or is ended by a signal.
pub async fn tollgate(policies: &Path, args: &[&str]) -> Result<(i32, String, String)> {
    let (command, rest) = args.split_first().context("a command")?;
    let output = tokio::process::Command::new(target_bin("tollgate")?)
        .arg(command)
        .arg("--policies")
        .arg(policies)
        .args(rest)
        .output()
        .await?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let code = output.status.code().context("ended by a signal")?;
    Ok((code, text(output.stdout), text(output.stderr)))
}

/// The six policies before an echo, with routes for every kind of request.
///
/// # Errors
/// The components were not built.
pub fn six(echo: &Echo, keys: &[(&Key, &[&str])]) -> Result<Folder> {
    let plugins = ["allowed-hosts", "cors", "auth", "rate-limit", "routing", "idempotency"];
    let mut files = Vec::new();
    for name in plugins {
        files.push((format!("{name}.wasm"), component(name)?));
    }
    let declared: String =
        plugins.iter().map(|name| format!("[plugins.{name}]\nfile = \"{name}.wasm\"\n")).collect();
    let toml = format!("{declared}{}", SIX.replace("ECHO", &echo.url()));
    let credentials =
        keys.iter().map(|(key, scopes)| key.entry("acme", scopes)).collect::<Vec<_>>().join("\n");
    Ok(Folder { toml, credentials, files, ..Folder::default() })
}

/// A component that `cargo xtask plugins` built.
///
/// # Errors
/// It was not built.
pub fn component(name: &str) -> Result<Vec<u8>> {
    let path = target_dir()?.join("plugins").join(format!("{name}.wasm"));
    fs::read(&path).with_context(|| format!("{}: run `cargo xtask plugins`", path.display()))
}

const SIX: &str = r#"
[policies.allowed-hosts]
plugin = "allowed-hosts"
grants = ["request", "notes"]
settings = { hosts = [{ name = "HOST" }] }

[policies.cors]
plugin = "cors"
grants = ["request", "route", "reply-headers"]
settings = { origins = ["https://app.example.com"] }

[policies.auth]
plugin = "auth"
grants = ["request", "route", "credentials", "principal", "notes", "reply-headers"]
attributes = { scope = "text", movement = ["read", "in", "out"], cache = ["upstream"] }

[policies.rate-limit]
plugin = "rate-limit"
class = "traffic"
grants = ["route", "quota", "reply-headers"]
attributes = { rate-class = "text" }
[policies.rate-limit.settings]
policies = [
    { name = "tenant", quota = 1000000, window_seconds = 1, burst = 1000000, partition = "tenant" },
    { name = "few", quota = 3, window_seconds = 60, burst = 3, partition = "tenant", classes = ["few"] },
]

[policies.routing]
plugin = "routing"
grants = ["route", "principal", "upstreams", "reply-headers"]
attributes = { service = "text" }
settings = { services = { echo = { sandbox = "echo-sandbox" } } }

[policies.idempotency]
plugin = "idempotency"
grants = ["route", "idempotency", "reply-headers"]
attributes = { idempotency = ["required", "optional", "none"] }

[chains.edge]
policies = ["allowed-hosts", "cors", "auth"]

[chains.tenant]
policies = ["allowed-hosts", "cors", "auth", "rate-limit", "routing", "idempotency"]

[stores.credentials]
kind = "file"
path = "credentials.keys"

[upstreams.echo-sandbox]
protocol = "http"
endpoints = ["ECHO"]
environment = "sandbox"

[routes.read]
match = "GET /v1/things/{id}"
chain = "tenant"
attributes = { service = "echo", scope = "things:read" }

[routes.few]
match = "GET /v1/few"
chain = "tenant"
attributes = { service = "echo", scope = "things:read", rate-class = "few" }

[routes.write]
match = "POST /v1/things"
chain = "tenant"
body_bytes_max = 4096
attributes = { service = "echo", scope = "things:write", idempotency = "required" }
"#;
