//! Callers in browsers: preflights without a key, refusals that a page can read, replays to another
//! page.

use anyhow::Result;
use e2e::gate::{Gate, six};
use e2e::{Echo, Key};
use http::{Method, StatusCode};
use tollgate_harness::Reply;

const APP: &str = "https://app.example.com";
const OTHER: &str = "https://other.example.com";

async fn gate() -> Result<(Echo, Gate, String)> {
    let (echo, key) = (Echo::start().await?, Key::new("sandbox", 3));
    let mut folder = six(&echo, &[(&key, &["things:read", "things:write"])])?;
    let origins = format!("origins = [\"{APP}\", \"{OTHER}\"]");
    folder.toml = folder.toml.replace(&format!("origins = [\"{APP}\"]"), &origins);
    let gate = Gate::start(&folder).await?;
    Ok((echo, gate, key.bearer()))
}

/// The page of this origin may read the answer, and a cache keeps it for that origin alone.
fn is_readable(reply: &Reply, origin: &str) {
    let origins: Vec<_> = reply.headers.get_all("access-control-allow-origin").iter().collect();
    assert_eq!(origins, [origin], "{}: {}", reply.status, reply.text());
    let vary = reply.headers.get_all("vary").iter().filter_map(|value| value.to_str().ok());
    let vary = vary.collect::<Vec<_>>().join(",").to_ascii_lowercase();
    assert!(vary.contains("origin"), "{}: vary: {vary}", reply.status);
}

#[tokio::test]
async fn a_preflight_needs_no_key_is_hurt_by_none_and_is_never_redirected() -> Result<()> {
    let (echo, gate, _) = gate().await?;
    let forged = Key::new("sandbox", 99).bearer();
    let preflight = [("origin", APP), ("access-control-request-method", "GET")];
    for credential in [None, Some("Bearer garbage"), Some(&*forged)] {
        let credential = credential.map(|value| ("authorization", value));
        let fields: Vec<_> = preflight.into_iter().chain(credential).collect();
        let allowed = gate.send(Method::OPTIONS, "/v1/things/1", &fields, "").await?;
        assert_eq!(allowed.status, StatusCode::NO_CONTENT, "{credential:?}: {}", allowed.text());
        is_readable(&allowed, APP);
    }

    for path in ["/v1/things/1/", "/v1/no-such-thing", "/"] {
        let reply = gate.send(Method::OPTIONS, path, &preflight, "").await?;
        assert!(!reply.status.is_redirection(), "{path}: {}", reply.status);
        assert_eq!(reply.header("location"), None, "{path}");
    }
    assert_eq!(echo.calls(), 0);
    Ok(())
}

#[tokio::test]
async fn options_without_a_requested_method_are_a_request_like_any_other() -> Result<()> {
    let (echo, gate, bearer) = gate().await?;
    let stranger = gate.send(Method::OPTIONS, "/v1/things/1", &[("origin", APP)], "").await?;
    assert_eq!(stranger.status, StatusCode::UNAUTHORIZED, "{}", stranger.text());
    is_readable(&stranger, APP);

    let known = [("origin", APP), ("authorization", &*bearer)];
    let known = gate.send(Method::OPTIONS, "/v1/things/1", &known, "").await?;
    assert_eq!(known.status, StatusCode::NO_CONTENT, "{}", known.text());
    assert!(known.header("allow").is_some_and(|methods| methods.contains("GET")));
    assert_eq!(echo.calls(), 0);
    Ok(())
}

#[tokio::test]
async fn a_page_can_read_every_refusal_that_it_causes() -> Result<()> {
    let (_echo, gate, bearer) = gate().await?;
    let origin = ("origin", APP);
    let auth = ("authorization", &*bearer);
    let ask = async |method, path: &str, fields: &[(&str, &str)], body: &str| {
        let fields: Vec<_> = [origin].into_iter().chain(fields.iter().copied()).collect();
        gate.send(method, path, &fields, body).await
    };

    let key = ("idempotency-key", "page");
    let json = ("content-type", "application/json");
    let large = "x".repeat(5000);
    let refusals = [
        (401, ask(Method::GET, "/v1/things/1", &[], "").await?),
        (404, ask(Method::GET, "/v1/no-such-thing", &[auth], "").await?),
        (405, ask(Method::DELETE, "/v1/things/1", &[auth], "").await?),
        (400, ask(Method::POST, "/v1/things", &[auth, json], "{}").await?),
        (413, ask(Method::POST, "/v1/things", &[auth, json, key], &large).await?),
        (502, ask(Method::GET, "/v1/things/1", &[auth, ("x-answer-status", "700")], "").await?),
    ];
    for (status, refusal) in &refusals {
        assert_eq!(refusal.status.as_u16(), *status, "{}", refusal.text());
        is_readable(refusal, APP);
    }

    for _ in 0..3 {
        assert_eq!(ask(Method::GET, "/v1/few", &[auth], "").await?.status, StatusCode::OK);
    }
    let spent = ask(Method::GET, "/v1/few", &[auth], "").await?;
    assert_eq!(spent.status, StatusCode::TOO_MANY_REQUESTS, "{}", spent.text());
    is_readable(&spent, APP);
    assert!(spent.header("retry-after").is_some());
    Ok(())
}

#[tokio::test]
async fn a_stored_answer_is_readable_for_the_page_that_asks_for_it_again() -> Result<()> {
    let (echo, gate, bearer) = gate().await?;
    let post = async |origin| {
        let fields = [
            ("origin", origin),
            ("authorization", &*bearer),
            ("content-type", "application/json"),
            ("idempotency-key", "from-two-pages"),
        ];
        gate.send(Method::POST, "/v1/things", &fields, "{}").await
    };

    let first = post(APP).await?;
    assert_eq!(first.status, StatusCode::OK, "{}", first.text());
    is_readable(&first, APP);
    let again = post(OTHER).await?;
    assert_eq!(again.header("idempotent-replayed"), Some("true"), "{}", again.text());
    assert_eq!(again.body, first.body);
    is_readable(&again, OTHER);
    assert_eq!(echo.calls(), 1);
    Ok(())
}

#[tokio::test]
async fn health_is_not_told_to_callers() -> Result<()> {
    let (echo, gate, bearer) = gate().await?;
    for path in ["/healthz", "/livez", "/readyz", "/metrics"] {
        let stranger = gate.send(Method::GET, path, &[], "").await?;
        assert_eq!(stranger.status, StatusCode::UNAUTHORIZED, "{path}");
        let known = gate.send(Method::GET, path, &[("authorization", &bearer)], "").await?;
        assert_eq!(known.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(echo.calls(), 0);
    Ok(())
}
