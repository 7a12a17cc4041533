//! Configuration and plugins are exchanged under load for half a minute, and nobody notices.

use std::time::{Duration, Instant};

use anyhow::Result;
use e2e::gate::{Gate, SOON, six};
use e2e::{Echo, Key, VariedGate};
use tollgate_harness::{Report, eventually};

const CONNECTIONS: u32 = 50;
const SWAPS: u32 = 20;
const LASTS: Duration = Duration::from_secs(30);
/// Requests per second: what is promised, and what is offered.
const PROMISED: f64 = 1_000.0;
const OFFERED: u32 = 1_200;
/// Replies between two swaps, so that the swaps are spread over the load.
const BETWEEN: u64 = 1_200;

/// Mistakes, each refused, and each taken back.
async fn mistakes(varied: &VariedGate) -> Result<()> {
    let unknown = format!("{}\n[routes.x]\nmatch = \"GET /x\"\nchian = \"edge\"\n", varied.rules);
    for garbage in ["garbage [[[", &unknown] {
        varied.gate.rewrite("rules.toml", garbage.as_bytes(), "refused").await?;
        varied.is_in_force().await?;
    }
    varied.gate.rewrite("rules.toml", varied.rules.as_bytes(), "swapped").await?;
    varied.gate.rewrite("auth.wasm", &varied.auth[..varied.auth.len() / 2], "refused").await?;
    varied.is_in_force().await?;
    varied.gate.rewrite("auth.wasm", &varied.auth, "swapped").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_swaps_in_half_a_minute_of_load_lose_no_request() -> Result<()> {
    let (echo, key) = (Echo::start().await?, Key::new("sandbox", 3));
    let gate = Gate::start(&six(&echo, &[(&key, &["things:read"])])?).await?;
    let mut varied = VariedGate::new(gate)?;

    let began = Instant::now();
    let load = varied.gate.traffic(&key, CONNECTIONS, OFFERED);

    for round in 0..SWAPS {
        load.flow(BETWEEN, SOON).await?;
        if round % 2 == 0 {
            varied.vary_rules(u64::from(round));
            varied.gate.rewrite("rules.toml", varied.rules.as_bytes(), "swapped").await?;
        } else {
            varied.vary_component(u64::from(round))?;
            varied.gate.rewrite("auth.wasm", &varied.auth, "swapped").await?;
        }
        varied.is_in_force().await?;
        if round % 5 == 4 {
            mistakes(&varied).await?;
        }
    }

    eventually("the end of half a minute", LASTS, async || {
        (began.elapsed() >= LASTS).then_some(())
    })
    .await?;
    let report = load.stop().await?;
    is_without_loss(&report);

    let log = varied.gate.process.log();
    let misspelt = varied.rules.lines().count() + 4;
    for message in [
        "rules.toml:1: expected TOML: ".to_owned(),
        format!("rules.toml:{misspelt}: routes.x: unknown field `chian`, expected one of `match`"),
        "plugins.auth.file: ".to_owned(),
        "auth.wasm: the component is truncated".to_owned(),
    ] {
        assert!(log.contains(&message), "{message}: {log}");
    }
    assert!(varied.gate.metric("tollgate_config_generation", "").await? > f64::from(SWAPS));
    Ok(())
}

/// No request failed, and the load was what was promised.
#[expect(clippy::print_stderr, reason = "figures, for whoever runs it with --nocapture")]
fn is_without_loss(report: &Report) {
    let figures = format!(
        "{} sent in {:.1?}: {:.0}/s answered well, {} not; half within {:?}, 99 of 100 within {:?}",
        report.sent,
        report.lasted,
        report.rate(),
        report.failed(),
        report.percentile(50),
        report.percentile(99),
    );
    eprintln!("{figures}");
    let causes = (&report.wrong, &report.first_wrong, &report.first_broken);
    assert_eq!(report.failed(), 0, "{figures}; {causes:?}");
    assert!(report.lasted >= LASTS, "{figures}");
    assert!(
        report.rate() >= PROMISED,
        "no request failed, but {OFFERED}/s could not be offered, which proves nothing: is the \
         machine busy with something else? {figures}"
    );
}
