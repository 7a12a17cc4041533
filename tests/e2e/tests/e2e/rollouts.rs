//! A candidate takes a policy's place step by step, under load, and is taken back when it must be.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use e2e::gate::{Gate, SOON, six};
use e2e::{Echo, Key};
use http::{Request, StatusCode};
use serde_json::Value;
use tollgate_harness::{Client, Load, Plan, Reply, eventually};

const TENANTS: u64 = 10_000;
/// Percent of them for whom the canary decides, and how far that may be off.
const SHARE: u64 = 10;
const OFF_BY: u64 = 2;

/// The upstream of each tenant's requests, for as long as it is to stay the same: true for the
/// candidate's.
type Assignments = Arc<Mutex<HashMap<u64, bool>>>;

/// Returns the number of the request, and true if its reply came from the upstream of this
/// authority.
fn told(reply: &Reply, authority: &str) -> Option<(u64, bool)> {
    let text = reply.text();
    let number = text.split("x-request-id: request-").nth(1)?.split('"').next()?.parse().ok()?;
    Some((number, text.contains(&format!("host: {authority}"))))
}

/// Requests of one tenant after the other; a tenant that changes sides is a failure.
fn traffic(gate: &Gate, keys: &Arc<Vec<String>>, next: &str, assignments: &Assignments) -> Load {
    let (url, keys) = (gate.url("/v1/things/1"), Arc::clone(keys));
    let (next, assignments) = (next.to_owned(), Arc::clone(assignments));

    Load::start(Plan {
        client: Client::h1(),
        request: Box::new(move |number| {
            let key = usize::try_from(number % TENANTS).ok().and_then(|at| keys.get(at));
            let request = Request::get(&url)
                .header("authorization", key.map_or("", String::as_str))
                .header("x-request-id", format!("request-{number:08}"));
            request.body(bytes::Bytes::new()).unwrap_or_default()
        }),
        good: Box::new(move |reply| {
            let Some((number, by_next)) = told(reply, &next) else { return false };
            let mut assignments = assignments.lock().unwrap_or_else(PoisonError::into_inner);
            let before = *assignments.entry(number % TENANTS).or_insert(by_next);
            reply.status == StatusCode::OK && before == by_next
        }),
        connections: 20,
        rate: None,
    })
}

/// Returns the report of `tollgate rollout` on the one policy that has a candidate.
async fn rollout(gate: &Gate, args: &[&str]) -> Result<Value> {
    let (code, told, complaint) = gate.tollgate(&[&["rollout", "--json"], args].concat()).await?;
    assert_eq!(code, 0, "{complaint}");
    let all: Value = serde_json::from_str(&told)?;
    all.get(0).cloned().with_context(|| format!("a rollout in {told}"))
}

fn count(own: &Value, path: &str) -> u64 {
    own.pointer(path).and_then(Value::as_u64).unwrap_or_default()
}

/// The share of tenants that is assigned to the new side, in percent.
fn percent(assignments: &Assignments) -> (usize, u64) {
    let assignments = assignments.lock().unwrap_or_else(PoisonError::into_inner);
    let moved = assignments.values().filter(|by_next| **by_next).count() as u64;
    (assignments.len(), 100 * moved / assignments.len().max(1) as u64)
}

const CANDIDATE: &str = r#"
[policies.routing-next]
plugin = "routing"
grants = ["route", "principal", "upstreams", "reply-headers"]
settings = { services = { echo = { sandbox = "echo-next" } } }

[rollouts.routing]
candidate = "routing-next"
stage = "shadow"

[upstreams.echo-next]
protocol = "http"
endpoints = ["NEXT"]
environment = "sandbox"
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_candidate_is_shadowed_tried_on_a_tenth_of_tenants_promoted_and_taken_back() -> Result<()>
{
    let (echo, next) = (Echo::start().await?, Echo::start().await?);
    let keys: Vec<Key> =
        (0..TENANTS).filter_map(|n| Some(Key::new("sandbox", u32::try_from(n).ok()?))).collect();
    let mut folder = six(&echo, &[])?;
    let entry = |(n, key): (usize, &Key)| key.entry(&format!("tenant-{n}"), &["things:read"]);
    folder.credentials = keys.iter().enumerate().map(entry).collect();
    folder.toml.push_str(&CANDIDATE.replace("NEXT", &next.url()));
    let gate = Gate::start(&folder).await?;
    let keys = Arc::new(keys.iter().map(Key::bearer).collect::<Vec<_>>());
    let authority = next.url().replace("http://", "");
    let flows = |assignments: &Assignments| traffic(&gate, &keys, &authority, assignments);

    // In shadow nothing changes for anybody, and every difference is counted.
    let assignments = Assignments::default();
    let load = flows(&assignments);
    load.flow(500, SOON).await?;
    let status = rollout(&gate, &["status"]).await?;
    assert_eq!((status["stage"].as_str(), next.calls()), (Some("shadow"), 0));
    assert!(count(&status, "/shadow/differs") >= 450, "{status}");
    assert_eq!(count(&status, "/shadow/same") + count(&status, "/shadow/failed"), 0, "{status}");
    let difference = status.pointer("/differences/0").context("a difference")?;
    assert_eq!(difference["current"], "forward to echo-sandbox");
    assert_eq!(difference["candidate"], "forward to echo-next");
    assert_eq!(load.stop().await?.failed(), 0);
    assert_eq!(percent(&assignments).1, 0);

    // As a canary it decides for a tenth of tenants: each of them twice, and always the same way.
    let assignments = Assignments::default();
    rollout(&gate, &["canary", "routing", "--share", &SHARE.to_string()]).await?;
    let load = flows(&assignments);
    load.flow(2 * TENANTS + 500, 4 * SOON).await?;
    let report = load.stop().await?;
    assert_eq!(report.failed(), 0, "{:?} {:?}", report.wrong, report.first_wrong);
    let (tenants, moved) = percent(&assignments);
    assert_eq!(tenants as u64, TENANTS);
    assert!((SHARE - OFF_BY..=SHARE + OFF_BY).contains(&moved), "{moved} % of tenants");
    let status = rollout(&gate, &["status"]).await?;
    assert_eq!(count(&status, "/candidate_fared/decisions"), next.calls());

    // Promoted and taken back while requests are under way, which end as they began.
    let load = traffic_of_all(&gate, &keys);
    load.flow(200, SOON).await?;
    rollout(&gate, &["promote", "routing"]).await?;
    let before = echo.calls();
    eventually("every request to go the new way", SOON, async || {
        let (old, new) = (echo.calls(), next.calls());
        load.flow(100, SOON).await.ok()?;
        (echo.calls() == old && next.calls() > new).then_some(())
    })
    .await?;
    assert!(echo.calls() - before < 50, "the old way was gone on");
    rollout(&gate, &["rollback", "routing"]).await?;
    let calls = next.calls();
    load.flow(200, SOON).await?;
    assert!(next.calls() - calls < 50, "the new way was gone on");
    assert_eq!(load.stop().await?.failed(), 0);

    let log = gate.process.log();
    for (from, to) in [("shadow", "canary 10 %"), ("canary 10 %", "full"), ("full", "off")] {
        let step = format!(r#""from":"{from}","to":"{to}""#);
        assert!(log.contains(&step), "{step} is not in the audit log: {log}");
    }
    Ok(())
}

/// Requests of all tenants, wherever they go.
fn traffic_of_all(gate: &Gate, keys: &Arc<Vec<String>>) -> Load {
    let (url, keys) = (gate.url("/v1/things/1"), Arc::clone(keys));
    Load::start(Plan {
        client: Client::h1(),
        request: Box::new(move |number| {
            let key = usize::try_from(number % TENANTS).ok().and_then(|at| keys.get(at));
            let key = key.map_or("", String::as_str);
            let request = Request::get(&url).header("authorization", key);
            request.body(bytes::Bytes::new()).unwrap_or_default()
        }),
        good: Box::new(|reply| reply.status == StatusCode::OK),
        connections: 20,
        rate: None,
    })
}

const WORSE: &str = r#"
[policies.hosts-next]
plugin = "allowed-hosts"
grants = ["request", "notes"]
settings = { hosts = [{ name = "elsewhere.example" }] }

[rollouts.allowed-hosts]
candidate = "hosts-next"
stage = "canary"
share_percent = 40.0
tolerance = { decisions_min = 20 }
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_candidate_that_refuses_more_is_taken_back_and_stays_so_over_reloads() -> Result<()> {
    let echo = Echo::start().await?;
    let keys: Vec<Key> = (0..100).map(|n| Key::new("sandbox", n)).collect();
    let mut folder = six(&echo, &[])?;
    let entry = |(n, key): (usize, &Key)| key.entry(&format!("tenant-{n}"), &["things:read"]);
    folder.credentials = keys.iter().enumerate().map(entry).collect();
    folder.toml.push_str(WORSE);
    let gate = Gate::start(&folder).await?;
    let (url, bearers) = (gate.url("/v1/things/1"), keys.iter().map(Key::bearer));
    let bearers: Vec<String> = bearers.collect();
    let load = Load::start(Plan {
        client: Client::h1(),
        request: Box::new(move |number| {
            let at = usize::try_from(number).unwrap_or_default() % bearers.len();
            let request = Request::get(&url).header("authorization", &bearers[at]);
            request.body(bytes::Bytes::new()).unwrap_or_default()
        }),
        // Refused for as long as the candidate decides, and never otherwise wrong.
        good: Box::new(|reply| [200, 421].contains(&reply.status.as_u16())),
        connections: 10,
        rate: None,
    });
    let own = eventually("the candidate to be taken back", SOON, async || {
        let own = rollout(&gate, &["status"]).await.ok()?;
        own.get("returned").is_some().then_some(own)
    })
    .await?;
    assert_eq!(own["stage"], "off");
    let why = own["returned"].as_str().unwrap_or_default();
    assert_eq!(why, "refusals rose from 0.00 % to 100.00 %");
    load.flow(50, SOON).await?;
    let report = load.stop().await?;
    assert_eq!(report.failed(), 0, "{:?}", report.wrong);

    let rules = std::fs::read_to_string(gate.file("rules.toml"))?;
    let changed = rules.replace("https://app.example.com", "https://other.example.com");
    gate.rewrite("rules.toml", changed.as_bytes(), "swapped").await?;
    assert_eq!(rollout(&gate, &["status"]).await?["stage"], "off", "a reload began it anew");
    for key in &keys {
        let bearer = key.bearer();
        let headers = [("authorization", bearer.as_str())];
        let reply = gate.send(http::Method::GET, "/v1/things/1", &headers, "").await?;
        assert_eq!(reply.status, StatusCode::OK);
    }
    // Another candidate is another beginning.
    let better = changed.replace("elsewhere.example", &gate.authority());
    gate.rewrite("rules.toml", better.as_bytes(), "swapped").await?;
    assert_eq!(rollout(&gate, &["status"]).await?["stage"], "canary");
    let rollbacks = gate.metric("tollgate_rollout_rollbacks_total", "allowed-hosts").await?;
    assert!((rollbacks - 1.0).abs() < f64::EPSILON, "{rollbacks}");
    let log = gate.process.log();
    assert!(log.contains("candidate rolled back") && log.contains("rollout rolled back"));
    Ok(())
}
