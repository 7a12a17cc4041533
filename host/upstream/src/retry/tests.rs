use super::*;

fn request() -> Option<Box<Request<OutboundBody>>> {
    Some(Box::new(Request::new(OutboundBody::Empty)))
}

fn lost() -> AttemptFailure {
    AttemptFailure::Lost { cause: "reset".into(), reset: None }
}

fn unprocessed() -> AttemptFailure {
    AttemptFailure::Unprocessed { cause: "refused".into(), request: request() }
}

fn unconnected() -> AttemptFailure {
    let error = ConnectionError::Dropped { host: "a".into() };
    AttemptFailure::Unconnected { error, request: Box::new(Request::new(OutboundBody::Empty)) }
}

/// Tells whether a first failure leads to another attempt.
fn again(safety: Safety, failure: AttemptFailure) -> bool {
    let mut retry = RetryState::new(safety, 5);
    retry.begin(0);
    retry.after(failure, &Budget::new(), &request).is_ok()
}

#[test]
fn what_may_have_been_processed_is_sent_again_only_where_that_is_safe() {
    assert!(again(Safety::Repeatable, lost()));
    assert!(!again(Safety::Once, lost()));
}

#[test]
fn what_was_certainly_not_processed_is_sent_again() {
    assert!(again(Safety::Once, unprocessed()));
    assert!(again(Safety::Once, unconnected()));
}

#[test]
fn what_cannot_be_made_once_more_is_not_sent_again() {
    let gone = AttemptFailure::Unprocessed { cause: "refused".into(), request: None };
    for (safety, failure) in [(Safety::Repeatable, lost()), (Safety::Once, gone)] {
        let mut retry = RetryState::new(safety, 5);
        retry.begin(0);
        assert!(retry.after(failure, &Budget::new(), &|| None).is_err());
    }
}

#[test]
fn the_error_says_whether_the_request_was_certainly_not_processed() {
    let ended = |failure| {
        let mut retry = RetryState::new(Safety::Once, 5);
        retry.resent = true;
        retry.attempts = ATTEMPTS_MAX;
        match retry.after(failure, &Budget::new(), &request) {
            Err(Error::UpstreamUnavailable { unsent, .. }) => unsent,
            other => panic!("{:?}", other.map(|_| ())),
        }
    };
    assert!(ended(unprocessed()));
    assert!(ended(unconnected()));
    assert!(!ended(lost()));
}

#[test]
fn a_request_is_sent_twice_at_most() {
    let (mut retry, budget) = (RetryState::new(Safety::Repeatable, 5), Budget::new());
    retry.begin(0);
    assert!(retry.after(lost(), &budget, &request).is_ok());
    retry.begin(0);
    assert!(retry.after(unprocessed(), &budget, &request).is_err());
}

#[test]
fn three_connections_are_tried_at_most() {
    let (mut retry, budget) = (RetryState::new(Safety::Once, 5), Budget::new());
    for endpoint in 0..ATTEMPTS_MAX - 1 {
        retry.begin(endpoint);
        assert!(retry.after(unconnected(), &budget, &request).is_ok());
    }
    retry.begin(ATTEMPTS_MAX);
    assert!(retry.after(unconnected(), &budget, &request).is_err());
}

#[test]
fn an_endpoint_alone_that_cannot_be_reached_is_not_knocked_at_again() {
    let mut retry = RetryState::new(Safety::Repeatable, 1);
    retry.begin(0);
    assert!(retry.after(unconnected(), &Budget::new(), &request).is_err());
}

#[test]
fn a_second_attempt_on_the_same_endpoint_gets_a_new_connection() {
    let mut retry = RetryState::new(Safety::Once, 5);
    assert!(!retry.begin(0));
    assert!(!retry.begin(1));
    assert!(retry.begin(0));
}

#[test]
fn retries_stop_when_the_budget_is_spent_and_resume_with_successes() {
    let budget = Budget::new();
    let mut sent_again = 0;
    let attempt = |budget: &Budget| {
        let mut retry = RetryState::new(Safety::Repeatable, 5);
        retry.begin(0);
        retry.after(lost(), budget, &request).is_ok()
    };
    while attempt(&budget) {
        sent_again += 1;
        assert!(sent_again <= 20, "no bound");
    }
    assert_eq!(sent_again, 20);
    for _ in 0..PER_RETRY {
        budget.earn();
    }
    assert!(attempt(&budget));
    assert!(!attempt(&budget));
}

#[test]
fn the_budget_does_not_grow_without_end() {
    let budget = Budget::new();
    for _ in 0..10_000 {
        budget.earn();
    }
    assert_eq!(budget.tokens.load(Ordering::Relaxed), TOKENS_MAX);
}
