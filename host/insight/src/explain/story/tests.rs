use tollgate_chain::{
    Answer, Claimed, IdempotencyEffect, Partition, PrincipalRead, Problem, Question, QuotaEffect,
    Rate, Reply, RouteRead, Rule, Taken,
};

use super::*;
use crate::receipts::{Hidden, StepForm};

fn policy(name: &str, way: Way, steps: &[(Question, Answer)]) -> PolicyForm {
    let step = |(question, answer): &(Question, Answer)| StepForm {
        question: question.clone(),
        answer: answer.clone(),
        hidden: Hidden::default(),
    };
    PolicyForm {
        plugin: name.to_owned(),
        in_place_of: None,
        version: Some("1.2.3".to_owned()),
        sha256: "ab".repeat(32),
        way,
        took_us: 1.5,
        steps: steps.iter().map(step).collect(),
        verdict: Some(Verdict::Proceed),
        ..PolicyForm::absent(name, Hook::Request)
    }
}

fn form(status: u16, by: Option<&str>, policies: Vec<PolicyForm>) -> ReceiptForm {
    ReceiptForm {
        sequence: 1,
        request_id: "request-1".to_owned(),
        time: "2026-01-01T00:00:00Z".to_owned(),
        outcome: "refused".to_owned(),
        status,
        code: by.map(|_| "code".to_owned()),
        policy: by.map(ToOwned::to_owned),
        method: "POST".to_owned(),
        path: "/v1/things".to_owned(),
        listener: "http".to_owned(),
        route: Some("write".to_owned()),
        chain: "tenant".to_owned(),
        tenant: None,
        environment: None,
        key_id: None,
        upstream: None,
        upstream_us: None,
        grpc_status: None,
        generation: 3,
        took_us: 10.0,
        policies,
    }
}

fn refusal(status: u16, slug: &str) -> Option<Verdict> {
    let problem = Problem {
        slug: slug.into(),
        type_uri: None,
        title: slug.into(),
        detail: "What the caller reads.".into(),
        members: Vec::new(),
    };
    Some(Verdict::Reply(Reply { status, content: Content::Problem(problem) }))
}

fn refused(status: u16, question: Question, answer: Answer) -> String {
    let mut own = policy("judge", Way::Wasm, &[(question, answer)]);
    own.verdict = refusal(status, "slug");
    let later = policy("later", Way::NotReached, &[]);
    tell(&form(status, Some("judge"), vec![own, later])).join("\n")
}

#[test]
fn a_refusal_says_who_refused_and_why_and_who_was_not_asked() {
    let question = Question::from(PrincipalRead::HasScope("things:write".into()));
    let told = refused(403, question, Answer::Bool(false));
    assert!(told.starts_with("403 code: answered by the policy judge\n"), "{told}");
    assert!(told.contains("Why: the key does not have the scope things:write.\n"), "{told}");
    assert!(told.contains("The caller was told: What the caller reads."), "{told}");
    assert!(told.contains("1. judge: refused: 403 slug (security, in its component"), "{told}");
    assert!(told.contains("2. later: not asked, because judge had answered"), "{told}");
    assert!(told.contains(" 1.2.3, abababababab"), "the component's version and digest: {told}");
}

#[test]
fn quotas_and_claims_are_named() {
    let bucket = tollgate_chain::Bucket {
        name: "few".into(),
        partition: Partition::Tenant,
        rule: Rule::Rate(Rate { quota: 3, window_seconds: 60, burst: 3, cost: 1 }),
    };
    let question = Question::from(QuotaEffect::TakeAll([bucket].into()));
    let told = refused(429, question, Answer::Taken(Taken::Denied(0)));
    let why = "Why: the quota \"few\" (3 in 60 s, 3 at once, for each tenant) is used up.";
    assert!(told.contains(why), "{told}");
    let question = Question::from(IdempotencyEffect::Claim);
    let told = refused(409, question, Answer::Claimed(Claimed::InProgress));
    assert!(told.contains("same idempotency key is still being carried out"), "{told}");
}

#[test]
fn a_refusal_without_a_telling_answer_quotes_the_last_one() {
    let question = Question::from(RouteRead::Attribute("class".into()));
    let told = refused(503, question, Answer::Text(Some("payouts".into())));
    let why = "Why: it asked for the route's attribute class, and the answer was: payouts.";
    assert!(told.contains(why), "{told}");
}

#[test]
fn a_skipped_policy_says_why_and_an_observers_failure_is_no_reason() {
    let mut skipped = policy("gets", Way::Skipped, &[]);
    skipped.why = Some("it applies to GET only".to_owned());
    let mut observer = policy("watcher", Way::Wasm, &[]);
    (observer.class, observer.verdict) = (Class::Observe, None);
    observer.failure = Some("trap: unreachable".to_owned());
    let mut form = form(200, None, vec![skipped, observer]);
    form.upstream = Some("echo".to_owned());
    let told = tell(&form).join("\n");
    assert!(told.starts_with("200: answered by the upstream echo\n"), "{told}");
    assert!(told.contains("Why: every policy that applies let the request pass."), "{told}");
    assert!(told.contains("1. gets: skipped, because it applies to GET only"), "{told}");
    assert!(told.contains("passed over when it fails"), "{told}");
}

#[test]
fn a_failure_says_that_it_ended_the_exchange() {
    let mut own = policy("judge", Way::Wasm, &[]);
    (own.verdict, own.failure) = (None, Some("ran longer than its limit".to_owned()));
    let mut form = form(500, None, vec![own]);
    form.code = Some("policy_failed".to_owned());
    let told = tell(&form).join("\n");
    assert!(told.starts_with("500 policy_failed: the policy judge failed"), "{told}");
    assert!(told.contains("ended without a verdict (ran longer than its limit)"), "{told}");
}
