//! Changes under load: what is right takes effect, what is wrong is told, nobody loses a request.

use anyhow::Result;
use e2e::gate::{Gate, SOON, component, six};
use e2e::{Echo, Key};
use http::{Method, Request, StatusCode};
use tollgate_harness::{Client, Load, Plan};

/// Traffic on keep-alive connections; every reply must be a 200.
fn traffic(gate: &Gate, key: &Key, connections: u32) -> Load {
    let (url, bearer) = (gate.url("/v1/things/1"), key.bearer());
    Load::start(Plan {
        client: Client::h1(),
        request: Box::new(move |_| {
            let request = Request::get(&url).header("authorization", &bearer);
            request.body(bytes::Bytes::new()).unwrap_or_default()
        }),
        good: Box::new(|reply| reply.status == StatusCode::OK),
        connections,
        rate: Some(1_200),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn swaps_under_load_lose_no_request_and_mistakes_leave_the_last_good_one() -> Result<()> {
    let (echo, key) = (Echo::start().await?, Key::new("sandbox", 3));
    let folder = six(&echo, &[(&key, &["things:read"])])?;
    let gate = Gate::start(&folder).await?;
    let rules = std::fs::read_to_string(gate.file("rules.toml"))?;
    let cors = component("cors")?;
    let load = traffic(&gate, &key, 50);
    load.flow(500, SOON).await?;
    for round in 0..20_u32 {
        match round % 4 {
            0 => {
                // Settings.
                let origin = format!("https://app-{round}.example.com");
                let changed = rules.replace("https://app.example.com", &origin);
                gate.rewrite("rules.toml", changed.as_bytes(), "swapped").await?;
                let preflight =
                    [("origin", origin.as_str()), ("access-control-request-method", "GET")];
                let reply = gate.send(Method::OPTIONS, "/v1/things/1", &preflight, "").await?;
                assert_eq!(reply.status, StatusCode::NO_CONTENT, "the new setting is in force");
            }
            1 => {
                // A component that was built anew: the same code, other bytes.
                let mut rebuilt = cors.clone();
                rebuilt.extend(custom_section(round));
                gate.rewrite("cors.wasm", &rebuilt, "swapped").await?;
            }
            2 => {
                let truncated = cors.get(..cors.len() / 2).unwrap_or_default();
                gate.rewrite("cors.wasm", truncated, "refused").await?;
                gate.rewrite("cors.wasm", &cors, "swapped").await?;
            }
            _ => {
                gate.rewrite("rules.toml", b"garbage [[[", "refused").await?;
                let unknown =
                    format!("{rules}\n[routes.read2]\nmatch = \"GET /x\"\nchian = \"edge\"\n");
                gate.rewrite("rules.toml", unknown.as_bytes(), "refused").await?;
                gate.rewrite("rules.toml", rules.as_bytes(), "swapped").await?;
            }
        }
        load.flow(200, SOON).await?;
    }
    let report = load.stop().await?;
    assert_eq!(report.failed(), 0, "{report:?}");
    assert!(report.good > 4_000, "{}", report.good);
    let log = gate.process.log();
    assert!(log.contains("rules.toml:1: expected TOML"), "{log}");
    assert!(log.contains("unknown field `chian`"), "{log}");
    assert!(log.contains("cors.wasm"), "{log}");
    assert!(gate.metric("tollgate_config_generation", "").await? >= 20.0);
    Ok(())
}

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

/// A custom section of a component (binary format: id 0, size, name, content).
fn custom_section(seed: u32) -> Vec<u8> {
    let mut section = vec![0, 9, 4];
    section.extend(b"seed");
    section.extend(seed.to_le_bytes());
    section
}
