//! Certificates of callers: who is refused, how the operator learns of it, and how authorities and
//! revocation lists change while the gateway serves.

use anyhow::{Context, Result};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use e2e::Echo;
use e2e::gate::{Folder, Gate, SOON, component};
use http::{Request, StatusCode};
use tollgate_harness::{Ca, Client, Issued, Reply, eventually};

/// Keys of a listener that asks callers for certificates.
const MUTUAL_TLS: &str = "tls.certificate = \"server.pem\"\ntls.key = \"server.key\"\n\
                          tls.client_ca = \"clients.pem\"\ntls.client_crl = [\"clients.crl\"]\n";

const RULES: &str = r#"
[plugins.vouched]
file = "vouched.wasm"
[policies.vouched]
plugin = "vouched"
grants = ["request"]
settings = { names = ["dns:a.example", "uri:spiffe://example.org/payments"] }

[chains.edge]
policies = []
[chains.vouched]
policies = ["vouched"]

[routes.all]
match = "GET /v1/all"
chain = "edge"
upstream = "echo"
[routes.vouched]
match = "GET /v1/vouched"
chain = "vouched"
upstream = "shown"

[upstreams.echo]
protocol = "http"
endpoints = ["ECHO"]
[upstreams.shown]
protocol = "http"
endpoints = ["ECHO"]
client_cert = true
"#;

/// A gateway that asks for certificates of an authority, before an echo.
struct Guarded {
    gate: Gate,
    server: Ca,
    clients: Ca,
    _echo: Echo,
}

impl Guarded {
    async fn start() -> Result<Self> {
        let (echo, server, clients) = (Echo::start().await?, Ca::new()?, Ca::new()?);
        let issued = server.server(&["127.0.0.1"])?;
        let file = |name: &str, text: &str| (name.to_owned(), text.as_bytes().to_vec());
        let folder = Folder {
            toml: RULES.replace("ECHO", &echo.url()),
            listener: MUTUAL_TLS.to_owned(),
            files: vec![
                ("vouched.wasm".to_owned(), component("vouched")?),
                file("server.pem", &issued.cert_pem),
                file("server.key", &issued.key_pem),
                file("clients.pem", clients.pem()),
                file("clients.crl", &clients.revocation_list(&[], 1)?),
            ],
            ..Folder::default()
        };
        let gate = Gate::start(&folder).await?;
        Ok(Self { gate, server, clients, _echo: echo })
    }

    /// Sends a request as a caller with this certificate.
    async fn get(&self, path: &str, caller: Option<&Issued>) -> Result<Reply> {
        let client = Client::h1().tls_as(self.server.pem(), caller)?;
        let url = self.gate.url(path).replace("http:", "https:");
        let request = Request::get(url).header("client-cert", ":AAAA:");
        client.send(request.header("client-cert-chain", ":AAAA:").body(Bytes::new())?).await
    }

    /// True where a caller with this certificate is answered, false where it is refused in the
    /// handshake.
    async fn serves(&self, caller: Option<&Issued>) -> Result<bool> {
        match self.get("/v1/all", caller).await {
            Ok(reply) => Ok(reply.status == StatusCode::OK),
            Err(_) => Ok(false),
        }
    }

    /// The number of handshakes that failed for a reason with this word in it.
    async fn refused(&self, reason: &str) -> Result<f64> {
        self.gate.metric("tollgate_tls_handshakes_failed_total", reason).await
    }
}

#[tokio::test]
async fn refused_certificates_are_counted_by_reason_and_logged_at_a_bounded_rate() -> Result<()> {
    let guarded = Guarded::start().await?;
    let good = guarded.clients.client_of("a", "spiffe://a", 1)?;
    let stranger = Ca::new()?.client("b")?;
    assert!(guarded.serves(Some(&good)).await?);
    for _ in 0..5 {
        assert!(!guarded.serves(None).await?);
    }
    assert!(!guarded.serves(Some(&stranger)).await?);

    eventually("the count of refusals", SOON, async || {
        let refused = guarded.refused("no-certificate").await.ok()?;
        (refused > 4.5).then_some(())
    })
    .await?;
    let of_others = guarded.refused("").await? - guarded.refused("no-certificate").await?;
    assert!((of_others - 1.0).abs() < 0.5, "one stranger: {of_others}");

    let log = guarded.gate.process.log();
    let lines = log.lines().filter(|line| line.contains("client certificate refused"));
    let without = lines.filter(|line| line.contains("no-certificate")).count();
    assert_eq!(without, 1, "five refusals, one line: {log}");
    Ok(())
}

#[tokio::test]
async fn a_revocation_is_in_force_from_the_reload_on_and_a_broken_list_changes_nothing()
-> Result<()> {
    let guarded = Guarded::start().await?;
    let (gate, clients) = (&guarded.gate, &guarded.clients);
    let caller = clients.client_of("a", "spiffe://a", 7)?;
    assert!(guarded.serves(Some(&caller)).await?);

    gate.rewrite("clients.crl", b"-----BEGIN X509 CRL-----\nbroken", "swapped").await?;
    eventually("the reason in the log", SOON, async || {
        gate.process.log().contains("keeping the previous certificates").then_some(())
    })
    .await?;
    assert!(guarded.serves(Some(&caller)).await?, "the last good list is kept");

    gate.rewrite("clients.crl", clients.revocation_list(&[7], 1)?.as_bytes(), "swapped").await?;
    eventually("the revocation", SOON, async || {
        let is_served = guarded.serves(Some(&caller)).await.ok()?;
        (!is_served).then_some(())
    })
    .await?;
    assert!(guarded.refused("revoked").await? > 0.5);
    Ok(())
}

#[tokio::test]
async fn a_policy_lets_callers_pass_by_the_names_of_their_certificates() -> Result<()> {
    let guarded = Guarded::start().await?;
    let known = guarded.clients.client_of("a", "spiffe://example.org/payments", 1)?;
    let other = guarded.clients.client_of("a", "spiffe://example.org/payments/x", 2)?;

    // From the third request on the tree decides, and the component agrees with it.
    for _ in 0..5 {
        assert_eq!(guarded.get("/v1/vouched", Some(&known)).await?.status, StatusCode::OK);
        let refused = guarded.get("/v1/vouched", Some(&other)).await?;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        assert_eq!(refused.json()?["title"], "Caller unknown");
    }
    let by_tree = guarded.gate.metric("tollgate_policy_decisions_total", "way=\"tree\"").await?;
    assert!(by_tree > 1.5, "the names that pass are a branch: {by_tree}");

    let refused = guarded.get("/v1/vouched", Some(&other)).await?.json()?;
    let detail = refused["detail"].as_str().context("a detail")?.to_owned();
    eventually("the fingerprint in the access log", SOON, async || {
        let records = std::fs::read_to_string(guarded.gate.file("access.jsonl")).ok()?;
        let records = records.lines().filter_map(|line| serde_json::from_str(line).ok());
        let mut shown = records.filter_map(|record: serde_json::Value| {
            record["client_certificate"].as_str().map(str::to_owned)
        });
        shown.any(|fingerprint| detail.contains(&fingerprint)).then_some(())
    })
    .await?;
    Ok(())
}

#[tokio::test]
async fn an_upstream_is_shown_the_certificate_of_the_connection_and_never_what_a_caller_claims()
-> Result<()> {
    let guarded = Guarded::start().await?;
    let caller = guarded.clients.client_of("a", "spiffe://example.org/payments", 1)?;
    let body: String = caller.cert_pem.lines().filter(|line| !line.starts_with('-')).collect();
    let shown = format!(":{}:", BASE64_STANDARD.encode(BASE64_STANDARD.decode(body)?));

    let fields = async |path| -> Result<Vec<String>> {
        let told = guarded.get(path, Some(&caller)).await?.json()?;
        let fields = told["headers"].as_array().context("the fields that the upstream got")?;
        let fields = fields.iter().filter_map(|field| field.as_str());
        Ok(fields.filter(|field| field.contains("client-cert")).map(str::to_owned).collect())
    };
    assert_eq!(fields("/v1/vouched").await?, [format!("client-cert: {shown}")]);
    assert_eq!(fields("/v1/all").await?, [""; 0], "not set for this upstream");
    Ok(())
}
