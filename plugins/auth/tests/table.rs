//! Every branch of `auth`, against a table of answers.

use auth::{Settings, decide};
use tollgate_sdk::testing::{self, Answer, Table, outcome, refused_keys, settings};
use tollgate_sdk::{Access, Environment, Identity, Presentation, Problem, Resolution, RouteMatch};

const NO_STORE: &str = "reply-headers.set(cache-control, no-store)";
const ESTABLISH: &str = "principal.establish(7)";

fn resolved(environment: Environment, access: Access) -> Resolution {
    Resolution::Resolved(Identity { environment, access })
}

/// A caller with full live access, on a plain Route of an unbound host.
fn caller() -> Table {
    Table::new()
        .with("credentials.presented()", Presentation::One(7))
        .with("credentials.resolve(7)", resolved(Environment::Live, Access::Full))
        .with("notes.is", false)
        .with("route.matched()", RouteMatch::Found)
        .with("route.attribute", Answer::Nothing)
}

fn run(mut host: Table) -> (String, Table) {
    let verdict = decide(&settings::<Settings>("{}"), &mut host);
    (outcome(&verdict), host)
}

fn problem(mut host: Table) -> Problem {
    testing::problem(&decide(&settings::<Settings>("{}"), &mut host))
}

#[track_caller]
fn expect(table: Table, expected: &str, commands: &[&str]) {
    let (outcome, host) = run(table);
    assert_eq!(outcome, expected);
    assert_eq!(host.commands(), commands);
}

#[test]
fn a_known_caller_is_established_and_proceeds() {
    expect(caller(), "proceed", &[ESTABLISH, NO_STORE]);
}

#[test]
fn a_missing_key_is_challenged_without_an_error_and_without_a_look_up() {
    let table = Table::new().with("credentials.presented()", Presentation::None);
    let challenge = "reply-headers.set(www-authenticate, Bearer realm=\"tollgate\")";
    expect(table.clone(), "401 unauthenticated", &[NO_STORE, challenge]);
    assert!(!run(table).1.saw("credentials.resolve"));
}

#[test]
fn a_key_in_the_query_is_refused_without_a_look_up() {
    let table = Table::new().with("credentials.presented()", Presentation::InQuery);
    let challenge =
        "reply-headers.set(www-authenticate, Bearer realm=\"tollgate\", error=\"invalid_token\")";
    expect(table.clone(), "401 unauthenticated", &[NO_STORE, challenge]);
    assert!(!run(table).1.saw("credentials.resolve"));
}

#[test]
fn several_credentials_are_malformed() {
    let table = Table::new().with("credentials.presented()", Presentation::Several);
    expect(table, "400 malformed-request", &[NO_STORE]);
}

#[test]
fn an_invalid_key_is_challenged_with_an_error() {
    let table = caller().with("credentials.resolve(7)", Resolution::Invalid);
    let challenge =
        "reply-headers.set(www-authenticate, Bearer realm=\"tollgate\", error=\"invalid_token\")";
    expect(table, "401 unauthenticated", &[NO_STORE, challenge]);
}

#[test]
fn a_throttled_address_is_told_to_wait() {
    let table = caller().with("credentials.resolve(7)", Resolution::Throttled);
    let wait = "reply-headers.set-from(retry-after, retry-after)";
    expect(table.clone(), "429 abnormal-usage-detected", &[NO_STORE, wait]);
    let uri = "https://iana.org/assignments/http-problem-types#abnormal-usage-detected";
    assert_eq!(problem(table).type_uri.as_deref(), Some(uri));
}

#[test]
fn an_unavailable_store_is_never_a_401() {
    let table = caller().with("credentials.resolve(7)", Resolution::Unavailable);
    let wait = "reply-headers.set(retry-after, 1)";
    expect(table, "503 identity-unavailable", &[NO_STORE, wait]);
}

#[test]
fn a_key_of_the_other_environment_than_the_host_is_refused() {
    let rows = [
        (Environment::Live, "sandbox", "403 environment-mismatch"),
        (Environment::Sandbox, "live", "403 environment-mismatch"),
        (Environment::Live, "live", "proceed"),
        (Environment::Sandbox, "sandbox", "proceed"),
    ];
    for (key, bound_to, expected) in rows {
        for matched in [RouteMatch::Found, RouteMatch::OtherMethod, RouteMatch::None] {
            let table = caller()
                .with("credentials.resolve(7)", resolved(key, Access::Full))
                .with(&format!("notes.is(host-environment, {bound_to})"), true)
                .with("route.matched()", matched);
            let (outcome, host) = run(table);
            assert_eq!(outcome, expected, "{key:?} key, {bound_to} host");
            assert_eq!(host.saw("principal.establish"), expected == "proceed");
        }
    }
}

#[test]
fn a_scope_that_the_key_lacks_is_named_in_challenge_and_problem() {
    let table = caller()
        .with("route.attribute(scope)", "deposits:write")
        .with("credentials.permits(7, deposits:write)", false);
    let challenge = "reply-headers.set(www-authenticate, Bearer realm=\"tollgate\", \
        error=\"insufficient_scope\", scope=\"deposits:write\")";
    expect(table.clone(), "403 insufficient-scope", &[NO_STORE, challenge]);
    assert!(problem(table).detail.contains("`deposits:write`"));
}

#[test]
fn a_scope_that_the_key_has_lets_it_proceed() {
    let table = caller()
        .with("route.attribute(scope)", "deposits:write")
        .with("credentials.permits(7, deposits:write)", true);
    expect(table, "proceed", &[ESTABLISH, NO_STORE]);
}

#[test]
fn access_is_compared_with_what_the_route_moves() {
    let refused = "403 live-access-required";
    let rows = [
        (Access::Full, [Some("proceed"), Some("proceed"), Some("proceed"), Some("proceed")]),
        (Access::NoMoneyOut, [Some("proceed"), Some("proceed"), Some("proceed"), None]),
        (Access::ReadOnly, [Some("proceed"), Some("proceed"), None, None]),
        (Access::None, [None, None, None, None]),
    ];
    let movements = [Answer::Nothing, "read".into(), "in".into(), "out".into()];
    for (access, expected) in rows {
        for (movement, expected) in movements.iter().zip(expected) {
            let table = caller()
                .with("credentials.resolve(7)", resolved(Environment::Live, access))
                .with("route.attribute(movement)", movement.clone());
            let (outcome, host) = run(table);
            assert_eq!(outcome, expected.unwrap_or(refused), "{access:?} and {movement:?}");
            assert_eq!(host.saw("principal.establish"), expected.is_some());
        }
    }
}

#[test]
fn an_unknown_movement_is_the_operators_mistake_and_refused() {
    for access in [Access::ReadOnly, Access::NoMoneyOut] {
        let table = caller()
            .with("credentials.resolve(7)", resolved(Environment::Live, access))
            .with("route.attribute(movement)", "sideways");
        let (outcome, host) = run(table);
        assert_eq!(outcome, "500 internal");
        assert!(!host.saw("principal.establish"));
    }
}

#[test]
fn an_unmatched_request_is_authenticated_and_left_to_the_host() {
    for matched in [RouteMatch::OtherMethod, RouteMatch::None] {
        let table = caller()
            .with("credentials.resolve(7)", resolved(Environment::Live, Access::None))
            .with("route.matched()", matched);
        expect(table, "proceed", &[ESTABLISH, NO_STORE]);
        let table = Table::new().with("credentials.presented()", Presentation::None);
        assert_eq!(run(table).0, "401 unauthenticated");
    }
}

#[test]
fn only_the_route_can_leave_caching_to_the_upstream() {
    let table = caller().with("route.attribute(cache)", "upstream");
    expect(table, "proceed", &[ESTABLISH]);
    let table = caller().with("route.attribute(cache)", "anything else");
    expect(table, "proceed", &[ESTABLISH, NO_STORE]);
    let table = caller()
        .with("route.attribute(cache)", "upstream")
        .with("credentials.resolve(7)", Resolution::Invalid);
    assert!(run(table).1.saw(NO_STORE));
}

#[test]
fn the_look_up_comes_after_nothing_but_the_presentation() {
    let (_, host) = run(caller());
    assert_eq!(host.asked()[..2], ["credentials.presented()", "credentials.resolve(7)"]);
}

#[test]
fn the_realm_is_configurable_and_cannot_break_the_challenge() {
    let mut host = Table::new().with("credentials.presented()", Presentation::None);
    decide(&settings::<Settings>(r#"{"realm":"acme payments"}"#), &mut host);
    assert!(host.saw("reply-headers.set(www-authenticate, Bearer realm=\"acme payments\")"));
    for text in
        [r#"{"realm":"a\"b"}"#, r#"{"realm":"a\\b"}"#, r#"{"realm":"é"}"#, r#"{"realm":""}"#]
    {
        assert_eq!(refused_keys::<Settings>(text), ["realm"], "{text}");
    }
    assert_eq!(refused_keys::<Settings>(r#"{"relm":"a"}"#), ["relm"]);
}
