//! The header policy, row by row.

use tollgate_terms::header_policy::{FieldPolicy, NEVER_IN_RESPONSES, PASSED_AS_METADATA, Passed};
use tollgate_terms::headers;

fn all(names: &[&str], is: fn(FieldPolicy) -> bool) {
    for name in names {
        assert!(is(FieldPolicy::of(name)), "{name}");
    }
}

fn none(names: &[&str], is: fn(FieldPolicy) -> bool) {
    for name in names {
        assert!(!is(FieldPolicy::of(name)), "{name}");
    }
}

/// Fields of one connection.
const HOP: [&str; 9] = [
    "connection",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// Fields by which the gateway speaks to services.
const OWN: [&str; 7] = [
    "idempotent-replayed",
    "x-operation-key",
    "x-request-fingerprint",
    "x-tenant-",
    "x-tenant-id",
    "x-tollgate-principal-bin",
    "x-tollgate-anything",
];

/// Fields by which proxies speak of the caller.
const FORWARDING: [&str; 5] =
    ["forwarded", "x-real-ip", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-anything"];

/// Fields by which proxies assert identities, addresses and other targets to services behind them.
const CLAIM: [&str; 30] = [
    "base-url",
    "cf-access-authenticated-user-email",
    "cf-connecting-ip",
    "client-cert",
    "client-ip",
    "fastly-client-ip",
    "front-end-https",
    "proxy",
    "remote-addr",
    "remote-user",
    "ssl-client-cert",
    "true-client-ip",
    "x-amzn-oidc-accesstoken",
    "x-amzn-oidc-data",
    "x-amzn-oidc-identity",
    "x-auth-request-email",
    "x-client-cert",
    "x-client-ip",
    "x-consumer-username",
    "x-envoy-original-path",
    "x-goog-authenticated-user-email",
    "x-http-method",
    "x-http-method-override",
    "x-middleware-subrequest",
    "x-ms-client-principal",
    "x-original-url",
    "x-remote-groups",
    "x-remote-user",
    "x-rewrite-url",
    "x-ssl-client-verify",
];

/// Fields that are meant for the gateway.
const CONSUMED: [&str; 10] = [
    "authorization",
    "connect-timeout-ms",
    "cookie",
    "grpc-previous-rpc-attempts",
    "grpc-timeout",
    "proxy-authorization",
    "trace-bin",
    "x-api-key",
    "x-request-timeout",
    "grpc-status-details-bin",
];

/// Fields that pass in both directions.
const PASSED: [&str; 24] = [
    "cf-ray",
    "client",
    "proxies",
    "remote",
    "via",
    "x-amzn-trace-id",
    "x-authenticate",
    "x-consumer",
    "x-client-version",
    "x-original",
    "x-user-id",
    "x-webhook-id",
    "accept",
    "accept-encoding",
    "content-encoding",
    "content-length",
    "content-type",
    "grpc-encoding",
    "grpc-accept-encoding",
    "idempotency-key",
    "traceparent",
    "user-agent",
    "x-custom",
    "",
];

#[test]
fn fields_of_one_connection_end_in_both_directions() {
    all(&HOP, FieldPolicy::is_hop_by_hop);
    all(&HOP, FieldPolicy::is_stripped_from_answers);
    none(&PASSED, FieldPolicy::is_hop_by_hop);
}

#[test]
fn the_gateways_own_fields_come_from_nobody_else_in_either_direction() {
    all(&OWN, FieldPolicy::is_dropped_on_arrival);
    all(&OWN, FieldPolicy::is_stripped_before_forwarding);
    all(&OWN, FieldPolicy::is_stripped_from_answers);
    all(&["idempotent-replayed"], FieldPolicy::is_stripped_from_answers);
    none(&["x-tenant", "x-tollgate", "x-operation-keys"], FieldPolicy::is_dropped_on_arrival);
}

#[test]
fn fields_of_proxies_are_dropped_on_arrival_and_never_forwarded() {
    all(&FORWARDING, FieldPolicy::is_forwarding);
    all(&FORWARDING, FieldPolicy::is_dropped_on_arrival);
    all(&FORWARDING, FieldPolicy::is_stripped_before_forwarding);
    none(&OWN, FieldPolicy::is_forwarding);
}

#[test]
fn what_proxies_assert_of_a_caller_is_dropped_on_arrival_whoever_sends_it() {
    all(&CLAIM, FieldPolicy::is_dropped_on_arrival);
    all(&CLAIM, FieldPolicy::is_stripped_before_forwarding);
    none(&CLAIM, FieldPolicy::is_stripped_from_answers);
    none(&PASSED, FieldPolicy::is_dropped_on_arrival);
}

#[test]
fn an_answer_cannot_point_past_the_gateway() {
    all(&["alt-svc"], FieldPolicy::is_stripped_from_answers);
    none(&["alt-svc"], FieldPolicy::is_stripped_before_forwarding);
}

#[test]
fn an_upstream_gets_what_it_is_set_to_and_never_the_gateways_own_fields() {
    let all = Passed { authorization: true, cookie: true, binary: true };
    let is_passed = |name: &str, passed| FieldPolicy::of(name).is_passed(name, passed);
    for name in ["authorization", "cookie", "trace-bin"] {
        assert!(is_passed(name, all), "{name}");
        assert!(!is_passed(name, Passed::default()), "{name}");
    }
    assert!(!is_passed("cookie", Passed { cookie: false, ..all }));
    assert!(!is_passed("authorization", Passed { authorization: false, ..all }));
    assert!(!is_passed("trace-bin", Passed { binary: false, ..all }));
    let never = ["proxy-authorization", "x-api-key", "grpc-status-details-bin", "grpc-timeout"];
    for name in never.into_iter().chain(OWN).chain(FORWARDING).chain(CLAIM) {
        assert!(!is_passed(name, all), "{name}");
    }
    assert!(!is_passed("x-tenant-secret-bin", all));
}

#[test]
fn credentials_and_limits_for_the_gateway_are_read_and_then_stripped() {
    all(&CONSUMED, FieldPolicy::is_stripped_before_forwarding);
    none(&CONSUMED, FieldPolicy::is_dropped_on_arrival);
    none(&PASSED, FieldPolicy::is_stripped_before_forwarding);
    none(&PASSED, FieldPolicy::is_stripped_from_answers);
}

#[test]
fn a_connection_field_may_not_name_what_the_gateway_acts_upon() {
    all(&OWN, FieldPolicy::is_protected);
    all(&FORWARDING, FieldPolicy::is_protected);

    let acted_upon = [
        "access-control-request-headers",
        "access-control-request-method",
        "authorization",
        "connect-protocol-version",
        "connect-timeout-ms",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "cookie",
        "expect",
        "grpc-accept-encoding",
        "grpc-anything",
        "grpc-encoding",
        "host",
        "idempotency-key",
        "origin",
        "proxy-authorization",
        "transfer-encoding",
        "x-api-key",
        "x-request-id",
        "x-request-timeout",
    ];
    all(&acted_upon, FieldPolicy::is_protected);
    none(&["accept", "keep-alive", "te", "upgrade", "x-custom"], FieldPolicy::is_protected);
}

#[test]
fn the_policy_knows_every_name_that_host_and_services_share() {
    for name in [headers::PRINCIPAL, headers::OPERATION_KEY, headers::REQUEST_FINGERPRINT] {
        assert!(FieldPolicy::of(name.as_str()).is_stripped_before_forwarding(), "{name}");
        assert!(FieldPolicy::of(name.as_str()).is_stripped_from_answers(), "{name}");
    }
    for name in [headers::API_KEY, headers::REQUEST_TIMEOUT, headers::GRPC_TIMEOUT] {
        assert!(FieldPolicy::of(name.as_str()).is_stripped_before_forwarding(), "{name}");
    }
    let replayed = FieldPolicy::of(headers::IDEMPOTENT_REPLAYED.as_str());
    assert!(replayed.is_stripped_from_answers());
    for name in PASSED_AS_METADATA {
        assert!(!FieldPolicy::of(name.as_str()).is_stripped_before_forwarding(), "{name}");
    }
    assert_eq!(NEVER_IN_RESPONSES.map(|name| name.to_string()), ["server"]);
}
