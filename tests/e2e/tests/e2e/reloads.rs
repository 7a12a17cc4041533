//! Changes while the gateway runs: what a reload takes up, and what it must not forget.

use anyhow::Result;
use e2e::gate::{Gate, six};
use e2e::{Echo, Key};
use http::{Method, StatusCode};

#[tokio::test]
async fn a_key_that_leaves_the_file_is_refused_from_then_on() -> Result<()> {
    let (echo, key) = (Echo::start().await?, Key::new("sandbox", 4));
    let folder = six(&echo, &[(&key, &["things:read"])])?;
    let gate = Gate::start(&folder).await?;
    let bearer = key.bearer();
    let auth = [("authorization", bearer.as_str())];
    assert_eq!(gate.send(Method::GET, "/v1/things/1", &auth, "").await?.status, StatusCode::OK);
    gate.rewrite("credentials.keys", b"", "swapped").await?;
    let refused = gate.send(Method::GET, "/v1/things/1", &auth, "").await?;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    Ok(())
}

#[tokio::test]
async fn a_quota_survives_a_reload() -> Result<()> {
    let (echo, key) = (Echo::start().await?, Key::new("sandbox", 5));
    let folder = six(&echo, &[(&key, &["things:read"])])?;
    let gate = Gate::start(&folder).await?;
    let bearer = key.bearer();
    let auth = [("authorization", bearer.as_str())];
    for _ in 0..3 {
        assert_eq!(gate.send(Method::GET, "/v1/few", &auth, "").await?.status, StatusCode::OK);
    }
    let rules = std::fs::read_to_string(gate.file("rules.toml"))?;
    let changed = rules.replace("https://app.example.com", "https://new.example.com");
    gate.rewrite("rules.toml", changed.as_bytes(), "swapped").await?;
    let spent = gate.send(Method::GET, "/v1/few", &auth, "").await?;
    assert_eq!(spent.status, StatusCode::TOO_MANY_REQUESTS);
    Ok(())
}
