//! Whatever a guest does ends its own run, in time, by name, and nothing else.

use std::sync::Arc;
use std::time::{Duration, Instant};

use conformance::{Table, words};
use tollgate_chain::{
    Answer, Chain, Class, Departure, Error, Failure, Growth, Hook, Interests, Policy, Question,
    Receipt, RequestRead, Settlement, Trees, Verdict, request,
};
use tollgate_runtime::{ExceededLimit, Grants, LoadError};

use crate::world::{self, engine, head, hostile, limits, load, run};

/// The expected end of a run of the act.
enum End {
    Verdict,
    Trap(&'static str),
    Failure(Failure),
    Nonsense(&'static str),
    /// The guest comes to a verdict that the contract does not allow.
    NoVerdict(&'static str),
}

fn expected(act: &str) -> End {
    match act {
        "proceed" | "deny" | "remember" | "count-configuring" => End::Verdict,
        "loop" => End::Failure(Failure::Time),
        "allocate" | "hoard" => End::Failure(Failure::Memory),
        "trap" => End::Trap("unreachable"),
        "recurse" => End::Failure(Failure::Stack),
        "ask-forever" | "log-flood" => End::Failure(Failure::Question(Departure::Questions)),
        "read-on" => End::Failure(Failure::Question(Departure::AnswerBytes)),
        "ask-at-length" | "big-reply" => End::Trap("too much data"),
        "bad-status" => End::NoVerdict("a status from 200 to 599"),
        "bad-slug" => End::NoVerdict("a problem's slug of 1 to 64 of [a-z0-9-]"),
        "forward-nowhere" => End::NoVerdict("the name of an upstream"),
        "bad-header" => End::Nonsense("reply-headers.set"),
        other => panic!("the act {other} has no test"),
    }
}

fn host() -> Table {
    let lines = [2 << 20, 500 << 10].map(|length| "x".repeat(length)).into_iter();
    let methods = lines.chain(["GET".to_owned()]);
    let methods =
        methods.map(|m| (Question::from(RequestRead::MethodIs(m.into())), Answer::Bool(false)));
    let text = Answer::Text(Some("x".repeat(100).into()));
    Table::new(methods.chain([(Question::from(RequestRead::Header("x-text".into())), text)]))
}

/// A chain of this one policy.
fn chain(act: &str, class: Class) -> Chain<Table> {
    let policy = Policy {
        name: "hostile".into(),
        class,
        interests: Interests::default(),
        plugin: Arc::new(hostile(act)),
        trees: Arc::new(Trees::new(&Growth::default(), &[])),
        questions_max: world::QUESTIONS_MAX,
        answer_bytes_max: world::ANSWER_BYTES_MAX,
        rollout: None,
    };
    Chain { name: "test".into(), policies: vec![Arc::new(policy)] }
}

/// Lets the chain decide, as the gateway does.
async fn decide(chain: &Chain<Table>, host: Table) -> (request::RequestOutcome<'_>, Receipt<'_>) {
    let mut receipt = Receipt::default();
    let (_host, outcome) = request::walk(chain, &head(), None, host, &mut receipt).await;
    (outcome, receipt)
}

fn assert_ends_as(word: &str, expected: &End, outcome: &Result<Verdict, Failure>) {
    let fits = match (expected, outcome) {
        (End::Verdict, outcome) => outcome.is_ok(),
        (End::Trap(part), Err(Failure::Trap(text))) => text.contains(part),
        (End::Failure(failure), Err(found)) => failure == found,
        (End::Nonsense(function), Err(Failure::Question(Departure::Nonsense(nonsense)))) => {
            nonsense.function == *function
        }
        (End::NoVerdict(wanted), Err(Failure::Verdict(found))) => wanted == found,
        _ => false,
    };
    assert!(fits, "{word} ended as {outcome:?}");
}

#[tokio::test]
async fn every_act_ends_its_own_run_in_time_and_by_its_name() {
    for word in words("Act").unwrap() {
        let started = Instant::now();
        let host = host();
        let log = host.log();
        let chain = chain(&word, Class::Security);
        let (_, receipt) = decide(&chain, host).await;
        assert!(started.elapsed() < Duration::from_secs(5), "{word} took {:?}", started.elapsed());
        let end = expected(&word);
        let outcome = receipt.entries[0].decision.outcome();
        assert_ends_as(&word, &end, &outcome.cloned().map_err(Clone::clone));
        let settlement =
            if matches!(end, End::Verdict) { Settlement::Commit } else { Settlement::Release };
        assert_eq!(log.settled(), [settlement], "{word}");
        if settlement == Settlement::Release {
            assert!(log.applied().is_empty(), "{word}: a failed run's commands were applied");
        }
    }
}

#[tokio::test]
async fn a_failed_security_policy_ends_the_exchange_and_never_lets_it_pass() {
    for word in words("Act").unwrap() {
        if matches!(expected(&word), End::Verdict) {
            continue;
        }
        let closed = chain(&word, Class::Security);
        let (outcome, _) = decide(&closed, host()).await;
        assert!(
            matches!(outcome, request::RequestOutcome::Failed(Error::Plugin { .. })),
            "{word}: {outcome:?}"
        );
        let observed = chain(&word, Class::Observe);
        let (outcome, _) = decide(&observed, host()).await;
        assert!(matches!(outcome, request::RequestOutcome::Passed { .. }), "{word}: {outcome:?}");
    }
}

#[tokio::test]
async fn the_next_run_works_and_no_instance_is_lost() {
    let good = hostile("proceed");
    for word in words("Act").unwrap() {
        let bad = hostile(&word);
        for _ in 0..3 {
            let _ = run(&bad, Hook::Request, host()).await;
        }
        let (outcome, _) = run(&good, Hook::Request, host()).await;
        assert_eq!(outcome, Ok(Verdict::Proceed), "after {word}");
    }
}

#[tokio::test]
async fn nothing_is_remembered_from_one_request_to_the_next() {
    let guest = hostile("remember");
    for request in 0..50 {
        let (outcome, _) = run(&guest, Hook::Request, Table::default()).await;
        assert_eq!(outcome, Ok(Verdict::Proceed), "request {request}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_neighbour_on_the_same_worker_keeps_running_while_a_guest_loops() {
    let guest = hostile("loop");
    let looping = tokio::spawn(async move { run(&guest, Hook::Request, Table::default()).await.0 });
    let mut turns = 0;
    while !looping.is_finished() {
        tokio::time::sleep(Duration::from_millis(1)).await;
        turns += 1;
    }
    assert_eq!(looping.await.unwrap(), Err(Failure::Time));
    // The guest gives way at each of its 50 ticks, however busy the machine is.
    assert!(turns >= 20, "the neighbour had {turns} turns");
}

#[test]
fn configure_may_ask_nothing_and_must_come_to_an_end() {
    for word in words("Configuring").unwrap() {
        let settings = format!(r#"{{"configuring":"{word}"}}"#);
        let loaded = load("hostile", &settings, &Grants::all());

        match word.as_str() {
            "settle" => assert!(loaded.is_ok(), "{loaded:?}"),
            "loop" => {
                let error = loaded.unwrap_err();
                let LoadError::Limit(ExceededLimit::Time { .. }) = error else { panic!("{error}") };
            }
            "trap" => {
                let error = loaded.unwrap_err();
                assert!(matches!(error, LoadError::Configure(Failure::Trap(_))), "{error:?}");
            }
            "ask" => {
                let error = loaded.unwrap_err().to_string();
                assert!(error.contains("nothing may be asked"), "{error}");
            }
            "refuse" => {
                let LoadError::Settings(problems) = loaded.unwrap_err() else {
                    panic!("refused in another way");
                };
                let keys: Vec<_> = problems.iter().map(|problem| problem.key.as_str()).collect();
                assert_eq!(keys, ["colour", "hosts[2]"]);
                assert_eq!(problems[0].message, "expected a colour");
            }
            other => panic!("configuring by {other} has no test"),
        }
    }
}

#[test]
fn the_limits_of_a_test_leave_room_for_what_the_acts_need() {
    assert!(limits().memory_bytes() > 4 << 20, "the long replies would end at the memory limit");
    assert!(engine().instances_free() > 0);
}
