//! One path, one reading: no spelling of a path leads past the rules of its Route.

use anyhow::{Context, Result};
use e2e::gate::{Gate, six};
use e2e::{Echo, Key};
use http::Method;
use tollgate_harness::{Client, Reply};

/// Routes with rules of their own beside one that takes every other path.
const ROUTES: &str = r#"
[routes.secret]
match = "GET /v1/secret"
chain = "tenant"
attributes = { service = "echo", scope = "things:admin" }

[routes.cafe]
match = "GET /v1/caf%C3%A9"
chain = "tenant"
attributes = { service = "echo", scope = "things:admin" }

[routes.at]
match = "GET /v1/me@home"
chain = "tenant"
attributes = { service = "echo", scope = "things:admin" }

[routes.pay]
match = "POST /v1/pay"
chain = "tenant"
attributes = { service = "echo", scope = "things:read", idempotency = "required" }

[routes.confirm]
match = "POST /v1/orders/{id}:confirm"
chain = "tenant"
attributes = { service = "echo", scope = "things:admin" }

[routes.all]
match = ["GET /v1/{rest=**}", "POST /v1/{rest=**}"]
chain = "tenant"
attributes = { service = "echo", scope = "things:read" }
"#;

struct Served {
    echo: Echo,
    gate: Gate,
    bearer: String,
}

impl Served {
    async fn start() -> Result<Self> {
        let (echo, key) = (Echo::start().await?, Key::new("sandbox", 1));
        let mut folder = six(&echo, &[(&key, &["things:read"])])?;
        folder.toml += ROUTES;
        let gate = Gate::start(&folder).await?;
        Ok(Self { echo, gate, bearer: key.bearer() })
    }

    async fn send(&self, method: Method, path: &str) -> Result<Reply> {
        self.gate.send(method, path, &[("authorization", &self.bearer)], "{}").await
    }

    /// Sends over HTTP/1.1 and over HTTP/2; both are refused with this status and code.
    async fn is_refused(&self, method: Method, path: &str, status: u16, code: &str) -> Result<()> {
        let calls = self.echo.calls();
        for client in [Client::h1(), Client::h2()] {
            let request = http::Request::builder()
                .method(method.clone())
                .uri(self.gate.url(path))
                .header("authorization", &self.bearer);
            let reply = client.send(request.body("{}".into())?).await?;
            assert_eq!(reply.status, status, "{path}: {}", reply.text());
            assert_eq!(reply.json()?["code"], code, "{path}");
        }
        assert_eq!(self.echo.calls(), calls, "{path} reached the upstream");
        Ok(())
    }
}

#[tokio::test]
async fn an_encoded_letter_led_past_the_scope_of_a_route() -> Result<()> {
    let served = Served::start().await?;
    served.is_refused(Method::GET, "/v1/secret", 403, "insufficient_scope").await?;
    for path in [
        "/v1/%73ecret",
        "/v1/secre%74",
        "/%761/secret",
        "/v1/%2573ecret",
        "/v1/x/%2e%2e/secret",
        "/v1/x/%2E./secret",
        "/v1/x/../secret",
        "/v1/./secret",
        "/v1//secret",
        "/v1%2Fsecret",
        "/v1/secret;x=1",
        "/v1/secret%3Bx=1",
        "/v1/x%5c..%5csecret",
        "/v1/secret%00",
        "/v1/other%7Enot",
    ] {
        served.is_refused(Method::GET, path, 400, "path_not_canonical").await?;
    }

    // A query and its spelling are no part of the path.
    served.is_refused(Method::GET, "/v1/secret?%73=%61", 403, "insufficient_scope").await?;
    Ok(())
}

#[tokio::test]
async fn an_encoded_letter_led_past_the_idempotency_of_a_route() -> Result<()> {
    let served = Served::start().await?;
    served.is_refused(Method::POST, "/v1/pay", 400, "idempotency_key_missing").await?;
    for path in ["/v1/p%61y", "/v1/%70%61%79", "/v1/P%41Y"] {
        served.is_refused(Method::POST, path, 400, "path_not_canonical").await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_literal_was_missed_where_its_escapes_were_written_otherwise() -> Result<()> {
    let served = Served::start().await?;
    for path in ["/v1/caf%C3%A9", "/v1/caf%c3%a9", "/v1/caf%C3%a9", "/v1/me@home", "/v1/me%40home"]
    {
        served.is_refused(Method::GET, path, 403, "insufficient_scope").await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_encoded_colon_hid_a_verb_from_the_route_table_and_not_from_the_upstream() -> Result<()>
{
    let served = Served::start().await?;
    served.is_refused(Method::POST, "/v1/orders/7:confirm", 403, "insufficient_scope").await?;
    for path in ["/v1/orders/7%3Aconfirm", "/v1/orders/7%3aconfirm"] {
        served.is_refused(Method::POST, path, 400, "path_not_canonical").await?;
    }
    let value = served.send(Method::POST, "/v1/orders/urn%3Aorder%3A7").await?;
    assert_eq!(value.status, 200, "{}", value.text());
    Ok(())
}

#[tokio::test]
async fn upstream_access_record_and_receipt_have_the_path_that_was_matched() -> Result<()> {
    let served = Served::start().await?;
    let path = "/v1/a%20b%2520/%e2%82%ac";
    let reply = served.send(Method::GET, &format!("{path}?q=%61")).await?;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.json()?["target"], format!("{path}?q=%61"));

    let id = reply.header("x-request-id").context("an id")?.to_owned();
    let record = tollgate_harness::eventually("the access record", e2e::gate::SOON, async || {
        let text = std::fs::read_to_string(served.gate.file("access.jsonl")).ok()?;
        text.lines().find(|line| line.contains(&id)).map(str::to_owned)
    });
    let record: serde_json::Value = serde_json::from_str(&record.await?)?;
    assert_eq!(record["path"], path, "{record}");

    let url = served.gate.url("/v1/%73ecret");
    let (code, _, complaint) = served.gate.tollgate(&["explain", "GET", &url]).await?;
    assert!(code != 0 && complaint.contains("must not be percent-encoded"), "{complaint}");
    Ok(())
}
