use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use proptest::prelude::*;

use super::*;
use crate::testing::{Guest, Script, is, policy};
use crate::{Answer, NotesCommand, Reply, RequestRead};
use crate::{Branch, Class, Growth, Plugin, Question, Trees};

/// Verified at its walks 1, 2, 4 … only.
fn seldom() -> Growth {
    Growth { verify_every: u64::MAX, ..Growth::default() }
}

fn always() -> Growth {
    Growth { verify_every: 1, ..Growth::default() }
}

/// A pure function that asks and commands as its seed and the answers so far say.
fn random_guest(seed: u64) -> Arc<dyn Plugin<Script>> {
    Arc::new(Guest::new(move |run| Box::pin(random(seed, run))))
}

async fn random(seed: u64, run: &mut Run<Script>) -> Result<Verdict, crate::Departure> {
    let mut state = seed;
    for depth in 0..6 {
        state = mix(state, depth);
        match state % 5 {
            0 => {
                let note = NotesCommand::Set(format!("n{}", state % 7).into(), "x".into());
                run.ask(Question::from(note)).await?;
            }
            1 if depth > 1 => break,
            _ => {
                let yes = is(run, ["a", "b", "c", "d"][(state % 4) as usize]).await?;
                state = mix(state, u64::from(yes));
            }
        }
    }

    Ok(match state % 3 {
        0 => Verdict::Proceed,
        1 => Verdict::Forward(format!("u{}", state % 5).into()),
        _ => Verdict::Reply(Reply { status: 400, content: crate::Content::Empty }),
    })
}

fn mix(state: u64, with: u64) -> u64 {
    let mixed =
        (state ^ with.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    mixed ^ (mixed >> 32)
}

async fn decided(
    policy: &Policy<Script>,
    host: Script,
) -> (Script, Result<Verdict, Failure>, bool) {
    let (host, decision) = decide(policy, None, Hook::Request, host).await;
    let walked = matches!(decision, Decision::Walked { .. });
    (host, decision.outcome().cloned().map_err(Clone::clone), walked)
}

fn run_to_end<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

proptest! {
    #[test]
    fn a_tree_decides_asks_and_does_what_the_component_would(
        seed: u64,
        requests in prop::collection::vec(prop::collection::vec(0..4_usize, 0..4), 1..60),
    ) {
        run_to_end(async {
            let with = policy(random_guest(seed), &seldom());
            let without = policy(random_guest(seed), &Growth { on: false, ..seldom() });
            for yes in requests {
                let yes: Vec<&str> = yes.iter().map(|index| ["a", "b", "c", "d"][*index]).collect();
                let (one, ours, _) = decided(&with, Script::saying(&yes)).await;
                let (other, theirs, walked) = decided(&without, Script::saying(&yes)).await;
                prop_assert!(!walked);
                prop_assert_eq!(ours, theirs);
                prop_assert_eq!(one.asked, other.asked);
                prop_assert_eq!(one.applied, other.applied);
                prop_assert_eq!(one.settled, other.settled);
            }
            prop_assert!(with.trees.of(Hook::Request).discord().is_none());
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn the_third_equal_request_is_walked_and_enters_no_component() {
    let guest = Arc::new(Guest::new(|run| {
        Box::pin(async move {
            let yes = is(run, "a").await?;
            Ok(if yes { Verdict::Proceed } else { Verdict::Forward("b".into()) })
        })
    }));
    let policy = policy(guest.clone(), &seldom());
    let mut ways = Vec::new();
    for _ in 0..4 {
        let (_, verdict, walked) = decided(&policy, Script::saying(&["a"])).await;
        assert_eq!(verdict, Ok(Verdict::Proceed));
        ways.push(walked);
    }
    // The first walk is verified, and so are the second and the fourth: runs beside the walk.
    assert_eq!(ways, [false, false, true, true]);
    let (host, verdict, walked) = decided(&policy, Script::default()).await;
    assert_eq!((verdict, walked), (Ok(Verdict::Forward("b".into())), false));
    assert_eq!(host.asked.len(), 1, "the answer that was given is fed, not asked again");
}

#[tokio::test]
async fn a_new_answer_is_fed_to_the_component_and_nothing_is_asked_twice() {
    let guest = Arc::new(Guest::new(|run| {
        Box::pin(async move {
            is(run, "a").await?;
            let note = NotesCommand::Set("seen".into(), "a".into());
            run.ask(Question::from(note)).await?;
            is(run, "b").await?;
            is(run, "c").await?;
            Ok(Verdict::Proceed)
        })
    }));

    let policy = policy(guest, &seldom());
    for _ in 0..2 {
        drop(decided(&policy, Script::saying(&["a"])).await);
    }

    let (host, decision) = decide(&policy, None, Hook::Request, Script::saying(&["a", "b"])).await;
    let Decision::Ran { fed, .. } = decision else { panic!("walked: {decision:?}") };
    assert_eq!(fed, 3, "two answers and a command were known");
    assert_eq!(host.asked.len(), 3);
    assert_eq!(host.applied, [NotesCommand::Set("seen".into(), "a".into()).into()]);
    assert_eq!(host.settled, [Settlement::Commit]);
}

#[tokio::test]
async fn a_guest_that_changes_its_mind_is_caught_by_verification_and_fails_closed_once() {
    let turned = Arc::new(AtomicBool::new(false));
    let own = Arc::clone(&turned);
    let guest = Arc::new(Guest::new(move |run| {
        let turned = own.load(Ordering::Relaxed);
        Box::pin(async move {
            is(run, "a").await?;
            Ok(if turned { Verdict::Forward("elsewhere".into()) } else { Verdict::Proceed })
        })
    }));

    let policy = policy(guest, &always());
    for _ in 0..5 {
        assert_eq!(decided(&policy, Script::default()).await.1, Ok(Verdict::Proceed));
    }

    turned.store(true, Ordering::Relaxed);
    let (host, verdict, _) = decided(&policy, Script::default()).await;
    assert_eq!(verdict, Err(Failure::Impure));
    assert_eq!(host.settled, [Settlement::Release]);
    let discord = policy.trees.of(Hook::Request).discord().expect("kept");
    assert_eq!(discord.known.1, Some(Verdict::Proceed));
    assert_eq!(discord.found.1, Some(Verdict::Forward("elsewhere".into())));

    let (_, verdict, walked) = decided(&policy, Script::default()).await;
    assert_eq!((verdict, walked), (Ok(Verdict::Forward("elsewhere".into())), false));
}

/// A guest that lets pass, but for the runs that fail as its script says.
#[derive(Debug)]
struct Flaky {
    failures: parking_lot::Mutex<std::collections::VecDeque<Option<Failure>>>,
}

impl Plugin<Script> for Flaky {
    fn run<'a>(
        &'a self,
        _hook: Hook,
        mut run: Run<Script>,
    ) -> std::pin::Pin<Box<dyn Future<Output = crate::Finished<Script>> + Send + 'a>> {
        Box::pin(async move {
            let failure = self.failures.lock().pop_front().flatten();
            let asked = is(&mut run, "a").await.map_err(Failure::Question);
            let outcome = asked.and_then(|_| failure.map_or(Ok(Verdict::Proceed), Err));
            (run, outcome)
        })
    }

    fn has(&self, hook: Hook) -> bool {
        hook == Hook::Request
    }
}

/// The outcomes of five requests whose third is walked and verified by runs that fail so.
async fn verified(failures: &[Failure]) -> (Policy<Script>, Vec<Result<Verdict, Failure>>) {
    let failures = [None, None].into_iter().chain(failures.iter().cloned().map(Some)).collect();
    let flaky = Flaky { failures: parking_lot::Mutex::new(failures) };
    let policy = policy(Arc::new(flaky), &always());
    let mut outcomes = Vec::new();
    for _ in 0..5 {
        outcomes.push(decided(&policy, Script::default()).await.1);
    }
    (policy, outcomes)
}

#[tokio::test]
async fn a_failure_of_the_machine_in_verification_neither_refuses_nor_ends_the_tree() {
    for failure in [
        Failure::NoInstance,
        Failure::Time,
        Failure::Start("out of memory".into()),
        Failure::Engine("mismatch".into()),
        Failure::Trap("once".into()),
    ] {
        let (policy, outcomes) = verified(std::slice::from_ref(&failure)).await;
        assert_eq!(outcomes, vec![Ok(Verdict::Proceed); 5], "{failure}");
        let tree = policy.trees.of(Hook::Request);
        assert!(tree.is_on() && tree.discord().is_none(), "{failure}");
    }
}

#[tokio::test]
async fn a_component_that_traps_twice_on_the_answers_of_its_tree_is_no_function_of_them() {
    let trap = Failure::Trap("again".into());
    let (policy, outcomes) = verified(&[trap.clone(), trap]).await;
    assert_eq!(outcomes[2], Err(Failure::Impure));
    assert!(!policy.trees.of(Hook::Request).is_on());
}

#[tokio::test]
async fn a_guest_that_departs_from_what_it_is_fed_fails_closed_and_ends_its_tree() {
    let runs = Arc::new(AtomicU64::new(0));
    let own = Arc::clone(&runs);
    let guest = Arc::new(Guest::new(move |run| {
        let first = if own.fetch_add(1, Ordering::Relaxed) < 2 { "a" } else { "z" };
        Box::pin(async move {
            is(run, first).await?;
            is(run, "b").await?;
            Ok(Verdict::Proceed)
        })
    }));
    let policy = policy(guest, &seldom());
    drop(decided(&policy, Script::default()).await);
    drop(decided(&policy, Script::default()).await);
    let (host, verdict, _) = decided(&policy, Script::saying(&["b"])).await;
    assert!(matches!(verdict, Err(Failure::Question(_))), "{verdict:?}");
    assert_eq!(host.settled, [Settlement::Release]);
    assert!(policy.trees.of(Hook::Request).discord().is_some());
}

#[tokio::test]
async fn a_guest_that_never_asks_the_same_is_caught_by_its_second_run() {
    let runs = Arc::new(AtomicU64::new(0));
    let guest = Arc::new(Guest::new(move |run| {
        let word = runs.fetch_add(1, Ordering::Relaxed).to_string();
        Box::pin(async move {
            is(run, &word).await?;
            Ok(Verdict::Proceed)
        })
    }));
    let policy = policy(guest, &seldom());
    for _ in 0..3 {
        assert_eq!(decided(&policy, Script::default()).await.1, Ok(Verdict::Proceed));
    }
    assert!(policy.trees.of(Hook::Request).discord().is_some());
}

#[tokio::test]
async fn a_run_that_fails_is_never_learnt() {
    let guest = Arc::new(Guest::new(|run| {
        Box::pin(async move {
            is(run, "a").await?;
            Ok(Verdict::Forward("".into()))
        })
    }));
    let policy = policy(guest, &seldom());
    for _ in 0..4 {
        let (_, verdict, walked) = decided(&policy, Script::default()).await;
        assert_eq!((verdict, walked), (Err(Failure::Verdict("the name of an upstream")), false));
    }
    assert_eq!(policy.trees.of(Hook::Request).figures().nodes, 0);
}

#[tokio::test]
async fn listed_text_branches_under_the_tenant_that_sent_it_and_for_nobody_else() {
    let guest = Arc::new(Guest::new(|run| {
        Box::pin(async move {
            let plan = run.ask(Question::from(RequestRead::Header("x-plan".into()))).await?;
            let Answer::Text(Some(plan)) = plan else { return Ok(Verdict::Proceed) };
            Ok(Verdict::Forward(plan))
        })
    }));
    let trees = Arc::new(Trees::new(&seldom(), &[Branch::Header("x-plan".into())]));
    let policy = Policy { trees, class: Class::Traffic, ..policy(guest, &seldom()) };
    let host = |tenant: Option<&str>| Script {
        texts: [("x-plan".to_owned(), "gold".to_owned())].into(),
        tenant: tenant.map(str::to_owned),
        ..Script::default()
    };
    let mut ways = Vec::new();
    for tenant in [Some("t1"), Some("t2"), Some("t1"), Some("t1"), Some("t2"), None, None, None] {
        ways.push(decided(&policy, host(tenant)).await.2);
    }
    assert_eq!(ways, [false, false, false, true, false, false, false, false]);
}
