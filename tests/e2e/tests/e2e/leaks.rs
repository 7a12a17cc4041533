//! Secrets that must appear nowhere. Requests of every outcome carry them; then everything that the
//! gateway writes is searched for them.

use anyhow::Result;
use e2e::gate::{Gate, component, six};
use e2e::platform::Platform;
use e2e::{Echo, Key};
use http::Method;
use ring::digest::{SHA256, digest};
use tollgate_harness::Client;

const BODY: &str = "sown-in-the-body";
const COOKIE: &str = "sown-in-the-cookie";
const OPERATION: &str = "sown-in-the-operation";
const QUERY: &str = "sown-in-the-query";
const BASIC: &str = "c293bi1pbi1iYXNpYw";
/// A header that a policy reads and repeats in its refusal.
const AGENT: &str = "sown-in-the-agent";
/// Not a secret: proof that the search can find something.
const PATH: &str = "sown-in-the-path";

/// Everything that a gateway writes for people to read: names of outputs and their texts.
type Outputs = Vec<(&'static str, String)>;

/// The outputs in which the marker can be read.
fn outputs_with(outputs: &Outputs, marker: &str) -> Vec<&'static str> {
    outputs.iter().filter(|(_, text)| text.contains(marker)).map(|(name, _)| *name).collect()
}

/// Collects the outputs of a gateway.
async fn outputs(gate: &Gate) -> Result<Outputs> {
    let listed = gate.admin("/v1/receipts?limit=500").await?;
    let mut explained = String::new();
    for receipt in listed.json()?["receipts"].as_array().into_iter().flatten() {
        let id = receipt["request_id"].as_str().unwrap_or_default();
        let (code, text, complaint) = gate.tollgate(&["explain", id]).await?;
        assert_eq!(code, 0, "{complaint}");
        explained.push_str(&text);
    }
    let metrics = Client::h1().get(&gate.admin_url("/metrics")).await?;
    Ok(vec![
        ("receipts", listed.text()),
        ("explanations", explained),
        ("metrics", metrics.text()),
        ("log", gate.process.log()),
        ("access log", std::fs::read_to_string(gate.file("access.jsonl"))?),
    ])
}

/// Requests of every outcome, each with every secret.
async fn sow(gate: &Gate, keys: &[&Key]) -> Result<()> {
    for key in keys {
        let bearer = key.bearer();
        let basic = format!("Basic {BASIC}");
        let cookie = format!("session={COOKIE}");

        for authorization in [("authorization", &bearer), ("x-api-key", &key.text)] {
            let headers = [
                (authorization.0, authorization.1.as_str()),
                ("cookie", cookie.as_str()),
                ("idempotency-key", OPERATION),
                ("proxy-authorization", basic.as_str()),
                ("content-type", "application/json"),
                ("user-agent", AGENT),
            ];

            let query = format!("?api={QUERY}");
            for (method, path) in [
                (Method::POST, "/v1/things".to_owned()),
                (Method::GET, format!("/v1/things/{PATH}")),
                (Method::GET, "/v1/few".to_owned()),
                (Method::GET, "/v1/curious".to_owned()),
                (Method::GET, "/v1/none".to_owned()),
                (Method::DELETE, "/v1/things".to_owned()),
            ] {
                // The operation comes twice, with two bodies.
                let is_post = method == Method::POST;
                let body =
                    if is_post { format!("{BODY} {}", authorization.0) } else { String::new() };
                gate.send(method, &format!("{path}{query}"), &headers, &body).await?;
            }
        }
    }

    let none = [("authorization", "Basic sown"), ("cookie", COOKIE)];
    gate.send(Method::GET, &format!("/v1/things/{PATH}?key={QUERY}"), &none, "").await?;
    Ok(())
}

#[tokio::test]
async fn no_secret_is_in_any_receipt_explanation_log_or_metric() -> Result<()> {
    let echo = Echo::start().await?;
    let (known, unknown) = (Key::new("sandbox", 11), Key::new("sandbox", 12));
    let mut folder = six(&echo, &[(&known, &["things:read", "things:write"])])?;
    folder.files.push(("curious.wasm".to_owned(), component("curious")?));
    folder.toml.push_str(CURIOUS);
    let gate = Gate::start(&folder).await?;
    sow(&gate, &[&known, &unknown]).await?;
    // Some exchanges are walked as well as run.
    sow(&gate, &[&known]).await?;

    // The access log is written by a thread of its own; the sowing of a last one shows in it.
    tollgate_harness::eventually("the access log", e2e::gate::SOON, async || {
        let log = std::fs::read_to_string(gate.file("access.jsonl")).ok()?;
        (log.lines().count() >= 38).then_some(())
    })
    .await?;
    let outputs = outputs(&gate).await?;
    let token = std::fs::read_to_string(gate.file("admin.token"))?;
    let hash = |key: &Key| -> String {
        let digest = digest(&SHA256, key.text.as_bytes());
        digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let secrets = [
        ("a known key", known.text.clone()),
        ("the random part of a known key", known.text[11..40].to_owned()),
        ("an unknown key", unknown.text.clone()),
        ("the digest of a known key", hash(&known)),
        ("the digest of an unknown key", hash(&unknown)),
        ("a body", BODY.to_owned()),
        ("a cookie", COOKIE.to_owned()),
        ("an operation", OPERATION.to_owned()),
        ("a query", QUERY.to_owned()),
        ("basic credentials", BASIC.to_owned()),
        ("a header that a policy read", AGENT.to_owned()),
        ("the admin token", token.trim().to_owned()),
    ];
    for (what, secret) in &secrets {
        assert!(secret.len() >= 8, "{what}: too short to be searched for");
        assert_eq!(outputs_with(&outputs, secret), [""; 0], "{what} can be read");
    }

    // The search finds what is there.
    assert_eq!(outputs_with(&outputs, PATH), ["receipts", "explanations", "access log"]);
    assert_eq!(outputs_with(&outputs, "policy=\"idempotency\""), ["metrics"]);
    assert_eq!(outputs_with(&outputs, "tollgate::audit"), ["log"]);
    let texts = outputs[0].1.clone();
    for code in ["unauthenticated", "quota_exceeded", "idempotency_key_reused", "told"] {
        assert!(texts.contains(code), "no exchange ended with {code}");
    }
    assert!(texts.contains("(hidden: 17 bytes, "), "the agent was read, and is hidden");
    Ok(())
}

/// The whole platform: what identity, the gateway and both deposits tell, after a journey.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_part_of_the_platform_tells_a_key_the_pepper_or_a_body() -> Result<()> {
    let platform = Platform::start().await?;
    let key = platform.tenant(&["sandbox"])?.remove(0).key;
    let body = format!(r#"{{"currency":"USD","label":"{BODY}"}}"#);
    for operation in ["sown-in-operation-1", "sown-in-operation-1", "sown-in-operation-2"] {
        let reply = platform.post("/v1/deposit-accounts", &key, operation, &body).await?;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    let wrong = platform.post("/v1/deposit-accounts", &key, "sown-in-operation-1", "{}").await?;
    assert_eq!(wrong.status.as_u16() / 100, 4, "{}", wrong.text());
    platform.get("/v1/deposit-accounts/none", "tg_sandbox_sown-key").await?;

    let mut outputs: Outputs = vec![
        ("receipts", platform.admin("/v1/receipts?limit=500").await?.text()),
        ("metrics", platform.admin("/metrics").await?.text()),
        ("log", platform.gateway.log()),
    ];
    for (name, service) in ["identity", "deposits", "sandbox"].into_iter().zip(&platform.services) {
        outputs.push((name, service.process.log()));
    }
    let pepper = std::fs::read_to_string(platform.file("pepper"))?;
    let pepper = pepper.trim().trim_start_matches("1 ").to_owned();
    let signing = std::fs::read_to_string(platform.file("principal.pem"))?;
    let signing = signing.lines().nth(1).unwrap_or_default().to_owned();
    for secret in [key.as_str(), "sown-key", BODY, "sown-in-operation", &pepper, &signing] {
        assert!(secret.len() >= 8, "{secret}: too short to be searched for");
        assert_eq!(outputs_with(&outputs, secret), [""; 0], "{secret} can be read");
    }
    assert_eq!(outputs_with(&outputs, "idempotency_key_reused"), ["receipts"]);
    Ok(())
}

const CURIOUS: &str = r#"
[receipts]
sample_every = 1
[plugins.curious]
file = "curious.wasm"
[policies.curious]
plugin = "curious"
grants = ["request", "route", "credentials", "principal", "quota", "upstreams", "idempotency", "reply-headers", "notes", "log", "response"]
settings = { interface = "request" }
[chains.curious]
policies = ["curious"]
[routes.curious]
match = "GET /v1/curious"
chain = "curious"
upstream = "echo-sandbox"
"#;
