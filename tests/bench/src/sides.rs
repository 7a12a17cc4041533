//! The sides of the comparison, each a process of its own before the same upstream.

use anyhow::{Context, Result};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;
use tollgate_harness::{Client, Process, free_port};

/// A process that is measured.
#[derive(Debug)]
pub(crate) struct Side {
    /// What the table calls it.
    pub(crate) name: &'static str,
    /// Where it takes requests.
    pub(crate) address: SocketAddr,
    /// Its processor time is what counts.
    pub(crate) process: Process,
    /// What the load is to add.
    pub(crate) extra: Vec<&'static str>,
    _folder: Option<TempDir>,
}

/// All of them. The upstream ends with them.
#[derive(Debug)]
pub(crate) struct Sides {
    /// In the order of the table; the first is the floor.
    pub(crate) all: Vec<Side>,
    _origin: Process,
}

/// Starts the upstream and every side.
///
/// # Errors
/// When one is not ready within 30 s; the message ends with its log.
pub(crate) async fn start(gateway: &Path, components: &Path) -> Result<Sides> {
    let me = std::env::current_exe().context("find the benchmark")?;
    let none: [(&str, &str); 0] = [];
    let mut origin = Process::start(&me, &none, &["origin"])?;
    let upstream = told(&mut origin).await?;
    let mut proxy = Process::start(&me, &none, &["proxy", "--to", &upstream.to_string()])?;
    let bare = Side {
        name: "bare hyper proxy",
        address: told(&mut proxy).await?,
        process: proxy,
        extra: Vec::new(),
        _folder: None,
    };
    let key = ["--key", KEY].to_vec();
    let unique = ["--key", KEY, "--unique"].to_vec();
    let none = self::gateway(gateway, components, upstream, NO_POLICIES);
    let six = self::gateway(gateway, components, upstream, SIX_POLICIES);
    let again = self::gateway(gateway, components, upstream, SIX_POLICIES);
    let sides = [
        ("gateway, no policies", none.await?, Vec::new()),
        ("gateway, six policies", six.await?, key),
        ("the same, a claimed key a request", again.await?, unique),
    ];
    let gateways = sides.into_iter().map(|(name, (process, address, folder), extra)| Side {
        name,
        address,
        process,
        extra,
        _folder: Some(folder),
    });
    Ok(Sides { all: std::iter::once(bare).chain(gateways).collect(), _origin: origin })
}

async fn told(process: &mut Process) -> Result<SocketAddr> {
    let line = process.line("listening on ", SOON).await?;
    let address = line.rsplit(' ').next().context("a line with an address")?;
    Ok(address.parse()?)
}

async fn gateway(
    program: &Path,
    components: &Path,
    upstream: SocketAddr,
    rules: &str,
) -> Result<(Process, SocketAddr, TempDir)> {
    let (port, admin) = (free_port()?, free_port()?);
    let folder = tempfile::tempdir()?;
    let head = format!(
        "listeners.http = {{ address = \"127.0.0.1:{port}\", chain = \"edge\", \
         connections_per_address_max = 10000 }}\n\
         admin = {{ address = \"127.0.0.1:{admin}\" }}\n\
         access_log = {{ to = \"off\" }}\nengine = {{ workers = 1 }}\n"
    );
    let rules = rules
        .replace("HOST", &format!("127.0.0.1:{port}"))
        .replace("ORIGIN", &format!("http://{upstream}"))
        .replace("COMPONENTS", &components.canonicalize()?.display().to_string());
    fs::write(folder.path().join("gateway.toml"), head)?;
    fs::write(folder.path().join("rules.toml"), rules)?;
    fs::write(folder.path().join("credentials"), CREDENTIALS)?;
    let policies = folder.path().display().to_string();
    let args = ["serve", "--log", "warn", "--policies", &policies];
    let none: [(&str, &str); 0] = [];
    let mut process = Process::start(program, &none, &args)?;
    process.ready(&Client::h1(), &format!("http://127.0.0.1:{admin}/readyz"), SOON).await?;
    Ok((process, SocketAddr::from(([127, 0, 0, 1], port)), folder))
}

const SOON: Duration = Duration::from_secs(30);

/// A key of zeros with its checksum: it opens nothing but this benchmark.
const KEY: &str = "tg_sandbox_000000000000000000000000000000003uX17Z";

const CREDENTIALS: &str = r#"
[[keys]]
id = "bench"
sha256 = "05c363552661af58f95cae1ee463faee0da7daa1fc9d4291fa05f0759051de5d"
tenant = "acme"
environment = "sandbox"
scopes = ["work:write"]
"#;

const NO_POLICIES: &str = r#"
[upstreams.origin]
protocol = "http"
endpoints = ["ORIGIN"]

[chains.edge]
policies = []

[routes.work]
match = "POST /v1/work"
chain = "edge"
upstream = "origin"
"#;

const SIX_POLICIES: &str = r#"
[upstreams.origin]
protocol = "http"
endpoints = ["ORIGIN"]
environment = "sandbox"

[plugins.allowed-hosts]
file = "COMPONENTS/allowed-hosts.wasm"
[plugins.cors]
file = "COMPONENTS/cors.wasm"
[plugins.auth]
file = "COMPONENTS/auth.wasm"
[plugins.rate-limit]
file = "COMPONENTS/rate-limit.wasm"
[plugins.routing]
file = "COMPONENTS/routing.wasm"
[plugins.idempotency]
file = "COMPONENTS/idempotency.wasm"

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

[policies.rate-limit]
plugin = "rate-limit"
class = "traffic"
grants = ["route", "quota", "reply-headers"]
[policies.rate-limit.settings]
policies = [
    { name = "tenant", quota = 1000000, window_seconds = 1, burst = 1000000, partition = "tenant" },
]

[policies.routing]
plugin = "routing"
grants = ["route", "principal", "upstreams", "reply-headers"]
settings = { services = { work = { sandbox = "origin" } } }

[policies.idempotency]
plugin = "idempotency"
grants = ["route", "idempotency", "reply-headers"]

[chains.edge]
policies = ["allowed-hosts", "cors", "auth"]

[chains.tenant]
policies = ["allowed-hosts", "cors", "auth", "rate-limit", "routing", "idempotency"]

[stores.credentials]
kind = "file"
path = "credentials"

[routes.work]
match = "POST /v1/work"
chain = "tenant"
attributes = { service = "work", scope = "work:write", rate-class = "write", idempotency = "optional" }
"#;
