//! Parts of every test here: one engine, guests, and a run.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::OnceLock;
use std::time::Duration;

use conformance::{Table, component};
use tollgate_chain::{Authority, Failure, Head, Hook, Plugin, Run, Trace, Verdict};
use tollgate_runtime::{Component, Engine, EngineSettings, Grants, LoadError, RunLimits};

pub(crate) const QUESTIONS_MAX: u32 = 64;
pub(crate) const ANSWER_BYTES_MAX: usize = 4_096;

/// An engine of few instances, so that one that is not given back is missed.
pub(crate) fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let wait = Duration::from_secs(1);
        Engine::new(EngineSettings::new(16, wait, 256 << 10).unwrap()).unwrap()
    })
}

pub(crate) fn limits() -> RunLimits {
    RunLimits::new(Duration::from_millis(50), 8 << 20, 2_000).unwrap()
}

pub(crate) fn load(
    guest: &str,
    settings: &str,
    grants: &Grants,
) -> Result<Component<Table>, LoadError> {
    load_bytes(&component(guest).unwrap(), settings, grants)
}

pub(crate) fn load_bytes(
    file: &[u8],
    settings: &str,
    grants: &Grants,
) -> Result<Component<Table>, LoadError> {
    Component::load(engine(), file, settings.to_owned(), grants, limits())
}

/// The hostile guest with these orders.
pub(crate) fn hostile(act: &str) -> Component<Table> {
    load("hostile", &format!(r#"{{"act":"{act}"}}"#), &Grants::all()).unwrap()
}

/// The curious guest, asking this interface.
pub(crate) fn curious(interface: &str) -> Component<Table> {
    load("curious", &format!(r#"{{"interface":"{interface}"}}"#), &Grants::all()).unwrap()
}

/// Runs a hook once, to the end of the run.
pub(crate) async fn run(
    component: &Component<Table>,
    hook: Hook,
    host: Table,
) -> (Result<Verdict, Failure>, Trace) {
    run_fed(component, hook, host, Trace::new()).await
}

pub(crate) async fn run_fed(
    component: &Component<Table>,
    hook: Hook,
    host: Table,
    fed: Trace,
) -> (Result<Verdict, Failure>, Trace) {
    let run = Run::fed(host, fed, QUESTIONS_MAX, ANSWER_BYTES_MAX);
    let (run, outcome) = component.run(hook, run).await;
    let (_host, trace) = run.finish(&outcome);
    (outcome, trace)
}

/// A request.
pub(crate) fn head() -> Head {
    Head {
        method: http::Method::GET,
        authority: Authority::from_canonical("a.example"),
        path: "/".into(),
        query: None,
        headers: http::HeaderMap::new(),
        server_name: None,
        client_certificate: None,
        secure: false,
        client: IpAddr::V4(Ipv4Addr::LOCALHOST),
        request_id: "request-1".into(),
        websocket: false,
        source: 0,
    }
}
