//! Every branch of `idempotency`, against a table of answers.

use idempotency::{Settings, decide};
use tollgate_sdk::testing::{Answer, Table, outcome, refused_keys, settings};
use tollgate_sdk::{Claimed, KeyState};

fn run(class: impl Into<Answer>, key: KeyState, claimed: Claimed) -> (String, Table) {
    let mut host = Table::new()
        .with("route.attribute(idempotency)", class)
        .with("idempotency.key()", key)
        .with("idempotency.claim()", claimed);
    let text = r#"{"docs":"https://docs.example.com/retries"}"#;
    let verdict = decide(&settings::<Settings>(text), &mut host);
    (outcome(&verdict), host)
}

#[test]
fn a_missing_key_is_refused_where_required_with_a_link_to_the_documentation() {
    let (outcome, host) = run("required", KeyState::Absent, Claimed::Claimed);
    assert_eq!(outcome, "400 idempotency-key-missing");
    let link = "reply-headers.set(link, <https://docs.example.com/retries>; rel=\"describedby\")";
    assert_eq!(host.commands(), [link]);
    assert!(!host.saw("idempotency.claim"));
}

#[test]
fn a_missing_key_is_nobodys_business_where_optional() {
    let (outcome, host) = run("optional", KeyState::Absent, Claimed::Unavailable);
    assert_eq!(outcome, "proceed");
    assert!(!host.saw("idempotency.claim"));
}

#[test]
fn a_malformed_key_is_refused_without_a_claim() {
    for class in ["required", "optional"] {
        let (outcome, host) = run(class, KeyState::Malformed, Claimed::Claimed);
        assert_eq!(outcome, "400 idempotency-key-invalid");
        assert!(!host.saw("idempotency.claim"));
    }
}

#[test]
fn the_header_is_ignored_where_the_route_has_no_idempotency() {
    for class in [Answer::Nothing, "none".into()] {
        for key in [KeyState::Absent, KeyState::Valid, KeyState::Malformed] {
            let (outcome, host) = run(class.clone(), key, Claimed::Reused);
            assert_eq!(outcome, "proceed");
            assert!(!host.saw("idempotency.key") && !host.saw("idempotency.claim"));
        }
    }
}

#[test]
fn what_becomes_of_a_claim_decides() {
    let wait: &[&str] = &["reply-headers.set(retry-after, 1)"];
    let rows = [
        (Claimed::Claimed, "proceed", &[][..]),
        (Claimed::Completed(3), "held 3", &[]),
        (Claimed::BodyRefused(0), "held 0", &[]),
        (Claimed::InProgress, "409 idempotency-in-progress", wait),
        (Claimed::Reused, "422 idempotency-key-reused", &[]),
        (Claimed::Unavailable, "503 idempotency-unavailable", wait),
    ];
    for (claimed, expected, commands) in rows {
        for class in ["required", "optional"] {
            let (outcome, host) = run(class, KeyState::Valid, claimed);
            assert_eq!(outcome, expected, "{class}");
            assert_eq!(host.commands(), commands);
        }
    }
}

#[test]
fn an_unknown_class_is_the_operators_mistake_and_refused() {
    let (outcome, host) = run("requird", KeyState::Valid, Claimed::Claimed);
    assert_eq!(outcome, "500 internal");
    assert!(!host.saw("idempotency.claim"));
}

#[test]
fn the_link_has_a_default_and_must_be_an_address() {
    let mut host = Table::new()
        .with("route.attribute(idempotency)", "required")
        .with("idempotency.key()", KeyState::Absent);
    decide(&settings::<Settings>("{}"), &mut host);
    assert!(host.saw("reply-headers.set"));
    let wrong = [
        r#"{"docs":"/docs"}"#,
        r#"{"docs":"https://a>b"}"#,
        r#"{"docs":"https://a b"}"#,
        r#"{"docs":3}"#,
    ];
    for text in wrong {
        assert_eq!(refused_keys::<Settings>(text), ["docs"], "{text}");
    }
    assert_eq!(refused_keys::<Settings>(r#"{"doc":"https://a"}"#), ["doc"]);
}
