//! Every branch of `cors`, against a table of answers.

use cors::{Settings, decide};
use tollgate_sdk::testing::{Table, outcome, refused_keys, settings};
use tollgate_sdk::{OriginKind, Presence, RouteMatch};

const LISTED: &str = r#"{"origins":["https://app.example.com","https://*.example.org"]}"#;
const IGNORE: &str = r#"{"origins":["https://app.example.com"],"disallowed":"ignore"}"#;
const CREDENTIALS: &str = r#"{"origins":["https://app.example.com"],"credentials":true}"#;
const PUBLIC: &str = r#"{"public":true,"origins":["*"]}"#;

const DROP: &str = "reply-headers.drop-upstream([access-control-allow-origin, \
    access-control-allow-credentials, access-control-allow-methods, \
    access-control-allow-headers, access-control-allow-private-network, \
    access-control-expose-headers, access-control-max-age])";
const VARY: &str = "reply-headers.add-vary([origin])";
const VARY_PREFLIGHT: &str =
    "reply-headers.add-vary([access-control-request-method, access-control-request-headers])";
const ECHO: &str = "reply-headers.set-from(access-control-allow-origin, request-header origin)";
const STAR: &str = "reply-headers.set(access-control-allow-origin, *)";
const ALLOW_CREDENTIALS: &str = "reply-headers.set(access-control-allow-credentials, true)";
const METHODS: &str = "reply-headers.set-from(access-control-allow-methods, route-methods)";
const HEADERS: &str = "reply-headers.set(access-control-allow-headers, authorization, \
    content-type, idempotency-key, x-api-key)";
const MAX_AGE: &str = "reply-headers.set(access-control-max-age, 600)";
const EXPOSE: &str = "reply-headers.set(access-control-expose-headers, x-request-id, \
    retry-after, ratelimit, ratelimit-policy, idempotent-replayed, location, link)";

fn get() -> Table {
    Table::new().with("request.method-is(OPTIONS)", false)
}

fn preflight(matched: RouteMatch) -> Table {
    Table::new()
        .with("request.method-is(OPTIONS)", true)
        .with("request.header-presence(access-control-request-method)", Presence::Once)
        .with("route.matched()", matched)
}

fn run(text: &str, table: Table, origin: OriginKind, listed: bool) -> (String, Vec<String>) {
    let mut host = table.with("request.origin()", origin).with("request.origin-in", listed);
    let verdict = decide(&settings::<Settings>(text), &mut host);
    (outcome(&verdict), host.commands().to_vec())
}

#[track_caller]
fn expect(decision: (String, Vec<String>), outcome: &str, commands: &[&str]) {
    assert_eq!(decision.0, outcome);
    assert_eq!(decision.1, commands);
}

#[test]
fn an_actual_request_of_an_allowed_origin_may_be_read_whatever_its_outcome() {
    for origin in [OriginKind::Foreign, OriginKind::Opaque] {
        let decision = run(LISTED, get(), origin, true);
        expect(decision, "proceed", &[DROP, VARY, ECHO, EXPOSE]);
    }
}

#[test]
fn an_actual_request_of_a_disallowed_origin_is_refused_without_cors_fields() {
    for origin in [OriginKind::Foreign, OriginKind::Opaque] {
        let decision = run(LISTED, get(), origin, false);
        expect(decision, "403 cors-origin-denied", &[DROP, VARY]);
    }
}

#[test]
fn an_actual_request_of_a_disallowed_origin_proceeds_without_cors_fields_where_ignored() {
    let table = get().with("request.header-presence(sec-websocket-version)", Presence::Absent);
    let decision = run(IGNORE, table, OriginKind::Foreign, false);
    expect(decision, "proceed", &[DROP, VARY]);
}

#[test]
fn a_websocket_of_a_disallowed_origin_is_refused_even_where_ignored() {
    let table = get().with("request.header-presence(sec-websocket-version)", Presence::Once);
    let decision = run(IGNORE, table, OriginKind::Foreign, false);
    expect(decision, "403 cors-origin-denied", &[DROP, VARY]);
}

#[test]
fn a_preflight_of_an_allowed_origin_is_answered() {
    for matched in [RouteMatch::Found, RouteMatch::OtherMethod] {
        let decision = run(LISTED, preflight(matched), OriginKind::Foreign, true);
        let commands = [DROP, VARY, VARY_PREFLIGHT, ECHO, METHODS, HEADERS, MAX_AGE];
        expect(decision, "204", &commands);
    }
}

#[test]
fn a_preflight_for_an_unknown_path_is_not_found_and_may_be_read() {
    let decision = run(LISTED, preflight(RouteMatch::None), OriginKind::Foreign, true);
    expect(decision, "404 route-not-found", &[DROP, VARY, VARY_PREFLIGHT, ECHO]);
}

#[test]
fn a_preflight_of_a_disallowed_origin_is_refused_even_where_ignored() {
    for text in [LISTED, IGNORE] {
        let decision = run(text, preflight(RouteMatch::Found), OriginKind::Foreign, false);
        expect(decision, "403 cors-origin-denied", &[DROP, VARY, VARY_PREFLIGHT]);
    }
}

#[test]
fn options_without_a_requested_method_is_no_preflight() {
    let table = Table::new()
        .with("request.method-is(OPTIONS)", true)
        .with("request.header-presence(access-control-request-method)", Presence::Absent);
    let decision = run(LISTED, table, OriginKind::Foreign, true);
    expect(decision, "proceed", &[DROP, VARY, ECHO, EXPOSE]);
}

#[test]
fn a_repeated_requested_method_is_still_a_preflight() {
    let table = preflight(RouteMatch::Found)
        .with("request.header-presence(access-control-request-method)", Presence::Repeated);
    assert_eq!(run(LISTED, table, OriginKind::Foreign, true).0, "204");
}

#[test]
fn a_request_without_an_origin_or_of_the_same_origin_proceeds_and_varies() {
    for origin in [OriginKind::Absent, OriginKind::Same] {
        expect(run(LISTED, Table::new(), origin, false), "proceed", &[DROP, VARY]);
    }
}

#[test]
fn a_malformed_origin_is_refused_and_varies() {
    let decision = run(LISTED, Table::new(), OriginKind::Malformed, false);
    expect(decision, "400 malformed-request", &[DROP, VARY]);
    let decision = run(PUBLIC, Table::new(), OriginKind::Malformed, false);
    expect(decision, "400 malformed-request", &[DROP]);
}

#[test]
fn credentials_are_allowed_only_where_configured() {
    let decision = run(CREDENTIALS, get(), OriginKind::Foreign, true);
    expect(decision, "proceed", &[DROP, VARY, ECHO, ALLOW_CREDENTIALS, EXPOSE]);
    let decision = run(CREDENTIALS, get(), OriginKind::Foreign, false);
    expect(decision, "403 cors-origin-denied", &[DROP, VARY]);
}

#[test]
fn a_public_policy_is_constant_and_does_not_vary() {
    for origin in [OriginKind::Absent, OriginKind::Same] {
        expect(run(PUBLIC, Table::new(), origin, false), "proceed", &[DROP, STAR]);
    }
    for origin in [OriginKind::Foreign, OriginKind::Opaque] {
        expect(run(PUBLIC, get(), origin, false), "proceed", &[DROP, STAR, EXPOSE]);
    }
    let decision = run(PUBLIC, preflight(RouteMatch::Found), OriginKind::Foreign, false);
    expect(decision, "204", &[DROP, VARY_PREFLIGHT, STAR, METHODS, HEADERS, MAX_AGE]);
}

#[test]
fn the_host_is_asked_about_exactly_the_configured_origins() {
    let mut host = get()
        .with("request.origin()", OriginKind::Foreign)
        .with("request.origin-in([https://app.example.com, https://*.example.org])", true);
    assert_eq!(outcome(&decide(&settings(LISTED), &mut host)), "proceed");
}

#[test]
fn configured_and_grpc_web_names_come_on_top_of_our_own() {
    let text = r#"{"origins":["null"],"grpc_web":true,"max_age_seconds":7200,
        "allow_headers":["X-Trace","authorization"],"expose_headers":["etag"]}"#;
    let (_, commands) = run(text, preflight(RouteMatch::Found), OriginKind::Opaque, true);
    let allow = "reply-headers.set(access-control-allow-headers, authorization, content-type, \
        idempotency-key, x-api-key, x-grpc-web, x-user-agent, grpc-timeout, x-trace)";
    assert!(commands.iter().any(|command| command == allow), "{commands:?}");
    assert!(commands.iter().any(|command| command.ends_with("max-age, 7200)")));
    let (_, commands) = run(text, get(), OriginKind::Opaque, true);
    let exposed = commands.last().expect("names are exposed");
    assert!(exposed.ends_with(", link, grpc-status, grpc-message, grpc-status-details-bin, etag)"));
}

#[test]
fn no_branch_allows_private_networks_or_reflects_the_requested_headers() {
    for matched in [RouteMatch::Found, RouteMatch::OtherMethod, RouteMatch::None] {
        let (_, commands) = run(CREDENTIALS, preflight(matched), OriginKind::Foreign, true);
        let set = commands.iter().filter(|command| command.starts_with("reply-headers.set"));
        for command in set {
            assert!(!command.contains("private-network"), "{command}");
            assert!(!command.contains("request-header access-control"), "{command}");
        }
    }
}

#[test]
fn entries_that_are_no_origin_are_refused() {
    let wrong = [
        "https://app.example.com/",
        "https://app.example.com:443",
        "http://app.example.com:80",
        "https://App.example.com",
        "app.example.com",
        "https://",
        "://a",
        "1ttps://a",
        "https://a b",
        "https://user@a",
        "https://*.com",
        "https://*",
        "http://*.example.com",
        "https://*.example.com:8443",
        "https://a.*.example.com",
        "https://a:0",
        "*",
    ];

    for entry in wrong {
        let text = format!(r#"{{"origins":["https://a","{entry}"]}}"#);
        assert_eq!(refused_keys::<Settings>(&text), ["origins[1]"], "{entry}");
    }
}

#[test]
fn entries_that_are_origins_are_accepted() {
    let right = [
        "https://app.example.com",
        "http://localhost:3000",
        "https://a:8443",
        "http://[::1]:8080",
        "https://*.example.com",
        "capacitor://localhost",
        "null",
    ];
    for entry in right {
        let text = format!(r#"{{"origins":["{entry}"]}}"#);
        assert!(refused_keys::<Settings>(&text).is_empty(), "{entry}");
    }
}

#[test]
fn dangerous_combinations_refuse_to_load() {
    let rows = [
        (r#"{"origins":["*"],"credentials":true}"#, &["origins[0]"][..]),
        (r#"{"origins":["null"],"credentials":true}"#, &["origins[0]"]),
        (r#"{"public":true,"origins":["*"],"credentials":true}"#, &["credentials"]),
        (r#"{"public":true,"origins":["*","https://a"]}"#, &["origins"]),
        (r#"{"public":true}"#, &["origins"]),
        (r#"{"allow_headers":["*"]}"#, &["allow_headers[0]"]),
        (r#"{"expose_headers":["a b"]}"#, &["expose_headers[0]"]),
        (r#"{"disallowed":"allow"}"#, &["disallowed"]),
        (r#"{"max_age_seconds":86401}"#, &["max_age_seconds"]),
        (r#"{"origin":[]}"#, &["origin"]),
        (r"{}", &[]),
    ];
    for (text, keys) in rows {
        assert_eq!(refused_keys::<Settings>(text), keys, "{text}");
    }
}
