//! A plugin that misbehaves ends its own request, closed, and nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use e2e::Echo;
use e2e::gate::{Folder, Gate, component};
use http::{Method, StatusCode};

fn folder(echo: &Echo, act: &str, class: &str) -> Result<Folder> {
    let toml = format!(
        "[plugins.hostile]\nfile = \"hostile.wasm\"\n\
         [policies.hostile]\nplugin = \"hostile\"\nclass = \"{class}\"\ngrants = {GRANTS}\n\
         limits = {{ time_ms = 50 }}\nsettings = {{ act = \"{act}\" }}\n\
         [chains.edge]\npolicies = []\n[chains.hostile]\npolicies = [\"hostile\"]\n\
         [upstreams.echo]\nprotocol = \"http\"\nendpoints = [\"{}\"]\n\
         [routes.bad]\nmatch = \"GET /bad\"\nchain = \"hostile\"\nupstream = \"echo\"\n\
         [routes.good]\nmatch = \"GET /good\"\nchain = \"edge\"\nupstream = \"echo\"\n",
        echo.url()
    );
    let files = vec![("hostile.wasm".to_owned(), component("hostile")?)];
    Ok(Folder { toml, files, ..Folder::default() })
}

const GRANTS: &str = "[\"request\", \"route\", \"credentials\", \"principal\", \"quota\", \
                      \"upstreams\", \"idempotency\", \"reply-headers\", \"notes\", \"log\"]";

#[tokio::test]
async fn a_guest_that_loops_allocates_or_traps_is_stopped_and_the_next_request_works() -> Result<()>
{
    let echo = Echo::start().await?;
    for act in ["loop", "allocate", "trap", "recurse"] {
        let gate = Gate::start(&folder(&echo, act, "security")?).await?;
        let before = echo.calls();
        let began = Instant::now();
        let bad = gate.send(Method::GET, "/bad", &[], "").await?;
        assert_eq!(bad.status, StatusCode::INTERNAL_SERVER_ERROR, "{act}: {}", bad.text());
        assert_eq!(bad.header("content-type"), Some("application/problem+json"), "{act}");
        assert_eq!(bad.json()?["code"], "plugin_failure", "{act}");
        assert!(!bad.text().contains("hostile"), "{act}: the caller learns nothing of the plugin");
        assert!(began.elapsed() < Duration::from_secs(10), "{act}: {:?}", began.elapsed());
        assert_eq!(echo.calls(), before, "{act}: it ends closed");
        let good = gate.send(Method::GET, "/good", &[], "").await?;
        assert_eq!(good.status, StatusCode::OK, "{act}");
        assert!(gate.metric("tollgate_policy_runs_total", "outcome=\"failure\"").await? >= 1.0);
    }
    Ok(())
}

#[tokio::test]
async fn a_guest_that_loops_runs_no_longer_than_its_time_on_a_busy_machine() -> Result<()> {
    let echo = Echo::start().await?;
    let mut looping = folder(&echo, "loop", "security")?;
    looping.toml = looping.toml.replace("time_ms = 50", "time_ms = 20");
    let gate = Gate::start(&looping).await?;

    let _busy = Busy::start(8 * std::thread::available_parallelism()?.get());
    let mut fastest = Duration::MAX;
    for _ in 0..5 {
        let began = Instant::now();
        let bad = gate.send(Method::GET, "/bad", &[], "").await?;
        fastest = fastest.min(began.elapsed());
        assert_eq!(bad.json()?["code"], "plugin_failure", "{}", bad.text());
    }
    assert!(fastest < Duration::from_millis(500), "{fastest:?}");
    Ok(())
}

/// Threads that keep the machine busy until they are dropped.
struct Busy(Arc<AtomicBool>);

impl Busy {
    fn start(threads: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        for _ in 0..threads {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        Self(stop)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn an_observer_that_fails_is_passed_over() -> Result<()> {
    let echo = Echo::start().await?;
    let gate = Gate::start(&folder(&echo, "trap", "observe")?).await?;
    let reply = gate.send(Method::GET, "/bad", &[], "").await?;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    assert!(gate.metric("tollgate_policy_runs_total", "outcome=\"failure\"").await? >= 1.0);
    Ok(())
}

#[tokio::test]
async fn a_plugin_that_needs_more_than_it_is_granted_is_refused_with_both_names() -> Result<()> {
    let echo = Echo::start().await?;
    let good = folder(&echo, "proceed", "security")?;
    let gate = Gate::start(&good).await?;
    let rules = good.toml.replace(GRANTS, "[]");
    gate.rewrite("rules.toml", rules.as_bytes(), "refused").await?;
    let log = gate.process.log();
    assert!(log.contains("rules.toml:") && log.contains("policies.hostile"), "{log}");
    assert!(log.contains("grant"), "{log}");
    let still = gate.send(Method::GET, "/bad", &[], "").await?;
    assert_eq!(still.status, StatusCode::OK, "the last good configuration serves");
    Ok(())
}
