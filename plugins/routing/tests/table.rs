//! Every branch of `routing`, against a table of answers.

use routing::{Settings, decide};
use tollgate_sdk::testing::{Answer, Table, outcome, problem, refused_keys, settings};
use tollgate_sdk::{Environment, UpstreamState, Verdict};

const SERVICES: &str = r#"{"services":{
    "deposits":{"sandbox":"deposits-sandbox","live":"deposits-live"},
    "preview":{"sandbox":"preview-sandbox"},
    "payouts":{"live":"payouts-live"}}}"#;

fn run(service: &str, environment: Environment, state: UpstreamState) -> (Verdict, Table) {
    let mut host = Table::new()
        .with("route.attribute(service)", service)
        .with("principal.environment()", environment)
        .with("upstreams.state", state);
    (decide(&settings::<Settings>(SERVICES), &mut host), host)
}

#[test]
fn the_principals_environment_chooses_the_upstream() {
    let rows = [
        ("deposits", Environment::Sandbox, "forward deposits-sandbox"),
        ("deposits", Environment::Live, "forward deposits-live"),
        ("preview", Environment::Sandbox, "forward preview-sandbox"),
        ("payouts", Environment::Live, "forward payouts-live"),
    ];
    for (service, environment, expected) in rows {
        let (verdict, host) = run(service, environment, UpstreamState::Ready);
        assert_eq!(outcome(&verdict), expected);
        assert!(host.commands().is_empty());
    }
}

#[test]
fn a_missing_target_is_refused_and_never_served_by_the_other_environment() {
    let rows = [
        ("preview", Environment::Live, "no target in live"),
        ("payouts", Environment::Sandbox, "no target in sandbox"),
    ];
    for (service, environment, said) in rows {
        let (verdict, host) = run(service, environment, UpstreamState::Ready);
        assert_eq!(outcome(&verdict), "403 environment-mismatch");
        assert!(!host.saw("upstreams.state"));
        let problem = problem(&verdict);
        assert!(problem.detail.contains(said), "{}", problem.detail);
    }
}

#[test]
fn a_route_without_a_service_keeps_its_own_upstream() {
    let mut host = Table::new().with("route.attribute(service)", Answer::Nothing);
    assert_eq!(outcome(&decide(&settings(SERVICES), &mut host)), "proceed");
}

#[test]
fn a_service_without_a_principal_is_refused() {
    let mut host = Table::new()
        .with("route.attribute(service)", "deposits")
        .with("principal.environment()", Answer::Nothing);
    assert_eq!(outcome(&decide(&settings(SERVICES), &mut host)), "403 environment-mismatch");
}

#[test]
fn an_unavailable_upstream_is_answered_with_when_to_retry() {
    let (verdict, host) = run("deposits", Environment::Live, UpstreamState::Unavailable);
    assert_eq!(outcome(&verdict), "503 upstream-unavailable");
    assert_eq!(host.commands(), ["reply-headers.set(retry-after, 1)"]);
}

#[test]
fn what_the_operator_forgot_to_declare_is_an_internal_error() {
    let rows = [("deposits", UpstreamState::Unknown), ("ledger", UpstreamState::Ready)];
    for (service, state) in rows {
        let (verdict, host) = run(service, Environment::Live, state);
        assert_eq!(outcome(&verdict), "500 internal", "{service}");
        assert!(host.commands().is_empty());
    }
}

#[test]
fn settings_that_lead_nowhere_are_refused() {
    let rows = [
        (r#"{"services":{"a":{}}}"#, &["services.a.live"][..]),
        (r#"{"services":{"a":{"sandbox":"x","live":"x"}}}"#, &[]),
        (r#"{"services":{"a":{"sandbox":1,"live":"x"}}}"#, &["services.a.sandbox"]),
        (r#"{"services":{"a":{"live":"x","test":"y"}}}"#, &["services.a.test"]),
        (r#"{"services":[]}"#, &["services"]),
        (r"{}", &[]),
    ];
    for (text, keys) in rows {
        assert_eq!(refused_keys::<Settings>(text), keys, "{text}");
    }
}
