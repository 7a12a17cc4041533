//! Changes of rules, tried on recorded traffic: recorded from a running gateway, decided again by a
//! candidate.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use e2e::gate::{Gate, SOON, six, tollgate};
use e2e::{Echo, Key};
use http::{Method, StatusCode};
use tempfile::TempDir;
use tollgate_harness::{eventually, target_bin};

/// A recording, with the folder that it was made under.
struct Recorded {
    _echo: Echo,
    gate: Gate,
    file: PathBuf,
    exchanges: usize,
}

const ROUNDS: usize = 40;

/// Traffic of every kind, recorded while it passes; the gateway itself keeps one pass in 100.
async fn recorded() -> Result<Recorded> {
    let (echo, key) = (Echo::start().await?, Key::new("sandbox", 21));
    let folder = six(&echo, &[(&key, &["things:read", "things:write"])])?;
    let gate = Gate::start(&folder).await?;
    let file = gate.file("recorded.ndjson");

    let exchanges = ROUNDS * 6;
    let (count, folder) = (exchanges.to_string(), gate.folder().to_owned());
    let recording = tokio::process::Command::new(target_bin("tollgate")?)
        .args(["replay", "record", "--count", &count, "--seconds", "60", "--policies"])
        .arg(&folder)
        .arg("--to")
        .arg(&file)
        .output();
    let recording = tokio::spawn(recording);

    eventually("the recorder's first page", SOON, async || {
        gate.process.log().contains("after=0").then_some(())
    })
    .await?;

    traffic(&gate, &key).await?;
    let output = recording.await??;
    let report = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(report.starts_with(&format!("{exchanges} receipts in ")), "{report}");
    assert!(report.contains("; 0 were lost"), "{report}");
    Ok(Recorded { _echo: echo, gate, file, exchanges })
}

/// Six requests a round: two pass, one replays, the others are refused, one of them without a key.
async fn traffic(gate: &Gate, key: &Key) -> Result<()> {
    let bearer = key.bearer();
    let auth = ("authorization", bearer.as_str());
    let json = ("content-type", "application/json");
    for round in 0..ROUNDS {
        let operation = format!("operation-{round}");
        let named = [auth, json, ("idempotency-key", operation.as_str())];
        for _ in 0..2 {
            let reply = gate.send(Method::POST, "/v1/things", &named, "{}").await?;
            assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
        }
        let bare = gate.send(Method::POST, "/v1/things", &[auth, json], "{}").await?;
        assert_eq!(bare.status, StatusCode::BAD_REQUEST);
        gate.send(Method::GET, "/v1/things/1", &[auth], "").await?;
        gate.send(Method::GET, "/v1/things/1", &[], "").await?;
        gate.send(Method::GET, "/v1/few", &[auth], "").await?;
    }
    Ok(())
}

impl Recorded {
    /// The folder with its rules changed.
    fn candidate(&self, from: &str, to: &str) -> Result<TempDir> {
        let folder = tempfile::tempdir()?;
        for entry in fs::read_dir(self.gate.folder())? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                fs::copy(entry.path(), folder.path().join(entry.file_name()))?;
            }
        }
        let path = folder.path().join("rules.toml");
        let rules = fs::read_to_string(&path)?;
        assert!(rules.contains(from), "{from}");
        fs::write(path, rules.replace(from, to))?;
        Ok(folder)
    }

    async fn replayed(&self, folder: &TempDir, more: &[&str]) -> Result<(i32, String)> {
        let file = self.file.display().to_string();
        let mut args = vec!["replay", file.as_str()];
        args.extend(more);
        let (code, told, complaint) = tollgate(folder.path(), &args).await?;
        Ok((code, format!("{told}{complaint}")))
    }
}

#[tokio::test]
async fn unchanged_rules_change_nothing_and_a_changed_one_lists_exactly_its_flips() -> Result<()> {
    let recorded = Arc::new(recorded().await?);
    let head = format!("{} exchanges: ", recorded.exchanges);

    let same = recorded.candidate("idempotency = \"required\"", "idempotency = \"required\"")?;
    let (code, told) = recorded.replayed(&same, &["--strict"]).await?;
    assert_eq!(code, 0, "{told}");
    assert!(told.starts_with(&head) && told.contains(" 0 changed, 0 undecided"), "{told}");

    let opens = recorded.candidate("idempotency = \"required\"", "idempotency = \"optional\"")?;
    let (code, told) = recorded.replayed(&opens, &[]).await?;
    assert_eq!(code, 2, "{told}");
    let change = "idempotency: 400 idempotency-key-missing -> proceed";
    assert!(told.contains(&format!(" {ROUNDS} changed, 0 undecided")), "{told}");
    assert!(told.contains(&format!("{change}\n      {ROUNDS} times, as in ")), "{told}");
    assert!(told.contains("DENIED BEFORE AND ALLOWED NOW"), "{told}");
    assert_eq!(told.matches(" -> ").count(), 1, "nothing else: {told}");
    let (code, told) = recorded.replayed(&opens, &["--expect", change]).await?;
    assert_eq!(code, 0, "{told}");
    Ok(())
}

#[tokio::test]
async fn what_was_not_recorded_is_told_and_never_guessed() -> Result<()> {
    let recorded = recorded().await?;
    // A refusal in place of a forward: a change, and no opening.
    let shuts = recorded.candidate("echo = { sandbox", "other = { sandbox")?;
    let (code, told) = recorded.replayed(&shuts, &[]).await?;
    assert_eq!(code, 1, "{told}");
    assert!(told.contains("routing: forward to echo-sandbox -> 500 "), "{told}");
    assert_eq!(told.matches(" -> ").count(), 1, "nothing else: {told}");

    // Another quota is another question, whose answer nobody knows.
    let asks =
        recorded.candidate("quota = 3, window_seconds = 60", "quota = 4, window_seconds = 60")?;
    let (code, told) = recorded.replayed(&asks, &[]).await?;
    assert_eq!(code, 0, "{told}");
    assert!(told.contains(&format!(" 0 changed, {ROUNDS} undecided")), "{told}");
    assert!(told.contains("rate-limit: took from the quotas"), "{told}");
    assert_eq!(recorded.replayed(&asks, &["--strict"]).await?.0, 1);

    // What cannot be run says so, and looks like no finding.
    let (code, told) = recorded.replayed(&asks, &["--no-such-flag"]).await?;
    assert_eq!(code, 3, "{told}");
    let wrong = recorded.candidate("plugin = \"auth\"", "plugin = \"nobody\"")?;
    assert_eq!(recorded.replayed(&wrong, &[]).await?.0, 3);
    let header = fs::read_to_string(&recorded.file)?;
    fs::write(
        &recorded.file,
        header.replacen("\"tollgate_receipts\":1", "\"tollgate_receipts\":9", 1),
    )?;
    let (code, told) = recorded.replayed(&asks, &[]).await?;
    assert!(code == 3 && told.contains("expected version 1 of receipts, found 9"), "{told}");
    Ok(())
}
