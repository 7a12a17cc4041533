//! `quota` and `idempotency`: effects are kept or released with their run, and by nothing else.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use tollgate_capability::idempotency::{HeldReply, StoredReply};
use tollgate_chain::{
    Answer, Bucket, Claimed, Command, Effect, Error, HeldHandle, Host, IdempotencyEffect,
    IdempotencyKey, IdempotencyRead, Partition, QuotaCommand, QuotaEffect, Rate, Read,
    ReplyHeadersCommand, Rule, Settlement, Source, Taken,
};

use crate::scripted::{Script, World, ask, head};

fn take() -> Effect {
    let rate = Rate { quota: 10, window_seconds: 60, burst: 10, cost: 1 };
    let bucket = |name: &str, partition, rule| Bucket { name: name.into(), partition, rule };
    let buckets = [
        bucket("tenant", Partition::Tenant, Rule::Rate(rate)),
        bucket("address", Partition::Address, Rule::Rate(rate)),
        bucket("flights", Partition::Key, Rule::Concurrency(9)),
    ];
    Effect::Quota(QuotaEffect::TakeAll(buckets.into()))
}

fn claim() -> Effect {
    Effect::Idempotency(IdempotencyEffect::Claim)
}

/// The value of `retry-after`, as a policy sets it from the last refusing answer.
fn retry_after(host: &mut tollgate_capability::PolicyHost) -> Option<String> {
    let set = ReplyHeadersCommand::SetFrom("retry-after".into(), Source::RetryAfter);
    host.apply(&Command::ReplyHeaders(set));
    let mut headers = HeaderMap::new();
    host.write_reply_headers(&mut headers);
    let value = headers.get("retry-after")?;
    Some(value.to_str().expect("digits").to_owned())
}

fn stored() -> StoredReply {
    StoredReply::new(StatusCode::CREATED, &HeaderMap::new(), Bytes::from_static(b"{}"))
}

#[tokio::test]
async fn buckets_are_charged_to_the_principal_or_before_it_to_the_address() {
    for authenticated in [false, true] {
        let world = World { quota: [None].into(), ..World::new() };
        let events = Arc::clone(&world.events);
        let mut host = if authenticated { world.authenticated().await } else { world.host() };
        assert_eq!(ask(&mut host, take()).await, Answer::Taken(Taken::Allowed));
        let charged = events.lock().join("; ");
        let expected = if authenticated {
            "charge tenant Tenant(\"acme\", Live); charge address Address(192.0.2.1); \
             charge flights Key(\"key-1\", Live)"
        } else {
            "charge tenant Address(192.0.2.1); charge address Address(192.0.2.1); \
             charge flights Address(192.0.2.1)"
        };
        assert_eq!(charged, expected);
    }
}

#[tokio::test]
async fn charges_are_committed_or_given_back_with_their_run_and_slots_end_with_the_host() {
    let world = World { quota: [None, None, None].into(), ..World::new() };
    let events = Arc::clone(&world.events);
    let mut host = world.host();
    let ends = || {
        let mut events = events.lock();
        events.retain(|event| !event.starts_with("charge"));
        std::mem::take(&mut *events)
    };
    ask(&mut host, take()).await;
    host.settle(Settlement::Commit);
    assert_eq!(ends(), ["commit"]);
    ask(&mut host, take()).await;
    host.settle(Settlement::Release);
    assert_eq!(ends(), ["give back"]);
    ask(&mut host, take()).await;
    drop(host);
    let mut both = ends();
    both.sort_unstable();
    assert_eq!(both, ["end slots", "give back"]);
}

#[tokio::test]
async fn a_denial_names_its_bucket_its_wait_and_an_empty_standing() {
    let denial = Some((1, Duration::from_millis(1_500)));
    let mut host = World { quota: [denial].into(), ..World::new() }.host();
    assert_eq!(ask(&mut host, take()).await, Answer::Taken(Taken::Denied(1)));
    assert_eq!(retry_after(&mut host).as_deref(), Some("2"));

    host.apply(&Command::Quota(QuotaCommand::Report));
    host.settle(Settlement::Commit);
    let mut headers = HeaderMap::new();
    host.write_reply_headers(&mut headers);
    assert_eq!(headers["ratelimit"], r#""tenant";r=5;t=60, "address";r=0;t=60, "flights";r=5"#);
}

#[tokio::test]
async fn quotas_of_a_run_that_does_not_report_or_fails_are_not_reported() {
    let mut host = World { quota: [None, None].into(), ..World::new() }.host();
    ask(&mut host, take()).await;
    host.settle(Settlement::Commit);
    ask(&mut host, take()).await;
    host.settle(Settlement::Release);
    host.apply(&Command::Quota(QuotaCommand::Report));
    let mut headers = HeaderMap::new();
    host.write_reply_headers(&mut headers);
    assert!(headers.is_empty(), "{headers:?}");
}

#[tokio::test]
async fn each_form_of_an_idempotency_key_has_its_answer() {
    for (head, expected) in [
        (head(&[]), IdempotencyKey::Absent),
        (head(&[("idempotency-key", "k1")]), IdempotencyKey::Valid),
        (head(&[("idempotency-key", "a b")]), IdempotencyKey::Malformed),
    ] {
        let mut host = World { head, ..World::new() }.host();
        let answer = ask(&mut host, Read::Idempotency(IdempotencyRead::Key)).await;
        assert_eq!(answer, Answer::IdempotencyKey(expected));
    }
}

#[tokio::test]
async fn each_outcome_of_a_claim_has_its_answer() {
    for (script, expected, wait) in [
        (Script::Claimed, Claimed::Claimed, None),
        (Script::Completed(stored()), Claimed::Completed(HeldHandle(0)), None),
        (Script::InProgress, Claimed::InProgress, Some("1")),
        (Script::Reused, Claimed::Reused, None),
        (Script::Unavailable, Claimed::Unavailable, Some("1")),
    ] {
        let world = World { claims: [script].into(), ..World::new() };
        let events = Arc::clone(&world.events);
        let mut host = world.authenticated().await;
        assert_eq!(ask(&mut host, claim()).await, Answer::Claimed(expected));
        assert_eq!(retry_after(&mut host).as_deref(), wait, "{expected:?}");
        // The Route's time-out, and a margin for reading and storing the reply.
        assert_eq!(events.lock().first().map(String::as_str), Some("claim for 40 s"));
    }
}

#[tokio::test]
async fn a_claim_without_a_principal_or_a_valid_key_asks_no_store() {
    let no_key = World { head: head(&[("authorization", "Bearer x")]), ..World::new() };
    for mut host in [World::new().host(), no_key.authenticated().await] {
        let answer = ask(&mut host, claim()).await;
        assert_eq!(answer, Answer::Claimed(Claimed::Unavailable));
        assert_eq!(retry_after(&mut host).as_deref(), Some("1"));
    }
}

#[tokio::test]
async fn a_body_that_is_refused_claims_nothing_and_its_refusal_is_held() {
    let refusal = Error::Internal { internal: "the body".to_owned() };
    let world = World { body: Err(refusal.clone()), ..World::new() };
    let events = Arc::clone(&world.events);
    let mut host = world.authenticated().await;
    let refused = Claimed::BodyRefused(HeldHandle(0));
    assert_eq!(ask(&mut host, claim()).await, Answer::Claimed(refused));
    host.settle(Settlement::Commit);
    assert_eq!(host.held(HeldHandle(0)), Some(&HeldReply::Refused(refusal)));
    assert!(events.lock().is_empty());
}

#[tokio::test]
async fn held_replies_are_those_of_the_run_that_was_settled_last() {
    let claims: VecDeque<_> = [Script::Completed(stored())].into();
    let mut host = World { claims, ..World::new() }.authenticated().await;
    ask(&mut host, claim()).await;
    assert_eq!(host.held(HeldHandle(0)), None);
    host.settle(Settlement::Commit);
    assert_eq!(host.held(HeldHandle(0)), Some(&HeldReply::Stored(stored())));
    assert_eq!(host.held(HeldHandle(1)), None);
    host.settle(Settlement::Commit);
    assert_eq!(host.held(HeldHandle(0)), None);
}

#[tokio::test]
async fn a_claim_is_kept_by_its_run_once_and_lets_others_retry_when_it_is_dropped() {
    let world = World { claims: [Script::Claimed].into(), ..World::new() };
    let events = Arc::clone(&world.events);
    let mut host = world.authenticated().await;
    let detached = host.detached();
    assert!(!detached.load(Ordering::Acquire));
    ask(&mut host, claim()).await;
    assert!(detached.load(Ordering::Acquire));
    assert!(host.claim().is_none(), "the run has no verdict yet");
    host.settle(Settlement::Commit);

    // A later run's claim is granted without asking the store, and its failure releases nothing.
    assert_eq!(ask(&mut host, claim()).await, Answer::Claimed(Claimed::Claimed));
    host.settle(Settlement::Release);
    assert!(detached.load(Ordering::Acquire));
    assert_eq!(host.claim().map(|claim| claim.fingerprint_hex()), Some("07".repeat(32)));
    assert_eq!(*events.lock(), ["claim for 40 s"]);
    drop(host);
    assert_eq!(*events.lock(), ["claim for 40 s", "retryable"]);
}

#[tokio::test]
async fn a_claim_of_a_failed_run_is_released_and_the_exchange_attached_again() {
    let world = World { claims: [Script::Claimed].into(), ..World::new() };
    let events = Arc::clone(&world.events);
    let mut host = world.authenticated().await;
    ask(&mut host, claim()).await;
    host.settle(Settlement::Release);
    assert!(!host.detached().load(Ordering::Acquire));
    assert!(host.take_claim().is_none());
    assert_eq!(*events.lock(), ["claim for 40 s", "retryable"]);
}
