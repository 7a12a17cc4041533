//! The operators' side: the access log as a file, and the port that is theirs alone.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use anyhow::Result;
use bytes::Bytes;
use e2e::gate::{Gate, SOON, six};
use e2e::{Echo, Key};
use http::{Method, Request, StatusCode};
use nix::sys::signal::Signal;
use tollgate_harness::{Client, eventually};

async fn gate() -> Result<(Echo, Gate)> {
    let echo = Echo::start().await?;
    let gate = Gate::start(&six(&echo, &[])?).await?;
    Ok((echo, gate))
}

#[tokio::test]
async fn the_admin_port_answers_for_no_host_but_its_own() -> Result<()> {
    let (_echo, gate) = gate().await?;
    let status = async |host: &str, path: &str| -> Result<StatusCode> {
        let request = Request::get(gate.admin_url(path)).header("host", host);
        Ok(Client::h1().send(request.body(Bytes::new())?).await?.status)
    };

    for path in ["/metrics", "/readyz", "/v1/receipts"] {
        // A page that has its own name resolve to this port.
        for host in ["rebound.example", "rebound.example:8081", "127.0.0.1.rebound.example"] {
            assert_eq!(status(host, path).await?, StatusCode::MISDIRECTED_REQUEST, "{host}{path}");
        }
    }
    for host in ["localhost", "127.0.0.1:9", "[::1]"] {
        assert_eq!(status(host, "/metrics").await?, StatusCode::OK, "{host}");
    }
    Ok(())
}

#[tokio::test]
async fn the_access_log_is_closed_to_others_and_follows_a_rotation() -> Result<()> {
    let (_echo, gate) = gate().await?;
    let (file, rotated) = (gate.file("access.jsonl"), gate.file("access.jsonl.1"));
    assert_eq!(fs::metadata(&file)?.permissions().mode() & 0o777, 0o640);

    let has = async |path: &std::path::Path, marker: &str| {
        eventually(&format!("{marker} in {}", path.display()), SOON, async || {
            fs::read_to_string(path).ok()?.contains(marker).then_some(())
        })
        .await
    };
    gate.send(Method::GET, "/before", &[], "").await?;
    has(&file, "/before").await?;

    fs::rename(&file, &rotated)?;
    gate.process.signal(Signal::SIGHUP)?;
    eventually("a new file", SOON, async || file.exists().then_some(())).await?;
    gate.send(Method::GET, "/after", &[], "").await?;
    has(&file, "/after").await?;
    assert!(!fs::read_to_string(&rotated)?.contains("/after"), "the old file is left alone");
    assert_eq!(fs::metadata(&file)?.permissions().mode() & 0o777, 0o640);
    Ok(())
}

#[tokio::test]
async fn a_key_in_a_path_is_in_no_record() -> Result<()> {
    let (_echo, gate) = gate().await?;
    let key = Key::new("live", 77).text;
    let random = &key[8..40];
    let encoded = key.replace('_', "%5F");
    for path in [format!("/v1/things/{key}"), format!("/{key}/x"), format!("/v1/{encoded}")] {
        gate.send(Method::GET, &path, &[], "").await?;
    }

    let records = eventually("three records", SOON, async || {
        let records = fs::read_to_string(gate.file("access.jsonl")).ok()?;
        (records.lines().count() >= 3).then_some(records)
    })
    .await?;
    let receipts = gate.admin("/v1/receipts?limit=10").await?.text();
    assert!(records.contains("/v1/things/redacted-key") && receipts.contains("redacted-key"));
    let log = gate.process.log();
    for (what, text) in [("access log", &records), ("receipts", &receipts), ("log", &log)] {
        assert!(!text.contains(random), "a key in the {what}: {text}");
    }
    Ok(())
}
