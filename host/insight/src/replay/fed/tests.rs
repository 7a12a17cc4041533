use tollgate_chain::{IdempotencyEffect, PrincipalRead, RequestRead, RouteRead, Taken, WasiRead};

use super::*;
use crate::receipts::Hidden;

fn step(question: Question, answer: Answer) -> StepForm {
    StepForm { question, answer, hidden: Hidden::default() }
}

fn ask(fed: &mut Fed, question: &Question) -> Answer {
    match fed.ask(question) {
        Asked::Ready(answer) => answer,
        Asked::Pending(_) => panic!("a recorded answer is ready"),
    }
}

fn scope(name: &str) -> Question {
    Question::from(PrincipalRead::HasScope(name.into()))
}

#[test]
fn a_question_that_was_not_recorded_is_told_and_answered_with_nothing() {
    let mut fed = Fed::new(&[step(scope("a"), Answer::Bool(true))], &Arc::default(), None);
    assert_eq!(ask(&mut fed, &scope("a")), Answer::Bool(true));
    assert_eq!(ask(&mut fed, &scope("a")), Answer::Bool(true), "a read may be repeated");
    assert_eq!(fed.unrecorded, None);
    assert_eq!(ask(&mut fed, &scope("b")), Answer::Done);
    assert_eq!(ask(&mut fed, &scope("a")), Answer::Done, "nothing is answered after it");
    assert_eq!(fed.unrecorded, Some(scope("b")), "the first one is told");
}

#[test]
fn what_was_hidden_is_not_recorded() {
    let header = Question::from(RequestRead::Header("x-plan".into()));
    let mut own = step(header.clone(), Answer::Text(Some("(hidden: 4 bytes)".into())));
    own.hidden.answer = true;
    let mut fed = Fed::new(&[own], &Arc::default(), None);
    ask(&mut fed, &header);
    assert_eq!(fed.unrecorded, Some(header));
}

#[test]
fn an_effect_happened_as_often_as_it_was_recorded() {
    let claim = Question::from(IdempotencyEffect::Claim);
    let own = [step(claim.clone(), Answer::Taken(Taken::Allowed))];
    let mut fed = Fed::new(&own, &Arc::default(), None);
    assert_eq!(ask(&mut fed, &claim), Answer::Taken(Taken::Allowed));
    ask(&mut fed, &claim);
    assert_eq!(fed.unrecorded, Some(claim));
}

#[test]
fn moments_are_told_in_their_order_and_each_once() {
    let clock = Question::from(WasiRead::WallClock);
    let own = [1, 2].map(|moment| step(clock.clone(), Answer::Nanoseconds(moment)));
    let mut fed = Fed::new(&own, &Arc::default(), None);
    assert_eq!(ask(&mut fed, &clock), Answer::Nanoseconds(1));
    assert_eq!(ask(&mut fed, &clock), Answer::Nanoseconds(2));
    assert_eq!(fed.unrecorded, None);
    ask(&mut fed, &clock);
    assert_eq!(fed.unrecorded, Some(clock));
}

#[test]
fn attributes_are_the_candidates_own() {
    let attribute = |name: &str| Question::from(RouteRead::Attribute(name.into()));
    let own = [step(attribute("scope"), Answer::Text(Some("old".into())))];
    let attributes = [("scope".to_owned(), "new".to_owned())].into();
    let route = Arc::new(RouteFacts { attributes, ..RouteFacts::default() });
    let mut fed = Fed::new(&own, &Arc::default(), Some(&route));
    assert_eq!(ask(&mut fed, &attribute("scope")), Answer::Text(Some("new".into())));
    assert_eq!(ask(&mut fed, &attribute("class")), Answer::Text(None));
    assert_eq!(fed.unrecorded, None);
}
