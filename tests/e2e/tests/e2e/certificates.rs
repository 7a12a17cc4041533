//! Certificates of callers: who is refused, how the operator learns of it, and how authorities and
//! revocation lists change while the gateway serves.

use anyhow::Result;
use e2e::Echo;
use e2e::gate::{Folder, Gate, SOON};
use http::StatusCode;
use tollgate_harness::{Ca, Client, Issued, eventually};

/// Keys of a listener that asks callers for certificates.
const MUTUAL_TLS: &str = "tls.certificate = \"server.pem\"\ntls.key = \"server.key\"\n\
                          tls.client_ca = \"clients.pem\"\ntls.client_crl = [\"clients.crl\"]\n";

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
        let toml = format!(
            "[chains.edge]\npolicies = []\n[routes.all]\nmatch = \"GET /v1/all\"\n\
             chain = \"edge\"\nupstream = \"echo\"\n[upstreams.echo]\nprotocol = \"http\"\n\
             endpoints = [\"{}\"]\n",
            echo.url()
        );

        let folder = Folder {
            toml,
            listener: MUTUAL_TLS.to_owned(),
            files: vec![
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

    /// True where a caller with this certificate is answered, false where it is refused in the
    /// handshake.
    async fn serves(&self, caller: Option<&Issued>) -> Result<bool> {
        let client = Client::h1().tls_as(self.server.pem(), caller)?;
        let url = self.gate.url("/v1/all").replace("http:", "https:");
        match client.get(&url).await {
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
