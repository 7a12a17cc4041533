//! Every branch of `rate-limit`, against a table of answers.

use rate_limit::{Settings, decide};
use tollgate_sdk::testing::{Answer, Table, outcome, problem, refused_keys, settings};
use tollgate_sdk::{Member, Taken, Verdict};

const LIMITS: &str = r#"{
    "policies":[
        {"name":"tenant","quota":600,"window_seconds":60},
        {"name":"writes","quota":60,"window_seconds":60,"burst":10,"cost":2,"partition":"key",
            "classes":["write","money"]}],
    "concurrency":[
        {"name":"concurrent","limit":50,"partition":"address","classes":["money"]}]}"#;

const TENANT: &str = "tenant 600/60s burst 600 cost 1 by tenant";
const WRITES: &str = "writes 60/60s burst 10 cost 2 by key";
const CONCURRENT: &str = "concurrent 50 in flight by address";

fn run(text: &str, class: impl Into<Answer>, taken: Taken) -> (Verdict, Table) {
    let mut host =
        Table::new().with("route.attribute(rate-class)", class).with("quota.take-all", taken);
    (decide(&settings::<Settings>(text), &mut host), host)
}

#[test]
fn a_request_is_charged_to_every_bucket_of_its_class_in_one_step() {
    let rows: [(Answer, &[&str]); 5] = [
        (Answer::Nothing, &[TENANT]),
        ("read".into(), &[TENANT]),
        ("write".into(), &[TENANT, WRITES]),
        ("money".into(), &[TENANT, WRITES, CONCURRENT]),
        ("".into(), &[TENANT]),
    ];
    for (class, buckets) in rows {
        let (verdict, host) = run(LIMITS, class.clone(), Taken::Allowed);
        assert_eq!(outcome(&verdict), "proceed");
        let question = format!("quota.take-all([{}])", buckets.join(", "));
        assert_eq!(host.asked(), ["route.attribute(rate-class)", question.as_str()], "{class:?}");
        assert_eq!(host.commands(), ["quota.report()"]);
    }
}

#[test]
fn a_denied_request_is_told_which_quota_and_how_long_to_wait() {
    for (index, name) in [(0, "tenant"), (1, "writes"), (2, "concurrent")] {
        let (verdict, host) = run(LIMITS, "money", Taken::Denied(index));
        assert_eq!(outcome(&verdict), "429 quota-exceeded");
        let wait = "reply-headers.set-from(retry-after, retry-after)";
        assert_eq!(host.commands(), ["quota.report()", wait]);
        assert_eq!(violated(&verdict), [name]);
    }
}

#[test]
fn a_denial_of_no_known_bucket_is_still_a_denial() {
    let (verdict, _) = run(LIMITS, "money", Taken::Denied(3));
    assert_eq!(outcome(&verdict), "429 quota-exceeded");
    assert!(violated(&verdict).is_empty());
}

#[test]
fn a_request_that_no_limit_applies_to_is_charged_nothing() {
    let text = r#"{"concurrency":[{"name":"a","limit":1,"classes":["money"]}]}"#;
    let (verdict, host) = run(text, "read", Taken::Denied(0));
    assert_eq!(outcome(&verdict), "proceed");
    assert!(!host.saw("quota.take-all") && host.commands().is_empty());
}

#[test]
fn the_class_is_not_asked_for_where_no_limit_depends_on_it() {
    let text = r#"{"policies":[{"name":"a","quota":1,"window_seconds":1}]}"#;
    let mut host = Table::new().with("quota.take-all", Taken::Allowed);
    assert_eq!(outcome(&decide(&settings(text), &mut host)), "proceed");
    assert_eq!(host.asked(), ["quota.take-all([a 1/1s burst 1 cost 1 by tenant])"]);
}

#[test]
fn limits_that_the_contract_would_refuse_are_refused_at_load() {
    let name = "n".repeat(65);
    let rows = [
        (r"{}".to_owned(), &["policies"][..]),
        (rate(r#""name":"a","quota":0,"window_seconds":1"#), &["policies[0].quota"]),
        (rate(r#""name":"a","quota":1000001,"window_seconds":1"#), &["policies[0].quota"]),
        (rate(r#""name":"a","quota":1,"window_seconds":86401"#), &["policies[0].window_seconds"]),
        (rate(r#""name":"a","quota":1"#), &["policies[0].window_seconds"]),
        (rate(r#""name":"a","quota":5,"window_seconds":1,"cost":6"#), &["policies[0].cost"]),
        (
            rate(r#""name":"a","quota":5,"window_seconds":1,"burst":1,"cost":2"#),
            &["policies[0].cost"],
        ),
        (rate(r#""quota":1,"window_seconds":1"#), &["policies[0].name"]),
        (rate(r#""name":"a\"b","quota":1,"window_seconds":1"#), &["policies[0].name"]),
        (rate(&format!(r#""name":"{name}","quota":1,"window_seconds":1"#)), &["policies[0].name"]),
        (
            rate(r#""name":"a","quota":1,"window_seconds":1,"partition":"ip""#),
            &["policies[0].partition"],
        ),
        (r#"{"concurrency":[{"name":"a","limit":100001}]}"#.to_owned(), &["concurrency[0].limit"]),
        (
            r#"{"concurrency":[{"name":"a","limit":1},{"name":"a","limit":1}]}"#.to_owned(),
            &["concurrency[1]"],
        ),
    ];

    for (text, keys) in rows {
        assert_eq!(refused_keys::<Settings>(&text), keys, "{text}");
    }
}

#[test]
fn more_limits_than_can_be_taken_at_once_are_refused_at_load() {
    let limits: Vec<String> =
        (0..9).map(|n| format!(r#"{{"name":"r{n}","quota":1,"window_seconds":1}}"#)).collect();
    let flights: Vec<String> = (0..8).map(|n| format!(r#"{{"name":"c{n}","limit":1}}"#)).collect();
    let (limits, flights) = (limits.join(","), flights.join(","));
    let text = format!(r#"{{"policies":[{limits}],"concurrency":[{flights}]}}"#);
    assert_eq!(refused_keys::<Settings>(&text), ["policies"]);
}

fn rate(members: &str) -> String {
    format!(r#"{{"policies":[{{{members}}}]}}"#)
}

fn violated(verdict: &Verdict) -> Vec<String> {
    let problem = problem(verdict);
    let uri = "https://iana.org/assignments/http-problem-types#quota-exceeded";
    assert_eq!(problem.type_uri.as_deref(), Some(uri));
    let [(name, Member::Texts(names))] = problem.members.as_slice() else {
        return vec![format!("{:?}", problem.members)];
    };
    assert_eq!(name, "violated-policies");
    names.clone()
}
