use std::sync::Arc;

use super::*;
use crate::request::{RequestOutcome, walk};
use crate::testing::{Asking, Guest, Script, head, is, policy};
use crate::{
    Chain, Content, Departure, Growth, IdempotencyEffect, NotesCommand, Question, Read, Receipt,
    Reply, RequestRead, Run, Settlement,
};

const CANDIDATE: &str = "next";

fn noted(text: &str) -> Question {
    Question::from(NotesCommand::Set("by".into(), text.into()))
}

fn refused() -> Verdict {
    Verdict::Reply(Reply { status: 403, content: Content::Empty })
}

/// Notes who it is, and lets pass what `a` is said yes to.
async fn current(run: &mut Run<Script>) -> Result<Verdict, Departure> {
    run.ask(noted("current")).await?;
    Ok(if is(run, "a").await? { Verdict::Proceed } else { refused() })
}

/// The same, and minds `b` as well.
async fn stricter(run: &mut Run<Script>) -> Result<Verdict, Departure> {
    run.ask(noted("current")).await?;
    Ok(if is(run, "a").await? && is(run, "b").await? { Verdict::Proceed } else { refused() })
}

async fn renamed(run: &mut Run<Script>) -> Result<Verdict, Departure> {
    run.ask(noted("next")).await?;
    Ok(if is(run, "a").await? { Verdict::Proceed } else { refused() })
}

async fn claiming(run: &mut Run<Script>) -> Result<Verdict, Departure> {
    run.ask(Question::from(IdempotencyEffect::Claim)).await?;
    Ok(Verdict::Proceed)
}

async fn greedy(run: &mut Run<Script>) -> Result<Verdict, Departure> {
    for index in 0..100 {
        is(run, &format!("x{index}")).await?;
    }
    Ok(Verdict::Proceed)
}

fn chain<F>(stage: Stage, candidate: F) -> (Chain<Script>, Arc<Progress>)
where
    F: for<'a> Fn(&'a mut Run<Script>) -> Asking<'a> + Send + Sync + 'static,
{
    let progress = Arc::new(Progress::new(stage));
    let next = policy(Arc::new(Guest::new(candidate)), &Growth::default());
    let next = Arc::new(Policy { name: CANDIDATE.into(), ..next });
    let rollout = Rollout { candidate: next, progress: Arc::clone(&progress) };
    let own = policy(Arc::new(Guest::new(|run| Box::pin(current(run)))), &Growth::default());
    let own = Policy { rollout: Some(rollout), ..own };
    (Chain { name: "open".into(), policies: vec![Arc::new(own)] }, progress)
}

/// The host after the walk, whether the request passed, and who decided.
async fn walked(chain: &Chain<Script>, host: Script) -> (Script, bool, String) {
    let mut receipt = Receipt::default();
    let (host, outcome) = walk(chain, &head(), None, host, &mut receipt).await;
    let passed = matches!(outcome, RequestOutcome::Passed { .. });
    (host, passed, receipt.entries[0].policy.to_owned())
}

#[test]
fn a_share_takes_so_many_of_ten_thousand_tenants_and_always_the_same() {
    let numbers = |salt: &RandomState| (0..10_000_u64).map(|n| salt.hash_one(n)).collect();
    let salt = RandomState::new();
    let tenants: Vec<u64> = numbers(&salt);
    for percent in [1.0, 5.0, 10.0, 25.0, 50.0, 90.0] {
        let share = Share::percent(percent).unwrap();
        let taken = tenants.iter().filter(|tenant| share.takes(**tenant)).count();
        let expected = percent * 100.0;
        let off = (taken as f64 - expected).abs();
        assert!(off <= 200.0, "{percent} %: {taken} of 10,000");
        let larger = Share::percent(percent + 5.0).unwrap();
        for tenant in tenants.iter().filter(|tenant| share.takes(**tenant)) {
            assert!(larger.takes(*tenant));
        }
    }
    let half = Share::percent(50.0).unwrap();
    let others: Vec<u64> = numbers(&RandomState::new());
    let moved = tenants.iter().zip(&others).filter(|(a, b)| half.takes(**a) != half.takes(**b));
    assert!(moved.count() > 4_000, "another candidate begins with the same tenants");
}

#[test]
fn a_share_is_more_than_none_and_less_than_all() {
    for percent in [0.0, 0.004, -1.0, 100.0, 99.999, f64::NAN, f64::INFINITY] {
        assert_eq!(Share::percent(percent), None, "{percent}");
    }
    for stage in [
        Stage::Off,
        Stage::Shadow,
        Stage::Full,
        Stage::Canary(Share::percent(0.01).unwrap()),
        Stage::Canary(Share::percent(99.99).unwrap()),
    ] {
        assert_eq!(Stage::of(stage.code()), stage);
    }
}

#[tokio::test]
async fn in_shadow_the_policy_decides_and_the_candidate_is_counted() {
    let (chain, progress) = chain(Stage::Shadow, |run| Box::pin(stricter(run)));
    for (yes, passes) in [(["a", "b"], true), (["a", "-"], true), (["-", "-"], false)] {
        // Twice in Wasm until the leaf is admitted, and then by the tree.
        for _ in 0..4 {
            let (host, passed, by) = walked(&chain, Script::saying(&yes)).await;
            assert_eq!((passed, by.as_str()), (passes, "guest"));
            let note = NotesCommand::Set("by".into(), "current".into());
            assert_eq!(host.applied, [note.into()], "a command of the candidate was carried out");
            assert_eq!(host.settled, [Settlement::Commit]);
        }
    }
    let expected = ShadowFigures { same: 8, differs: 4, ..ShadowFigures::default() };
    assert_eq!(progress.shadow(), expected);
    let difference =
        Difference { hook: Hook::Request, current: Verdict::Proceed, candidate: refused() };
    assert_eq!(progress.differences(), vec![difference; 4]);
    assert_eq!(progress.figures(Acting::Current).decisions, 12);
    assert_eq!(progress.figures(Acting::Candidate).decisions, 0);
}

#[tokio::test]
async fn a_candidate_that_commands_otherwise_differs() {
    let (chain, progress) = chain(Stage::Shadow, |run| Box::pin(renamed(run)));
    walked(&chain, Script::saying(&["a"])).await;
    assert_eq!(progress.shadow().differs, 1);
}

#[tokio::test]
async fn an_effect_that_was_not_carried_out_leaves_the_candidate_undecidable() {
    let (chain, progress) = chain(Stage::Shadow, |run| Box::pin(claiming(run)));
    let (host, passed, _) = walked(&chain, Script::saying(&["a"])).await;
    assert!(passed);
    let expected = ShadowFigures { undecidable: 1, ..ShadowFigures::default() };
    assert_eq!(progress.shadow(), expected);
    assert!(
        host.asked
            .iter()
            .all(|asked| matches!(asked, Question::Read(Read::Request(RequestRead::MethodIs(_)))))
    );
}

#[tokio::test]
async fn a_candidate_that_fails_in_shadow_harms_nobody() {
    let (chain, progress) = chain(Stage::Shadow, |run| Box::pin(greedy(run)));
    let (_, passed, _) = walked(&chain, Script::saying(&["a"])).await;
    assert!(passed);
    assert_eq!(progress.shadow().failed, 1);
}

#[tokio::test]
async fn a_canary_decides_for_its_tenants_and_for_no_others() {
    let share = Share::percent(30.0).unwrap();
    let (chain, progress) = chain(Stage::Canary(share), |run| Box::pin(stricter(run)));
    for sticky in 0..200 {
        let host = Script { sticky, ..Script::saying(&["a"]) };
        let (_, passed, by) = walked(&chain, host).await;
        let taken = share.takes(progress.salt.hash_one(sticky));
        assert_eq!((passed, by.as_str()), (!taken, if taken { CANDIDATE } else { "guest" }));
    }
    let [current, candidate] =
        [Acting::Current, Acting::Candidate].map(|acting| progress.figures(acting));
    assert_eq!(current.decisions + candidate.decisions, 200);
    assert_eq!((current.refusals, candidate.refusals), (0, candidate.decisions));
    assert!(candidate.decisions > 20);
}

/// Walks as many times as a comparison needs, and gives what is compared.
async fn compared(
    chain: &Chain<Script>,
    progress: &Progress,
    host: impl Fn(u64) -> Script,
) -> [RolloutFigures; 2] {
    for sticky in 0..1_000 {
        walked(chain, host(sticky)).await;
    }
    [Acting::Current, Acting::Candidate].map(|acting| progress.compared(acting))
}

#[tokio::test]
async fn refusals_of_callers_without_a_principal_do_not_take_back_an_equal_candidate() {
    let half = Stage::Canary(Share::percent(50.0).unwrap());
    let (chain, progress) = chain(half, |run| Box::pin(current(run)));
    let known = |sticky| Script { sticky, tenant: Some("t".into()), ..Script::saying(&["a"]) };
    let [before, _] = compared(&chain, &progress, known).await;
    assert!(before.decisions > 300, "{before:?}");

    // All of one side, as somebody sends them who can foretell it.
    let is_taken = |sticky: &u64| {
        let Stage::Canary(share) = progress.stage() else { return false };
        share.takes(progress.salt.hash_one(sticky))
    };
    let taken: Vec<u64> = (0..10_000).filter(is_taken).take(1_000).collect();
    let unknown = |n| Script { sticky: taken[usize::try_from(n).unwrap()], ..Script::saying(&[]) };
    let [policy, candidate] = compared(&chain, &progress, unknown).await;
    assert_eq!((policy.refusals, candidate.refusals), (0, 0));
    assert_eq!(Tolerance::default().judge(policy, candidate), None);
    assert_eq!(progress.figures(Acting::Candidate).refusals, 1_000, "they are reported");
}

#[tokio::test]
async fn a_candidate_that_keeps_out_whom_its_policy_lets_in_is_seen_without_a_principal() {
    let half = Stage::Canary(Share::percent(50.0).unwrap());
    let (chain, progress) = chain(half, |run| Box::pin(stricter(run)));
    let known = |sticky: u64| {
        // Known where the policy let it pass, as by an `auth` that follows.
        let is_taken = Share::percent(50.0).unwrap().takes(progress.salt.hash_one(sticky));
        Script { sticky, tenant: (!is_taken).then(|| "t".into()), ..Script::saying(&["a"]) }
    };
    let [policy, candidate] = compared(&chain, &progress, known).await;
    assert_eq!((policy.refusals, candidate.refusals), (0, candidate.decisions));
    let drift = Tolerance::default().judge(policy, candidate);
    assert_eq!(drift, Some(Drift::Refusals(0, 10_000)));
}

#[tokio::test]
async fn a_policy_that_needs_an_effect_to_know_says_nothing_against_its_candidate() {
    let (chain, progress) = chain(Stage::Full, |run| Box::pin(stricter(run)));
    let own = policy(Arc::new(Guest::new(|run| Box::pin(claiming(run)))), &Growth::default());
    let rollout = Rollout {
        candidate: Arc::clone(&chain.policies[0].rollout.as_ref().unwrap().candidate),
        progress: Arc::clone(&progress),
    };
    let own = Policy { rollout: Some(rollout), ..own };
    let chain = Chain { name: "open".into(), policies: vec![Arc::new(own)] };
    let (host, passed, _) = walked(&chain, Script::saying(&[])).await;
    assert!(!passed && host.asked.iter().all(|asked| matches!(asked, Question::Read(_))));
    assert_eq!(progress.figures(Acting::Candidate).refusals, 1);
    assert_eq!(progress.compared(Acting::Candidate).decisions, 0);
}

#[tokio::test]
async fn a_promoted_candidate_decides_for_all_and_one_taken_back_for_none() {
    let (chain, progress) = chain(Stage::Off, |run| Box::pin(stricter(run)));
    let decided = async || walked(&chain, Script::saying(&["a"])).await.2;
    assert_eq!(decided().await, "guest");
    assert_eq!(progress.advance(Stage::Full), Stage::Off);
    assert_eq!(decided().await, CANDIDATE);
    let drift = Drift::Refusals(0, 10_000);
    assert!(!progress.give_back(Stage::Shadow, drift), "somebody has moved it meanwhile");
    assert_eq!(decided().await, CANDIDATE);
    assert!(progress.give_back(Stage::Full, drift));
    assert_eq!(decided().await, "guest");
    assert_eq!(progress.returned(), Some(drift));
    progress.advance(Stage::Shadow);
    assert_eq!(progress.returned(), None);
}

#[test]
fn what_rises_beyond_its_tolerance_is_a_drift() {
    let tolerance = Tolerance::default();
    let fared = |decisions, refusals, failures, microseconds: u64| RolloutFigures {
        decisions,
        refusals,
        failures,
        nanoseconds: decisions * microseconds * 1_000,
    };
    let steady = fared(1_000, 20, 0, 30);

    let cases = [
        (fared(1_000, 20, 0, 30), None),
        (fared(100, 7, 1, 2_030), None),
        (fared(99, 99, 99, 9_000), None),
        (fared(100, 2, 2, 30), Some(Drift::Failures(0, 200))),
        (fared(100, 8, 0, 30), Some(Drift::Refusals(200, 800))),
        (fared(100, 2, 0, 2_031), Some(Drift::Latency(30_000, 2_031_000))),
    ];

    for (candidate, expected) in cases {
        assert_eq!(tolerance.judge(steady, candidate), expected, "{candidate:?}");
    }
    assert_eq!(tolerance.judge(fared(99, 0, 0, 1), fared(1_000, 1_000, 0, 1)), None);
}

#[test]
fn a_drift_is_told_in_words() {
    let told = Drift::Refusals(120, 4_000).to_string();
    assert_eq!(told, "refusals rose from 1.20 % to 40.00 %");
    assert_eq!(
        Drift::Latency(1_500, 2_000_000).to_string(),
        "time of a decision rose from 1.50 µs to 2000.00 µs"
    );
}
