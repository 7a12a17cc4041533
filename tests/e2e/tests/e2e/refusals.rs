//! Refusals of strangers, of browsers and of a tenant's mistakes.

use anyhow::{Context, Result};
use e2e::gate::{Gate, six};
use e2e::{Echo, Key};
use http::{Method, StatusCode};
use tollgate_harness::{Client, Reply};

const APP: &str = "https://app.example.com";

async fn gate() -> Result<(Echo, Gate, Key)> {
    let echo = Echo::start().await?;
    let key = Key::new("sandbox", 1);
    let folder = six(&echo, &[(&key, &["things:read"])])?;
    let gate = Gate::start(&folder).await?;
    Ok((echo, gate, key))
}

/// A refusal has the status and code, is a problem, and says nothing of what is inside.
fn is_problem(reply: &Reply, status: u16, code: &str) -> Result<serde_json::Value> {
    assert_eq!(reply.status.as_u16(), status, "{}", reply.text());
    assert_eq!(reply.header("content-type"), Some("application/problem+json"));
    let problem = reply.json()?;
    assert_eq!(problem["status"], status);
    assert_eq!(problem["code"], code, "{problem}");
    assert!(problem["type"].is_string() && problem["title"].is_string());
    assert_eq!(problem["request_id"].as_str(), reply.header("x-request-id"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    Ok(problem)
}

#[tokio::test]
async fn strangers_are_told_who_they_must_be_and_nothing_of_the_routes() -> Result<()> {
    let (echo, gate, key) = gate().await?;
    let none = gate.send(Method::GET, "/v1/things/1", &[], "").await?;
    is_problem(&none, 401, "unauthenticated")?;
    assert_eq!(none.header("www-authenticate"), Some("Bearer realm=\"tollgate\""));

    let unknown = gate.send(Method::GET, "/v1/no-such-thing", &[], "").await?;
    is_problem(&unknown, 401, "unauthenticated")?;

    let forged = Key::new("sandbox", 99).bearer();
    let wrong = gate.send(Method::GET, "/v1/things/1", &[("authorization", &forged)], "").await?;
    is_problem(&wrong, 401, "unauthenticated")?;
    assert!(wrong.header("www-authenticate").is_some_and(|value| value.contains("invalid_token")));

    let both = [("authorization", key.bearer()), ("x-api-key", key.text.clone())];
    let both: Vec<(&str, &str)> =
        both.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let twice = gate.send(Method::GET, "/v1/things/1", &both, "").await?;
    is_problem(&twice, 400, "malformed_request")?;
    assert_eq!(echo.calls(), 0);
    Ok(())
}

#[tokio::test]
async fn a_known_caller_learns_of_paths_methods_and_scopes() -> Result<()> {
    let (echo, gate, key) = gate().await?;
    let bearer = key.bearer();
    let auth = [("authorization", bearer.as_str())];
    let reply = gate.send(Method::GET, "/v1/things/7?x=1", &auth, "").await?;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    assert_eq!(reply.json()?["target"], "/v1/things/7?x=1");
    assert!(!reply.text().contains(&key.text), "the key stays at the gate");
    assert_eq!(reply.header("server"), None);

    let missing = gate.send(Method::GET, "/v1/no-such-thing", &auth, "").await?;
    is_problem(&missing, 404, "route_not_found")?;
    let method = gate.send(Method::DELETE, "/v1/things/7", &auth, "").await?;
    is_problem(&method, 405, "method_not_allowed")?;
    assert!(method.header("allow").is_some_and(|value| value.contains("GET")));
    let scope = gate.send(Method::POST, "/v1/things", &auth, "{}").await?;
    is_problem(&scope, 403, "insufficient_scope")?;
    assert!(scope.header("www-authenticate").is_some_and(|value| value.contains("things:write")));
    let options = gate.send(Method::OPTIONS, "/v1/things/7", &auth, "").await?;
    assert_eq!(options.status, StatusCode::NO_CONTENT);
    assert!(options.header("allow").is_some_and(|value| value.contains("GET")));
    assert_eq!(echo.calls(), 1);
    Ok(())
}

#[tokio::test]
async fn a_host_that_is_not_served_is_misdirected() -> Result<()> {
    let (echo, gate, key) = gate().await?;
    let bearer = key.bearer();
    let headers = [("authorization", bearer.as_str()), ("host", "elsewhere.example.com")];
    let other = gate.send(Method::GET, "/v1/things/1", &headers, "").await?;
    is_problem(&other, 421, "host_not_served")?;
    assert_eq!(echo.calls(), 0);
    Ok(())
}

#[tokio::test]
async fn browsers_of_allowed_origins_read_every_outcome_and_others_none() -> Result<()> {
    let (echo, gate, key) = gate().await?;
    let preflight = |origin| [("origin", origin), ("access-control-request-method", "GET")];
    let allowed = gate.send(Method::OPTIONS, "/v1/things/1", &preflight(APP), "").await?;
    assert_eq!(allowed.status, StatusCode::NO_CONTENT, "{}", allowed.text());
    assert_eq!(allowed.header("access-control-allow-origin"), Some(APP));
    assert!(
        allowed.header("access-control-allow-methods").is_some_and(|value| value.contains("GET"))
    );
    let names = allowed.header("access-control-allow-headers").unwrap_or_default();
    assert!(names.contains("idempotency-key") && names.contains("authorization"), "{names}");

    let denied =
        gate.send(Method::OPTIONS, "/v1/things/1", &preflight("https://evil.example"), "").await?;
    is_problem(&denied, 403, "cors_origin_denied")?;
    assert!(denied.headers.keys().all(|name| !name.as_str().starts_with("access-control-")));

    // A refusal, too, can be read by the page that caused it.
    let refused = gate.send(Method::GET, "/v1/things/1", &[("origin", APP)], "").await?;
    is_problem(&refused, 401, "unauthenticated")?;
    assert_eq!(refused.header("access-control-allow-origin"), Some(APP));

    // The upstream's own word on origins is not passed on; its Vary is kept beside ours.
    let bearer = key.bearer();
    let headers = [("origin", APP), ("authorization", bearer.as_str())];
    let answer = gate.send(Method::GET, "/v1/things/1", &headers, "").await?;
    let origins: Vec<_> = answer.headers.get_all("access-control-allow-origin").iter().collect();
    assert_eq!(origins, [APP]);
    let vary = answer.headers.get_all("vary").iter().filter_map(|value| value.to_str().ok());
    let vary = vary.collect::<Vec<_>>().join(",").to_ascii_lowercase();
    assert!(vary.contains("origin") && vary.contains("accept-encoding"), "{vary}");
    assert_eq!(echo.calls(), 1);
    Ok(())
}

#[tokio::test]
async fn a_burst_beyond_the_quota_is_told_when_to_come_back() -> Result<()> {
    let (echo, gate, key) = gate().await?;
    let bearer = key.bearer();
    let auth = [("authorization", bearer.as_str())];

    for left in (0..3).rev() {
        let reply = gate.send(Method::GET, "/v1/few", &auth, "").await?;
        assert_eq!(reply.status, StatusCode::OK);
        let standing = reply.header("ratelimit").unwrap_or_default().to_owned();
        assert!(standing.contains(&format!("\"few\";r={left}")), "{standing}");
    }

    let denied = gate.send(Method::GET, "/v1/few", &auth, "").await?;
    let problem = is_problem(&denied, 429, "quota_exceeded")?;
    assert_eq!(problem["violated-policies"][0], "few", "{problem}");
    assert!(
        denied.header("ratelimit-policy").is_some_and(|value| value.contains("\"few\";q=3;w=60"))
    );
    assert!(denied.header("ratelimit").is_some_and(|value| value.contains("\"few\";r=0")));

    let wait: u32 = denied.header("retry-after").unwrap_or_default().parse()?;
    assert!((1..=20).contains(&wait), "{wait}");
    assert_eq!(echo.calls(), 3);
    Ok(())
}

#[tokio::test]
async fn requests_that_two_readers_could_read_differently_are_refused() -> Result<()> {
    let (echo, gate, _key) = gate().await?;
    let address = gate.authority().parse()?;
    let lines = [
        ("GET /a/../b HTTP/1.1\r\nhost: HOST\r\n\r\n", "400"),
        ("GET //x HTTP/1.1\r\nhost: HOST\r\n\r\n", "400"),
        ("GET /%2e%2e/x HTTP/1.1\r\nhost: HOST\r\n\r\n", "400"),
        ("GET /x HTTP/1.1\r\n\r\n", "400"),
        ("GET /x HTTP/1.1\r\nhost: HOST\r\nhost: other\r\n\r\n", "400"),
        (
            "GET /x HTTP/1.1\r\nhost: HOST\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            "501",
        ),
        ("GET /x HTTP/1.1\r\nhost: HOST\r\nconnection: authorization\r\n\r\n", "400"),
        ("get /x HTTP/1.1\r\nhost: HOST\r\n\r\n", "501"),
    ];

    for (line, status) in lines {
        let bytes = line.replace("HOST", &gate.authority());
        let reply = tollgate_harness::raw(address, bytes.as_bytes(), e2e::gate::SOON).await?;
        let reply = String::from_utf8_lossy(&reply).into_owned();
        assert!(reply.starts_with(&format!("HTTP/1.1 {status} ")), "{line:?}: {reply}");
        assert!(reply.contains("application/problem+json"), "{line:?}: {reply}");
    }

    assert_eq!(echo.calls(), 0);
    Ok(())
}

#[tokio::test]
async fn http2_callers_get_the_same_answers() -> Result<()> {
    let (_echo, gate, key) = gate().await?;
    let request = http::Request::get(gate.url("/v1/things/1"))
        .header("authorization", key.bearer())
        .body(bytes::Bytes::new())?;
    let reply = Client::h2().send(request).await?;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    assert_eq!(reply.version, http::Version::HTTP_2);
    let none = Client::h2().get(&gate.url("/v1/things/1")).await?;
    is_problem(&none, 401, "unauthenticated")?;
    Ok(())
}

/// The folder of the six policies, with `cors` taken out of the listener's chain.
async fn gate_with_cors_in_the_routes_chain() -> Result<(Echo, Gate, Key)> {
    let echo = Echo::start().await?;
    let key = Key::new("sandbox", 1);
    let mut folder = six(&echo, &[(&key, &["things:read"])])?;
    let edge = folder.toml.find("[chains.edge]").context("the chain of the listener")?;
    let (before, chain) = folder.toml.split_at(edge);
    folder.toml = format!("{before}{}", chain.replacen("\"cors\", ", "", 1));
    Ok((echo, Gate::start(&folder).await?, key))
}

#[tokio::test]
async fn cors_in_a_routes_chain_alone_answers_that_routes_preflight() -> Result<()> {
    let (echo, gate, _) = gate_with_cors_in_the_routes_chain().await?;
    let preflight = |method| [("origin", APP), ("access-control-request-method", method)];
    let allowed = gate.send(Method::OPTIONS, "/v1/things/1", &preflight("GET"), "").await?;
    assert_eq!(allowed.status, StatusCode::NO_CONTENT, "{}", allowed.text());
    assert_eq!(allowed.header("access-control-allow-origin"), Some(APP));
    assert!(allowed.header("access-control-allow-methods").is_some_and(|own| own.contains("GET")));

    // What no Route has is the listener's to answer, and there nobody is known.
    let method = gate.send(Method::OPTIONS, "/v1/things/1", &preflight("PATCH"), "").await?;
    is_problem(&method, 401, "unauthenticated")?;
    let path = gate.send(Method::OPTIONS, "/v1/no-such-thing", &preflight("GET"), "").await?;
    is_problem(&path, 401, "unauthenticated")?;
    assert_eq!(echo.calls(), 0);
    Ok(())
}
