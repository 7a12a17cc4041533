//! The host of one request as the core and the gateway use it: runs, settlement, read-back.

#![expect(clippy::expect_used, reason = "helpers of tests fail by panicking")]

mod fixture;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use fixture::{Fixture, ask, buckets, claim, resolve};
use http::{HeaderMap, HeaderValue, StatusCode};
use tollgate_capability::PolicyHost;
use tollgate_capability::idempotency::{Completion, HeldReply, StoredReply};
use tollgate_chain::{
    Answer, Claimed, CredentialHandle, CredentialsRead, Environment, Error, Failure, HeldHandle,
    Identity, LogCommand, LogLevel, NotesCommand, NotesRead, Presence, Presented, PrincipalCommand,
    PrincipalRead, Question, QuotaCommand, QuotaEffect, ReplyHeadersCommand, RequestRead,
    Resolution, ResponseRead, RouteRead, Run, Source, Taken, UpstreamState, UpstreamsRead, Verdict,
};

const ONLY: CredentialHandle = CredentialHandle(0);

fn proceed() -> Result<Verdict, Failure> {
    Ok(Verdict::Proceed)
}

fn failed() -> Result<Verdict, Failure> {
    Err(Failure::Time)
}

/// Runs the questions as one policy would, and settles.
async fn run(
    host: Box<PolicyHost>,
    questions: Vec<Question>,
    outcome: Result<Verdict, Failure>,
) -> (Box<PolicyHost>, Vec<Answer>) {
    let mut run = Run::new(host, 256, 65_536);
    for question in questions {
        run.ask(question).await.expect("a question within its bounds");
    }
    let (host, trace) = run.finish(&outcome);
    (host, trace.steps().iter().map(|(_, answer)| answer.clone()).collect())
}

fn establish() -> Question {
    Question::from(PrincipalCommand::Establish(ONLY))
}

async fn authenticated(fixture: &Fixture, body: &str) -> Box<PolicyHost> {
    let host = fixture.exchange(body);
    run(host, vec![resolve(), establish()], proceed()).await.0
}

#[tokio::test]
async fn a_resolved_credential_is_established_with_the_verdict_and_not_before() {
    let fixture = Fixture::new();
    let questions = || {
        vec![
            ask(CredentialsRead::Presented),
            ask(CredentialsRead::Permits(ONLY, "deposits:write".into())),
            resolve(),
            ask(CredentialsRead::Permits(ONLY, "deposits:write".into())),
            ask(CredentialsRead::Permits(ONLY, "deposits:approve".into())),
            ask(CredentialsRead::Permits(CredentialHandle(1), "deposits:write".into())),
            establish(),
            ask(PrincipalRead::Environment),
        ]
    };
    let (host, answers) = run(fixture.exchange("a"), questions(), proceed()).await;
    let access = tollgate_chain::Access::Full;
    let identity = Identity { environment: Environment::Live, access };
    assert_eq!(
        answers,
        [
            Answer::Presented(Presented::One(ONLY)),
            Answer::Bool(false),
            Answer::Resolution(Resolution::Resolved(identity)),
            Answer::Bool(true),
            Answer::Bool(false),
            Answer::Bool(false),
            Answer::Done,
            Answer::Environment(None),
        ]
    );
    assert_eq!(host.principal().map(|principal| principal.tenant.as_str()), Some("acme"));

    let later = vec![
        ask(PrincipalRead::Environment),
        ask(PrincipalRead::HasScope("deposits:write".into())),
        ask(PrincipalRead::Tenant),
        // A credential is resolved in each run that uses it.
        ask(CredentialsRead::Permits(ONLY, "deposits:write".into())),
    ];
    let (_, answers) = run(host, later, proceed()).await;
    assert_eq!(
        answers,
        [
            Answer::Environment(Some(Environment::Live)),
            Answer::Bool(true),
            Answer::Text(Some("acme".into())),
            Answer::Bool(false),
        ]
    );

    let (host, _) = run(fixture.exchange("a"), questions(), failed()).await;
    assert_eq!(host.principal(), None);
}

#[tokio::test]
async fn a_second_different_principal_is_not_established() {
    let fixture = Fixture::new();
    let host = authenticated(&fixture, "a").await;
    fixture.rename_tenant("other");
    let (host, _) = run(host, vec![resolve(), establish()], proceed()).await;
    assert_eq!(host.principal().map(|principal| principal.tenant.as_str()), Some("acme"));
}

#[tokio::test]
async fn a_credential_that_is_not_the_requests_is_invalid_and_establishes_nobody() {
    let fixture = Fixture::new();
    let questions = vec![
        ask(CredentialsRead::Resolve(CredentialHandle(1))),
        Question::from(PrincipalCommand::Establish(CredentialHandle(1))),
        establish(),
    ];
    let (host, answers) = run(fixture.exchange("a"), questions, proceed()).await;
    assert_eq!(answers[0], Answer::Resolution(Resolution::Invalid));
    assert_eq!(host.principal(), None);
}

#[tokio::test]
async fn tenants_are_charged_apart_and_reported_with_the_verdict() {
    let fixture = Fixture::new();
    let host = authenticated(&fixture, "a").await;
    let questions = vec![
        Question::from(QuotaEffect::TakeAll(buckets(2, 10))),
        Question::from(QuotaCommand::Report),
    ];
    let (host, answers) = run(host, questions.clone(), proceed()).await;
    assert_eq!(answers[0], Answer::Taken(Taken::Allowed));
    let mut headers = HeaderMap::new();
    host.write_reply_headers(&mut headers);
    assert_eq!(
        headers["ratelimit-policy"],
        r#""tenant";q=1;w=60, "concurrent";q=10;qu="concurrent-requests""#
    );
    assert_eq!(headers["ratelimit"], r#""tenant";r=1;t=60, "concurrent";r=9"#);
    drop(host);

    fixture.rename_tenant("other");
    let host = authenticated(&fixture, "a").await;
    let (host, _) = run(host, questions, proceed()).await;
    let mut headers = HeaderMap::new();
    host.write_reply_headers(&mut headers);
    assert_eq!(headers["ratelimit"], r#""tenant";r=1;t=60, "concurrent";r=9"#);
}

#[tokio::test]
async fn a_denial_names_its_bucket_and_the_wait_that_suffices() {
    let fixture = Fixture::new();
    let take = || Question::from(QuotaEffect::TakeAll(buckets(1, 10)));
    let retry_after =
        || Question::from(ReplyHeadersCommand::SetFrom("retry-after".into(), Source::RetryAfter));
    let (first, _) = run(authenticated(&fixture, "a").await, vec![take()], proceed()).await;
    drop(first);
    fixture.clock.advance(Duration::from_millis(500));
    let questions = vec![take(), retry_after(), Question::from(QuotaCommand::Report)];
    let (host, answers) = run(authenticated(&fixture, "a").await, questions, proceed()).await;
    assert_eq!(answers[0], Answer::Taken(Taken::Denied(0)));
    let mut headers = HeaderMap::new();
    host.write_reply_headers(&mut headers);
    assert_eq!(headers["retry-after"], "60");
    assert_eq!(headers["ratelimit"], r#""tenant";r=0;t=60, "concurrent";r=10"#);
    fixture.clock.advance(Duration::from_secs(60));
    let (_, answers) = run(authenticated(&fixture, "a").await, vec![take()], proceed()).await;
    assert_eq!(answers[0], Answer::Taken(Taken::Allowed));
}

#[tokio::test]
async fn a_failed_run_gives_back_what_it_took_and_nothing_else() {
    let fixture = Fixture::new();
    let take = || Question::from(QuotaEffect::TakeAll(buckets(3, 10)));
    let (host, _) = run(authenticated(&fixture, "a").await, vec![take()], proceed()).await;
    let (host, answers) = run(host, vec![take(), take()], failed()).await;
    assert_eq!(answers.last(), Some(&Answer::Taken(Taken::Allowed)));
    let (_host, answers) = run(host, vec![take(), take(), take()], proceed()).await;
    let (allowed, denied) = (Answer::Taken(Taken::Allowed), Answer::Taken(Taken::Denied(0)));
    assert_eq!(answers, [allowed.clone(), allowed, denied]);
}

#[tokio::test]
async fn an_exchange_that_is_dropped_in_mid_run_gives_back_what_the_run_took() {
    let fixture = Fixture::new();
    let take = || Question::from(QuotaEffect::TakeAll(buckets(1, 1)));
    let mut mid_run = Run::new(authenticated(&fixture, "a").await, 256, 65_536);
    let taken = mid_run.ask(take()).await.expect("a question");
    assert_eq!(taken, Answer::Taken(Taken::Allowed));
    let (_, answers) = run(authenticated(&fixture, "a").await, vec![take()], proceed()).await;
    assert_eq!(answers, [Answer::Taken(Taken::Denied(0))]);
    drop(mid_run);
    let (_, answers) = run(authenticated(&fixture, "a").await, vec![take()], proceed()).await;
    assert_eq!(answers, [Answer::Taken(Taken::Allowed)]);
}

#[tokio::test]
async fn a_slot_is_held_until_the_exchange_ends() {
    let fixture = Fixture::new();
    let take = || Question::from(QuotaEffect::TakeAll(buckets(100, 1)));
    let (first, _) = run(authenticated(&fixture, "a").await, vec![take()], proceed()).await;
    let (_, answers) = run(authenticated(&fixture, "a").await, vec![take()], proceed()).await;
    assert_eq!(answers, [Answer::Taken(Taken::Denied(1))]);
    drop(first);
    let (_, answers) = run(authenticated(&fixture, "a").await, vec![take()], proceed()).await;
    assert_eq!(answers, [Answer::Taken(Taken::Allowed)]);
}

fn stored(body: &'static str) -> StoredReply {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    headers.insert("x-request-id", HeaderValue::from_static("of-the-first"));
    StoredReply::new(StatusCode::CREATED, &headers, body.into())
}

#[tokio::test]
async fn a_claim_is_carried_out_once_and_then_repeated() {
    let fixture = Fixture::new();
    let host = authenticated(&fixture, "a").await;
    let detached = host.detached();
    assert!(!detached.load(Ordering::Acquire));
    let (mut first, answers) = run(host, vec![claim()], proceed()).await;
    assert_eq!(answers, [Answer::Claimed(Claimed::Claimed)]);
    assert!(detached.load(Ordering::Acquire));
    let operation = first.claim().expect("a claim").operation().hex();
    assert_eq!(operation.len(), 64);
    assert_eq!(first.claim().expect("a claim").fingerprint_hex(), "61".repeat(32));

    let second = authenticated(&fixture, "a").await;
    let wait =
        || Question::from(ReplyHeadersCommand::SetFrom("retry-after".into(), Source::RetryAfter));
    let (second, answers) = run(second, vec![claim(), wait()], proceed()).await;
    assert_eq!(answers[0], Answer::Claimed(Claimed::InProgress));
    let mut headers = HeaderMap::new();
    second.write_reply_headers(&mut headers);
    assert_eq!(headers["retry-after"], "1");

    let (_, answers) = run(authenticated(&fixture, "b").await, vec![claim()], proceed()).await;
    assert_eq!(answers, [Answer::Claimed(Claimed::Reused)]);

    let taken = first.take_claim().expect("a claim");
    assert_eq!(taken.complete(stored("{}")).await, Completion::Stored);
    drop(first);
    let (third, answers) = run(authenticated(&fixture, "a").await, vec![claim()], proceed()).await;
    assert_eq!(answers, [Answer::Claimed(Claimed::Completed(HeldHandle(0)))]);
    assert_eq!(third.held(HeldHandle(0)), Some(&HeldReply::Stored(stored("{}"))));
    assert_eq!(third.held(HeldHandle(1)), None);
    assert!(third.claim().is_none());
}

#[tokio::test]
async fn what_one_run_held_is_gone_after_the_next() {
    let fixture = Fixture::new();
    let (mut first, _) = run(authenticated(&fixture, "a").await, vec![claim()], proceed()).await;
    first.take_claim().expect("a claim").complete(stored("{}")).await;
    let (host, _) = run(authenticated(&fixture, "a").await, vec![claim()], proceed()).await;
    assert!(host.held(HeldHandle(0)).is_some());
    let (host, _) = run(host, vec![ask(RequestRead::Origin)], proceed()).await;
    assert!(host.held(HeldHandle(0)).is_none());
}

#[tokio::test]
async fn a_claim_is_released_by_a_failed_run_by_a_drop_and_by_nothing_else() {
    let fixture = Fixture::new();
    let claimed = [Answer::Claimed(Claimed::Claimed)];
    let (host, answers) = run(authenticated(&fixture, "a").await, vec![claim()], failed()).await;
    assert_eq!(answers, claimed);
    assert!(host.claim().is_none() && !host.detached().load(Ordering::Acquire));
    let (host, answers) = run(authenticated(&fixture, "a").await, vec![claim()], proceed()).await;
    assert_eq!(answers, claimed);
    // A later policy that fails releases its own effects, not this claim.
    let (host, _) = run(host, vec![claim()], failed()).await;
    assert!(host.claim().is_some());
    let (_, answers) = run(authenticated(&fixture, "a").await, vec![claim()], proceed()).await;
    assert_eq!(answers, [Answer::Claimed(Claimed::InProgress)]);
    drop(host);
    let (_, answers) = run(authenticated(&fixture, "a").await, vec![claim()], proceed()).await;
    assert_eq!(answers, claimed);
}

#[tokio::test]
async fn a_refused_body_is_held_and_uses_no_key_up() {
    let fixture = Fixture::new();
    let host = authenticated(&fixture, "too large").await;
    let (host, answers) = run(host, vec![claim()], proceed()).await;
    assert_eq!(answers, [Answer::Claimed(Claimed::BodyRefused(HeldHandle(0)))]);
    let refusal = HeldReply::Refused(Error::BodyTooLarge { limit: 8 });
    assert_eq!(host.held(HeldHandle(0)), Some(&refusal));
    let (_, answers) = run(authenticated(&fixture, "a").await, vec![claim()], proceed()).await;
    assert_eq!(answers, [Answer::Claimed(Claimed::Claimed)]);
}

#[tokio::test]
async fn a_claim_without_principal_or_key_is_unavailable() {
    let fixture = Fixture::new();
    let (_, answers) = run(fixture.exchange("a"), vec![claim()], proceed()).await;
    assert_eq!(answers, [Answer::Claimed(Claimed::Unavailable)]);
    let fixture = Fixture::with(|head| {
        head.headers.remove("idempotency-key");
    });
    let (_, answers) = run(authenticated(&fixture, "a").await, vec![claim()], proceed()).await;
    assert_eq!(answers, [Answer::Claimed(Claimed::Unavailable)]);
}

#[tokio::test]
async fn a_claim_outlives_its_routes_time_out_by_ten_seconds() {
    let fixture = Fixture::new();
    let (_first, _) = run(authenticated(&fixture, "a").await, vec![claim()], proceed()).await;
    fixture.clock.advance(Duration::from_millis(39_999));
    let (_, answers) = run(authenticated(&fixture, "a").await, vec![claim()], proceed()).await;
    assert_eq!(answers, [Answer::Claimed(Claimed::InProgress)]);
    fixture.clock.advance(Duration::from_millis(1));
    let (_, answers) = run(authenticated(&fixture, "a").await, vec![claim()], proceed()).await;
    assert_eq!(answers, [Answer::Claimed(Claimed::Claimed)]);
}

#[tokio::test]
async fn headers_notes_and_logs_of_a_failed_run_are_lost() {
    let fixture = Fixture::new();
    let commands = vec![
        Question::from(ReplyHeadersCommand::Set("x-a".into(), "1".into())),
        Question::from(ReplyHeadersCommand::AddVary(["origin".into()].into())),
        Question::from(NotesCommand::Set("n".into(), "v".into())),
        Question::from(LogCommand::Write(LogLevel::Info, "line".into())),
    ];

    let (host, _) = run(fixture.exchange("a"), commands.clone(), failed()).await;
    let mut headers = HeaderMap::new();
    host.write_reply_headers(&mut headers);
    assert!(headers.is_empty());
    let (host, answers) = run(host, vec![ask(NotesRead::Get("n".into()))], proceed()).await;
    assert_eq!(answers, [Answer::Text(None)]);
    let (host, _) = run(host, commands, proceed()).await;
    host.write_reply_headers(&mut headers);
    assert_eq!(
        (&headers["x-a"], &headers["vary"]),
        (&"1".parse().unwrap(), &"origin".parse().unwrap())
    );
    let (_, answers) = run(host, vec![ask(NotesRead::Is("n".into(), "v".into()))], proceed()).await;
    assert_eq!(answers, [Answer::Bool(true)]);
}

#[tokio::test]
async fn reply_headers_take_values_from_the_request_and_never_hidden_ones() {
    let fixture = Fixture::new();
    let from = |name: &str, field: &str| {
        let source = Source::RequestHeader(field.into());
        Question::from(ReplyHeadersCommand::SetFrom(name.into(), source))
    };
    let methods = ReplyHeadersCommand::SetFrom("allow".into(), Source::RouteMethods);
    let retry = ReplyHeadersCommand::SetFrom("retry-after".into(), Source::RetryAfter);
    let commands = vec![
        from("x-origin", "origin"),
        from("x-key", "authorization"),
        from("x-internal-copy", "x-internal"),
        from("x-none", "absent"),
        Question::from(methods),
        Question::from(retry),
    ];

    let (host, _) = run(fixture.exchange("a"), commands, proceed()).await;
    let mut headers = HeaderMap::new();
    host.write_reply_headers(&mut headers);
    assert_eq!(headers["x-origin"], "https://app.example.com");
    assert_eq!(headers["allow"], "GET, POST");
    assert_eq!(headers.len(), 2, "{headers:?}");
}

#[tokio::test]
async fn route_upstream_and_response_are_answered() {
    let fixture = Fixture::new();
    let questions = vec![
        ask(RouteRead::Matched),
        ask(RouteRead::Name),
        ask(RouteRead::Attribute("scope".into())),
        ask(RouteRead::Attribute("absent".into())),
        ask(RouteRead::GrpcMethod),
        ask(UpstreamsRead::State("deposits".into())),
        ask(UpstreamsRead::State("other".into())),
        ask(ResponseRead::Status),
        ask(ResponseRead::HeaderPresence("etag".into())),
        ask(ResponseRead::HeaderIs("etag".into(), "x".into())),
    ];

    let mut host = fixture.exchange("a");
    let mut headers = HeaderMap::new();
    headers.insert("etag", HeaderValue::from_static("x"));
    host.set_response(201, &headers);
    let (_, answers) = run(host, questions, proceed()).await;
    assert_eq!(
        answers,
        [
            Answer::Matched(tollgate_chain::RouteMatch::Found),
            Answer::Text(Some("create-deposit".into())),
            Answer::Text(Some("deposits:write".into())),
            Answer::Text(None),
            Answer::Text(Some("deposits.v1.Deposits/Create".into())),
            Answer::Upstream(UpstreamState::Ready),
            Answer::Upstream(UpstreamState::Unknown),
            Answer::Status(201),
            Answer::Presence(Presence::Once),
            Answer::Bool(true),
        ]
    );
}

#[tokio::test]
async fn a_hundred_exchanges_with_one_key_carry_the_operation_out_once() {
    let fixture = Arc::new(Fixture::new());
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let fixture = Arc::clone(&fixture);
            tokio::spawn(async move {
                let host = authenticated(&fixture, "a").await;
                let (mut host, answers) = run(host, vec![claim()], proceed()).await;
                let claimed = host.take_claim();
                if let Some(claim) = claimed {
                    claim.complete(stored("{}")).await;
                }
                answers
            })
        })
        .collect();

    let mut carried_out = 0;
    for task in tasks {
        match task.await.expect("no panic")[..] {
            [Answer::Claimed(Claimed::Claimed)] => carried_out += 1,
            [Answer::Claimed(Claimed::InProgress | Claimed::Completed(_))] => {}
            ref answers => panic!("{answers:?}"),
        }
    }
    assert_eq!(carried_out, 1);
}
