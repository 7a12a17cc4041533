//! Configuration and plugins are exchanged under load for half a minute, and nobody notices.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use e2e::gate::{Gate, SOON, component, six};
use e2e::{Echo, Key};
use http::Method;
use tollgate_harness::{Report, eventually};

const CONNECTIONS: u32 = 50;
const SWAPS: u32 = 20;
const LASTS: Duration = Duration::from_secs(30);
/// Requests per second: what is promised, and what is offered.
const PROMISED: f64 = 1_000.0;
const OFFERED: u32 = 1_200;
/// Replies between two swaps, so that the swaps are spread over the load.
const BETWEEN: u64 = 1_200;

const ORIGIN: &str = "https://app.example.com";
/// Text of the auth plugin, as a caller without a key reads it.
const HINT: &str = "Send your API key as";

/// The rules that the gateway was last given, which it keeps until it accepts others.
struct Told {
    gate: Gate,
    rules: String,
    auth: Vec<u8>,
    origin: String,
    hint: String,
}

impl Told {
    async fn settings(&mut self, round: u32) -> Result<()> {
        let origin = format!("https://app-{round}.example.com");
        self.rules = self.rules.replace(&self.origin, &origin);
        self.origin = origin;
        self.gate.rewrite("rules.toml", self.rules.as_bytes(), "swapped").await
    }

    /// A plugin built anew, with another text in it.
    async fn plugin(&mut self, round: u32) -> Result<()> {
        let hint = format!("{}{round:02}", &HINT[..HINT.len() - 2]);
        let at = self.auth.windows(self.hint.len()).position(|text| text == self.hint.as_bytes());
        let Some(at) = at else { anyhow::bail!("the plugin does not say {:?}", self.hint) };
        self.auth[at..at + hint.len()].copy_from_slice(hint.as_bytes());
        self.hint = hint;
        self.gate.rewrite("auth.wasm", &self.auth, "swapped").await
    }

    /// Mistakes, each refused, and each taken back.
    async fn mistakes(&self) -> Result<()> {
        let unknown = format!("{}\n[routes.x]\nmatch = \"GET /x\"\nchian = \"edge\"\n", self.rules);
        for garbage in ["garbage [[[", &unknown] {
            self.gate.rewrite("rules.toml", garbage.as_bytes(), "refused").await?;
            self.is_in_force().await?;
        }
        self.gate.rewrite("rules.toml", self.rules.as_bytes(), "swapped").await?;
        self.gate.rewrite("auth.wasm", &self.auth[..self.auth.len() / 2], "refused").await?;
        self.is_in_force().await?;
        self.gate.rewrite("auth.wasm", &self.auth, "swapped").await
    }

    async fn is_in_force(&self) -> Result<()> {
        let asked = [("origin", self.origin.as_str()), ("access-control-request-method", "GET")];
        let preflight = self.gate.send(Method::OPTIONS, "/v1/things/1", &asked, "").await?;
        let allowed = preflight.header("access-control-allow-origin");
        ensure!(allowed == Some(&self.origin), "{} is not allowed: {allowed:?}", self.origin);
        let stranger = self.gate.send(Method::GET, "/v1/things/1", &[], "").await?;
        ensure!(stranger.text().contains(&self.hint), "{}: {}", self.hint, stranger.text());
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_swaps_in_half_a_minute_of_load_lose_no_request() -> Result<()> {
    let (echo, key) = (Echo::start().await?, Key::new("sandbox", 3));
    let gate = Gate::start(&six(&echo, &[(&key, &["things:read"])])?).await?;
    let rules = std::fs::read_to_string(gate.file("rules.toml"))?;
    let mut told = Told {
        gate,
        rules,
        auth: component("auth")?,
        origin: ORIGIN.to_owned(),
        hint: HINT.to_owned(),
    };

    let began = Instant::now();
    let load = told.gate.traffic(&key, CONNECTIONS, OFFERED);

    for round in 0..SWAPS {
        load.flow(BETWEEN, SOON).await?;
        if round % 2 == 0 {
            told.settings(round).await?
        } else {
            told.plugin(round).await?
        }
        told.is_in_force().await?;
        if round % 5 == 4 {
            told.mistakes().await?;
        }
    }

    eventually("the end of half a minute", LASTS, async || {
        (began.elapsed() >= LASTS).then_some(())
    })
    .await?;
    let report = load.stop().await?;
    is_without_loss(&report);

    let log = told.gate.process.log();
    let misspelt = told.rules.lines().count() + 4;
    for told in [
        "rules.toml:1: expected TOML: ".to_owned(),
        format!("rules.toml:{misspelt}: routes.x: unknown field `chian`, expected one of `match`"),
        "plugins.auth.file: ".to_owned(),
        "auth.wasm: the component is truncated".to_owned(),
    ] {
        assert!(log.contains(&told), "{told}: {log}");
    }
    assert!(told.gate.metric("tollgate_config_generation", "").await? > f64::from(SWAPS));
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
