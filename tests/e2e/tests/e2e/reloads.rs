//! Changes while the gateway runs: what a reload takes up, and what it must not forget.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::Result;
use e2e::gate::{Folder, Gate, SOON, six};
use e2e::{Echo, Key};
use http::{Method, StatusCode};
use tollgate_harness::eventually;

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
    let rules = fs::read_to_string(gate.file("rules.toml"))?;
    let changed = rules.replace("https://app.example.com", "https://new.example.com");
    gate.rewrite("rules.toml", changed.as_bytes(), "swapped").await?;
    let spent = gate.send(Method::GET, "/v1/few", &auth, "").await?;
    assert_eq!(spent.status, StatusCode::TOO_MANY_REQUESTS);
    Ok(())
}

/// A gateway whose one route answers what its configuration says, without an upstream.
async fn saying(origin: &str) -> Result<(Echo, Gate, String)> {
    let echo = Echo::start().await?;
    let Folder { toml, files, .. } = six(&echo, &[])?;
    let toml = toml.replace("https://app.example.com", origin);
    let gate = Gate::start(&Folder { toml, files, ..Folder::default() }).await?;
    let rules = fs::read_to_string(gate.file("rules.toml"))?;
    Ok((echo, gate, rules))
}

/// Waits until the origin is allowed, by a generation that is one more than before.
async fn is_taken_up(gate: &Gate, origin: &str, generation: f64) -> Result<()> {
    eventually(&format!("{origin} in force"), SOON, async || {
        let asked = [("origin", origin), ("access-control-request-method", "GET")];
        let reply = gate.send(Method::OPTIONS, "/v1/few", &asked, "").await.ok()?;
        (reply.header("access-control-allow-origin") == Some(origin)).then_some(())
    })
    .await?;
    let now = gate.metric("tollgate_config_generation", "").await?;
    assert!((now - generation - 1.0).abs() < 0.5, "{generation}, then {now}");
    Ok(())
}

/// A way to replace what a file says.
type Way = fn(&Path, &str) -> Result<()>;

#[tokio::test]
async fn a_change_is_taken_up_however_an_editor_writes_it() -> Result<()> {
    let first = "https://first.example.com";
    let (_echo, gate, rules) = saying(first).await?;
    assert!((gate.metric("tollgate_config_generation", "").await? - 1.0).abs() < 0.5);
    let file = gate.file("rules.toml");

    let ways: [(&str, Way); 4] = [
        ("in-place", |file, text| Ok(fs::write(file, text)?)),
        ("renamed-over", |file, text| {
            let fresh = file.with_extension("toml.swp");
            fs::write(&fresh, text)?;
            Ok(fs::rename(fresh, file)?)
        }),
        ("moved-away-first", |file, text| {
            fs::rename(file, file.with_extension("toml~"))?;
            Ok(fs::write(file, text)?)
        }),
        ("removed-first", |file, text| {
            fs::remove_file(file)?;
            Ok(fs::write(file, text)?)
        }),
    ];

    for (way, write) in ways {
        let generation = gate.metric("tollgate_config_generation", "").await?;
        let origin = format!("https://{way}.example.com");
        write(&file, &rules.replace(first, &origin))?;
        is_taken_up(&gate, &origin, generation).await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_swap_of_a_kubernetes_volume_is_taken_up_each_time() -> Result<()> {
    let first = "https://first.example.com";
    let (_echo, gate, rules) = saying(first).await?;

    // As the kubelet lays a volume out: files are links through `..data`, which is exchanged whole.
    let volume = |number: u32, text: &str| -> Result<()> {
        let name = format!("..{number}");
        fs::create_dir(gate.file(&name))?;
        fs::write(gate.file(&name).join("rules.toml"), text)?;
        symlink(&name, gate.file("..data_tmp"))?;
        Ok(fs::rename(gate.file("..data_tmp"), gate.file("..data"))?)
    };

    volume(0, &rules)?;
    symlink("..data/rules.toml", gate.file("rules.link"))?;
    fs::rename(gate.file("rules.link"), gate.file("rules.toml"))?;

    for number in 1..4 {
        let generation = gate.metric("tollgate_config_generation", "").await?;
        let origin = format!("https://volume-{number}.example.com");
        volume(number, &rules.replace(first, &origin))?;
        is_taken_up(&gate, &origin, generation).await?;
        fs::remove_dir_all(gate.file(&format!("..{}", number - 1)))?;
    }
    Ok(())
}

#[tokio::test]
async fn snapshots_that_nobody_holds_are_gone() -> Result<()> {
    let first = "https://first.example.com";
    let (_echo, gate, rules) = saying(first).await?;
    for number in 0..3 {
        let origin = format!("https://{number}.example.com");
        gate.rewrite("rules.toml", rules.replace(first, &origin).as_bytes(), "swapped").await?;
        eventually("one Snapshot", SOON, async || {
            let live = gate.metric("tollgate_snapshots_live", "").await.ok()?;
            ((live - 1.0).abs() < 0.5).then_some(())
        })
        .await?;
    }
    gate.rewrite("rules.toml", b"garbage [[[", "refused").await?;
    assert!((gate.metric("tollgate_snapshots_live", "").await? - 1.0).abs() < 0.5);
    Ok(())
}

/// A gateway without policies.
async fn open() -> Result<(Gate, String)> {
    let toml = "[chains.edge]\npolicies = []\n".to_owned();
    let gate = Gate::start(&Folder { toml, ..Folder::default() }).await?;
    let head = fs::read_to_string(gate.file("gateway.toml"))?;
    Ok((gate, head))
}

/// Sends a request with a forwarding field; gives the client that its access record names.
async fn client_of(gate: &Gate, path: &str) -> Result<String> {
    let forwarded = [("x-forwarded-for", "203.0.113.9")];
    gate.send(Method::GET, path, &forwarded, "").await?;
    eventually(&format!("the record of {path}"), SOON, async || {
        let log = fs::read_to_string(gate.file("access.jsonl")).ok()?;
        let line = log.lines().find(|line| line.contains(path))?;
        let record: serde_json::Value = serde_json::from_str(line).ok()?;
        Some(record["client"].as_str()?.to_owned())
    })
    .await
}

#[tokio::test]
async fn proxies_that_a_reload_trusts_are_believed_and_no_longer_after_the_next_one() -> Result<()>
{
    let (gate, head) = open().await?;
    assert_eq!(client_of(&gate, "/before").await?, "127.0.0.1");

    let listener = "connections_per_address_max = 10000\n";
    let trusting = format!("{listener}trusted_proxies = [\"127.0.0.0/8\"]\n");
    let changed = head.replace(listener, &trusting);
    gate.rewrite("gateway.toml", changed.as_bytes(), "swapped").await?;
    assert_eq!(client_of(&gate, "/trusted").await?, "203.0.113.9");

    gate.rewrite("gateway.toml", head.as_bytes(), "swapped").await?;
    assert_eq!(client_of(&gate, "/after").await?, "127.0.0.1");
    Ok(())
}

#[tokio::test]
async fn an_admin_token_that_changes_replaces_the_one_before() -> Result<()> {
    let (gate, head) = open().await?;
    let asked = async |token: &str| {
        let request = http::Request::get(gate.admin_url("/v1/receipts"))
            .header("authorization", format!("Bearer {token}"));
        let request = request.body(bytes::Bytes::new())?;
        anyhow::Ok(tollgate_harness::Client::h1().send(request).await?.status)
    };
    let drawn = fs::read_to_string(gate.file("admin.token"))?.trim().to_owned();
    assert_eq!(asked(&drawn).await?, StatusCode::OK);

    fs::write(gate.file("operator.token"), "the-first-token-of-it\n")?;
    let named = head.replace("[admin]\n", "[admin]\ntoken_file = \"operator.token\"\n");
    gate.rewrite("gateway.toml", named.as_bytes(), "swapped").await?;
    assert_eq!(asked("the-first-token-of-it").await?, StatusCode::OK);
    assert_eq!(asked(&drawn).await?, StatusCode::UNAUTHORIZED);

    gate.rewrite("operator.token", b"the-second-token-of-it\n", "swapped").await?;
    assert_eq!(asked("the-second-token-of-it").await?, StatusCode::OK);
    assert_eq!(asked("the-first-token-of-it").await?, StatusCode::UNAUTHORIZED);

    gate.rewrite("operator.token", b"short\n", "swapped").await?;
    assert_eq!(asked("the-second-token-of-it").await?, StatusCode::OK);
    assert!(gate.process.log().contains("admin token reload failed"), "{}", gate.process.log());
    Ok(())
}

#[tokio::test]
async fn a_reload_names_every_value_that_it_keeps_until_a_restart() -> Result<()> {
    let (gate, head) = open().await?;
    let changed = head
        .replace("connections_per_address_max = 10000", "connections_per_address_max = 9")
        .replace("chain = \"edge\"\n", "chain = \"edge\"\nconnections_max = 77\n")
        .replace("wait_ms = 10000", "wait_ms = 9000");
    gate.rewrite("gateway.toml", changed.as_bytes(), "swapped").await?;
    let keys = "listeners.http.connections_max, listeners.http.connections_per_address_max, drain";
    let log = gate.process.log();
    assert!(log.contains(keys) && log.contains("take effect after a restart"), "{log}");

    // They are named again as long as they differ, whatever else is changed.
    let again = format!("{changed}\n[errors]\ntype_base = \"https://errors.example/\"\n");
    gate.rewrite("gateway.toml", again.as_bytes(), "swapped").await?;
    let log = gate.process.log();
    assert!(log.contains(&format!("{keys}, errors.type_base")), "{log}");
    Ok(())
}
