//! A guest whose language runtime believes in a machine: what it asks of it is asked like anything
//! else, recorded and fed again; and of the rest there is none.

use std::sync::Arc;

use conformance::Table;
use tollgate_chain::{
    Answer, Chain, Class, Content, Decision, Departure, Failure, Growth, Hook, Interests,
    Interface, Policy, Question, Receipt, Reply, Trees, Verdict, WasiRead, request,
};
use tollgate_runtime::{Component, Grants, LoadError};

use crate::world::{ANSWER_BYTES_MAX, QUESTIONS_MAX, head, load, run, run_fed};

fn worldly(does: &str) -> Component<Table> {
    load("worldly", &format!(r#"{{"does":"{does}"}}"#), &wasi()).unwrap()
}

fn wasi() -> Grants {
    [Interface::Wasi].into_iter().collect()
}

fn asked(read: WasiRead) -> Question {
    Question::from(read)
}

fn told(verdict: Verdict) -> String {
    let Verdict::Reply(Reply { content: Content::Problem(problem), .. }) = verdict else {
        panic!("no problem: {verdict:?}");
    };
    problem.detail.into()
}

/// Checks the output of a word, and the questions that its system calls became.
async fn does(
    word: &str,
    answers: &[(WasiRead, Answer)],
) -> Result<(String, Vec<Question>), Failure> {
    let table = Table::new(answers.iter().map(|(system, answer)| (asked(*system), answer.clone())));
    let log = table.log();
    let (outcome, trace) = run(&worldly(word), Hook::Request, table).await;
    let recorded: Vec<_> = trace.steps().iter().map(|(question, _)| question.clone()).collect();
    assert_eq!(recorded, log.asked(), "{word}: what is asked is recorded");
    Ok((told(outcome?), recorded))
}

#[tokio::test]
async fn clocks_and_randomness_are_questions() {
    let (now, passed) = (1_800_000_000_123_000_000, 5_000_000);
    let time = (WasiRead::WallClock, Answer::Nanoseconds(now));
    let clock = (WasiRead::MonotonicClock, Answer::Nanoseconds(passed));
    let drawn = |bytes: &[u8]| {
        let count = u32::try_from(bytes.len()).unwrap();
        (WasiRead::Random(count), Answer::Random(bytes.into()))
    };
    let cases = [
        ("time", time, format!("{now} ns"), 1),
        ("wait", clock, "0 ns".to_owned(), 2),
        ("draw", drawn(&[1, 2, 3, 255]), "[1, 2, 3, 255]".to_owned(), 1),
        ("draw-word", drawn(&[1, 1, 0, 0, 0, 0, 0, 0]), "257".to_owned(), 1),
    ];
    for (word, (system, answer), expected, times) in cases {
        let (detail, questions) = does(word, &[(system, answer)]).await.unwrap();
        assert_eq!((detail, questions), (expected, vec![asked(system); times]), "{word}");
    }
}

#[tokio::test]
async fn a_run_that_is_fed_again_tells_the_time_of_then() {
    let guest = worldly("time");
    let table = |now| Table::new([(asked(WasiRead::WallClock), Answer::Nanoseconds(now))]);
    let (first, trace) = run(&guest, Hook::Request, table(1_000)).await;
    let (again, repeated) = run_fed(&guest, Hook::Request, table(2_000), trace.clone()).await;
    assert_eq!((again, &repeated), (first.clone(), &trace));
    let (later, _) = run(&guest, Hook::Request, table(2_000)).await;
    assert_ne!(later, first);
}

#[tokio::test]
async fn the_environment_is_empty_there_are_no_files_and_hashes_are_seeded_alike() {
    let none = |word| async move { does(word, &[]).await.unwrap() };
    assert_eq!(none("environment").await, ("0 arguments, 0 variables".to_owned(), vec![]));
    assert_eq!(none("file").await, ("no such file".to_owned(), vec![]));
    let (order, questions) = none("hash").await;
    assert_eq!((order.split_whitespace().count(), questions), (16, vec![]));
    for _ in 0..5 {
        assert_eq!(none("hash").await.0, order, "each in an instance of its own");
    }
}

#[tokio::test]
async fn what_is_imported_and_not_there_ends_the_run_and_says_its_name() {
    match does("print", &[]).await {
        Err(Failure::Trap(cause)) => assert!(cause.contains("wasi:cli/stdout@0.2"), "{cause}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn randomness_is_bounded_and_never_made_up() {
    let nonsense = does("draw-too-much", &[]).await.unwrap_err();
    assert!(matches!(nonsense, Failure::Question(Departure::Nonsense(_))), "{nonsense}");
    let short = (WasiRead::Random(8), Answer::Random([7].into()));
    let failure = does("draw-word", &[short]).await.unwrap_err();
    assert!(matches!(&failure, Failure::Engine(cause) if cause.contains("random")), "{failure}");
}

#[test]
fn while_it_is_configured_a_runtime_has_its_hashes_and_no_clock() {
    let configuring = |word| load("worldly", &format!(r#"{{"configuring":"{word}"}}"#), &wasi());
    for word in ["hash", "environment", "file"] {
        configuring(word).unwrap();
    }
    for word in ["time", "wait", "draw"] {
        let refused = configuring(word).unwrap_err();
        let LoadError::Configure(Failure::Start(cause)) = &refused else { panic!("{refused:?}") };
        assert!(cause.contains("while configuring"), "{cause}");
    }
}

#[test]
fn a_machine_must_be_granted() {
    let refused = load("worldly", "{}", &Grants::none()).unwrap_err();
    let LoadError::Ungranted(imports) = &refused else { panic!("{refused}") };
    assert!(imports.iter().all(|import| import.grant == Interface::Wasi), "{refused}");
    assert!(refused.to_string().contains("needs the grant \"wasi\""), "{refused}");
}

/// Counts the verdicts that came from a walk, in several requests with the same answers.
async fn walks(word: &str, answers: &[(WasiRead, Answer)]) -> usize {
    let policy = Policy {
        name: "worldly".into(),
        class: Class::Traffic,
        interests: Interests::default(),
        plugin: Arc::new(worldly(word)),
        trees: Arc::new(Trees::new(&Growth::default(), &[])),
        questions_max: QUESTIONS_MAX,
        answer_bytes_max: ANSWER_BYTES_MAX,
        rollout: None,
    };

    let chain = Chain { name: "one".into(), policies: vec![Arc::new(policy)] };
    let mut walked = 0;
    for _ in 0..8 {
        let host = answers.iter().map(|(system, answer)| (asked(*system), answer.clone()));
        let (head, mut receipt) = (head(), Receipt::default());

        let walk = request::walk(&chain, &head, None, Table::new(host), &mut receipt);
        let (_, outcome) = walk.await;
        assert!(matches!(outcome, request::RequestOutcome::Replied { .. }), "{outcome:?}");
        let is_walk = |decision: &Decision<'_>| matches!(decision, Decision::Walked { .. });
        walked += receipt.entries.iter().filter(|entry| is_walk(&entry.decision)).count();
    }
    walked
}

#[tokio::test]
async fn what_depends_on_the_moment_is_decided_in_the_component_each_time() {
    assert!(walks("hash", &[]).await > 0, "the control");
    let moment = Answer::Nanoseconds(7);
    assert_eq!(walks("time", &[(WasiRead::WallClock, moment.clone())]).await, 0);
    assert_eq!(walks("wait", &[(WasiRead::MonotonicClock, moment)]).await, 0);
    let drawn = Answer::Random([1, 2, 3, 4].into());
    assert_eq!(walks("draw", &[(WasiRead::Random(4), drawn)]).await, 0);
}
