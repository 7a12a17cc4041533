//! The trace of a run: complete, repeatable, and enough to decide again without a host.

use conformance::Table;
use tollgate_chain::{
    Answer, CredentialHandle, Departure, Environment, Failure, Hook, PrincipalCommand,
    PrincipalRead, Question, RequestRead, RouteRead, Settlement, Trace,
};

use crate::world::{curious, hostile, run, run_fed};

fn principal() -> Table {
    Table::new([
        (Question::from(PrincipalRead::Environment), Answer::Environment(Some(Environment::Live))),
        (Question::from(PrincipalRead::HasScope("deposits:read".into())), Answer::Bool(true)),
        (Question::from(PrincipalRead::Tenant), Answer::Text(Some("t-1".into()))),
    ])
}

#[tokio::test]
async fn the_same_answers_give_the_same_trace_and_verdict() {
    let guest = curious("principal");
    let first = run(&guest, Hook::Request, principal()).await;
    for _ in 0..10 {
        assert_eq!(run(&guest, Hook::Request, principal()).await, first);
    }
    assert_eq!(first.1.steps().len(), 4);
}

#[tokio::test]
async fn commands_never_reach_the_host_before_the_verdict_and_are_applied_with_it() {
    let host = principal();
    let log = host.log();
    let (outcome, _) = run(&curious("principal"), Hook::Request, host).await;
    assert!(outcome.is_ok());
    assert!(log.asked().iter().all(|question| matches!(question, Question::Read(_))));
    assert_eq!(log.applied(), [PrincipalCommand::Establish(CredentialHandle(7)).into()]);
    assert_eq!(log.settled(), [Settlement::Commit]);
}

#[tokio::test]
async fn fed_answers_are_not_asked_again() {
    let guest = curious("principal");
    let (decided, trace) = run(&guest, Hook::Request, principal()).await;
    let host = Table::default();
    let log = host.log();
    let (again, retraced) = run_fed(&guest, Hook::Request, host, trace.clone()).await;
    assert_eq!((again, retraced), (decided, trace));
    assert_eq!(log.asked(), []);
}

#[tokio::test]
async fn past_the_end_of_its_feed_a_run_asks_for_real() {
    let guest = curious("principal");
    let (decided, trace) = run(&guest, Hook::Request, principal()).await;
    let mut prefix = Trace::new();
    for (question, answer) in &trace.steps()[..2] {
        prefix.push(question.clone(), answer.clone());
    }
    let host = principal();
    let log = host.log();
    let (again, retraced) = run_fed(&guest, Hook::Request, host, prefix).await;
    assert_eq!((again, &retraced), (decided, &trace));
    assert_eq!(log.asked().len(), 2);
}

#[tokio::test]
async fn a_run_that_departs_from_its_feed_ends_closed() {
    let (_, trace) = run(&curious("principal"), Hook::Request, principal()).await;
    let host = Table::default();
    let log = host.log();
    let (outcome, _) = run_fed(&curious("notes"), Hook::Request, host, trace).await;
    assert_eq!(outcome, Err(Failure::Question(Departure::Differs { index: 0 })));
    assert_eq!(log.settled(), [Settlement::Release]);
    assert_eq!(log.asked(), []);
}

#[tokio::test]
async fn an_answer_of_another_kind_is_our_defect_and_ends_the_run_closed() {
    let host =
        Table::new([(Question::from(RequestRead::MethodIs("GET".into())), Answer::Index(None))]);
    let (outcome, _) = run(&hostile("ask-forever"), Hook::Request, host).await;
    assert!(matches!(outcome, Err(Failure::Engine(_))), "{outcome:?}");
}

#[tokio::test]
async fn answers_beyond_their_bytes_end_the_run_closed() {
    let class = Question::from(RouteRead::Attribute("class".into()));
    let long = Answer::Text(Some("x".repeat(crate::world::ANSWER_BYTES_MAX + 1).into()));
    let host = Table::new([
        (Question::from(RouteRead::Matched), Answer::Matched(tollgate_chain::RouteMatch::Found)),
        (Question::from(RouteRead::Name), Answer::Text(None)),
        (class, long),
    ]);
    let (outcome, _) = run(&curious("route"), Hook::Request, host).await;
    assert_eq!(outcome, Err(Failure::Question(Departure::AnswerBytes)));
}
