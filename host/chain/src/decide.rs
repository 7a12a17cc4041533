//! The decision of one policy: by its tree where the answers are known, in the component
//! where they are not, and by both where the tree is to be verified.

use crate::receipt::{Check, Decision};
use crate::rollout::{self, Rollout};
use crate::tree::{Discord, Leaf, LeafRef, Walk};
use crate::{Failure, Hook, Host, Lesson, Policy, Run, Settlement, Trace, Verdict};

/// Lets the policy decide, and settles what it asked for; runs the candidate of `beside` on the
/// same answers in between. Dropping the future drops the host, which then releases what was
/// reserved.
pub(crate) async fn decide<'a, H: Host>(
    policy: &'a Policy<H>,
    beside: Option<&Rollout<H>>,
    hook: Hook,
    mut host: H,
) -> (H, Decision<'a>) {
    match policy.trees.of(hook).walk(&mut host).await {
        Walk::Arrived(leaf) => arrived(policy, beside, hook, host, leaf).await,
        Walk::Fell(fed) => run(policy, beside, hook, host, fed).await,
    }
}

/// Ends a walk: verifies the leaf if that is due, applies its commands, keeps its effects.
async fn arrived<'a, H: Host>(
    policy: &'a Policy<H>,
    beside: Option<&Rollout<H>>,
    hook: Hook,
    mut host: H,
    leaf: LeafRef<'a>,
) -> (H, Decision<'a>) {
    let mut check = Check::Spared;
    if policy.trees.of(hook).is_due(&leaf) {
        let verification;
        (host, verification) = verify(policy, hook, host, &leaf).await;
        match verification {
            Verification::Agrees => check = Check::Agreed,
            Verification::Inconclusive => check = Check::Inconclusive,
            Verification::Differs(discord) => {
                host.settle(Settlement::Release);
                policy.trees.of(hook).give_up(discord);
                let (trace, outcome) = (leaf.trace().clone(), Err(Failure::Impure));
                let fed = trace.steps().len();
                let lesson = Some(Lesson::Contradicts);
                return (host, Decision::Ran { trace, fed, outcome, lesson });
            }
        }
    }

    if let Some(rollout) = beside {
        let known = (leaf.trace(), leaf.verdict());
        host = Box::pin(rollout::shadow(rollout, hook, host, known)).await;
    }

    for command in leaf.commands() {
        host.apply(command);
    }
    host.settle(Settlement::Commit);
    (host, Decision::Walked { leaf, check })
}

/// Runs the component on the answers known so far, settles the run, and teaches the tree.
async fn run<'a, H: Host>(
    policy: &'a Policy<H>,
    beside: Option<&Rollout<H>>,
    hook: Hook,
    host: H,
    fed: Trace,
) -> (H, Decision<'a>) {
    let tree = policy.trees.of(hook);
    let known = fed.steps().len();
    let run = Run::fed(host, fed, policy.questions_max, policy.answer_bytes_max);
    let (mut run, outcome) = policy.plugin.run(hook, run).await;
    let outcome = outcome.and_then(checked);

    if let (Some(rollout), Ok(verdict)) = (beside, &outcome) {
        run = Box::pin(run.shadowed(rollout, hook, verdict)).await;
    }

    let mut lesson = None;
    if let (Err(Failure::Question(departure)), Some(discord)) = (&outcome, run.discord())
        && departure.is_difference()
    {
        tree.give_up(discord);
        lesson = Some(Lesson::Contradicts);
    }

    let (host, trace) = run.finish(&outcome);
    if let Ok(verdict) = &outcome {
        lesson = Some(tree.learn(&host, &trace, verdict));
    }
    (host, Decision::Ran { trace, fed: known, outcome, lesson })
}

enum Verification {
    Agrees,
    /// The machine, not the guest, kept the run from its end.
    Inconclusive,
    Differs(Box<Discord>),
}

/// Runs the component against the answers that the walk was given; nothing is asked again. A trap
/// alone says little, since the tree is lost for good by what is found here: a component that is
/// no function of its answers traps once more.
async fn verify<H: Host>(
    policy: &Policy<H>,
    hook: Hook,
    host: H,
    leaf: &Leaf,
) -> (H, Verification) {
    let (host, trace, outcome) = again(policy, hook, host, leaf).await;
    let (host, trace, outcome) = match outcome {
        Err(Failure::Trap(_)) => again(policy, hook, host, leaf).await,
        outcome => (host, trace, outcome),
    };

    let known = (leaf.trace(), leaf.verdict());
    let verification = match outcome {
        Ok(verdict) => match Discord::between(known, (&trace, &verdict)) {
            Ok(()) => Verification::Agrees,
            Err(discord) => Verification::Differs(discord),
        },
        Err(Failure::NoInstance | Failure::Time | Failure::Start(_) | Failure::Engine(_)) => {
            Verification::Inconclusive
        }
        Err(_) => {
            let index = trace.steps().len();
            let known = (known.0, Some(known.1));
            Verification::Differs(Discord::new(known, (&trace, None), index))
        }
    };

    (host, verification)
}

/// Runs the component on the answers of a leaf, for no effect.
async fn again<H: Host>(
    policy: &Policy<H>,
    hook: Hook,
    host: H,
    leaf: &Leaf,
) -> (H, Trace, Result<Verdict, Failure>) {
    let fed = leaf.trace().clone();
    let run = Run::again(host, fed, policy.questions_max, policy.answer_bytes_max);
    let (run, outcome) = policy.plugin.run(hook, run).await;
    let (host, trace) = run.abandon();
    (host, trace, outcome.and_then(checked))
}

pub(crate) fn checked(verdict: Verdict) -> Result<Verdict, Failure> {
    match verdict.check() {
        Ok(()) => Ok(verdict),
        Err(expected) => Err(Failure::Verdict(expected)),
    }
}

#[cfg(test)]
mod tests;
