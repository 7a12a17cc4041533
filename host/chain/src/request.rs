//! The walk along a chain with a request: hosts, cors, auth and so on, each in its turn.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use crate::continuation::{Continue, Standing, Turn};
use crate::decide::decide;
use crate::receipt::{Decision, Receipt, ReceiptEntry};
use crate::rollout;
use crate::{
    Acting, Chain, Error, Failure, Head, Hook, Host, LeafRef, Policy, Reply, Route, Verdict,
};

/// Where the walk ended.
#[derive(Debug)]
pub enum RequestOutcome<'a> {
    /// Every policy let the request pass; the last that chose an upstream chose this one.
    Passed {
        /// The chosen upstream, if any policy chose.
        upstream: Option<Cow<'a, str>>,
    },
    /// A policy replied.
    Replied {
        /// The policy's name.
        policy: &'a str,
        /// Its reply.
        reply: Cow<'a, Reply>,
    },
    /// A policy failed, and the exchange with it.
    Failed(Error),
}

/// Lets each policy of the chain decide about the request, until one replies or fails.
/// Appends what happened to the receipt. Dropping the future drops the host.
pub async fn walk<'a, H: Host>(
    chain: &'a Chain<H>,
    head: &Head,
    route: Option<&Route>,
    host: H,
    receipt: &mut Receipt<'a>,
) -> (H, RequestOutcome<'a>) {
    let first = receipt.entries.len();
    let (host, outcome) = each(chain, head, route, host, receipt).await;
    let entries = receipt.entries.get(first..).unwrap_or_default();
    (rollout::count(chain, entries, host).await, outcome)
}

async fn each<'a, H: Host>(
    chain: &'a Chain<H>,
    head: &Head,
    route: Option<&Route>,
    mut host: H,
    receipt: &mut Receipt<'a>,
) -> (H, RequestOutcome<'a>) {
    let mut upstream = None;
    let mut since = Instant::now();
    for (index, policy) in chain.policies.iter().enumerate() {
        if !policy.interests.cover(head, route) {
            receipt.entries.push(skipped(policy, index, Hook::Request));
            continue;
        }

        let acting = policy.acting(&host);
        let version = policy.version(acting);
        let decision;
        (host, decision) = decide(version, policy.shadowed(), Hook::Request, host).await;

        let step = step(version, &decision);
        let at = Place { policy, index, acting, hook: Hook::Request };
        receipt.entries.push(entry(at, decision, &mut since));

        match step {
            Step::On(_) => {}
            Step::To(chosen) => upstream = Some(chosen),
            Step::Reply(reply) => {
                return (host, RequestOutcome::Replied { policy: &version.name, reply });
            }
            Step::Fail(error) => return (host, RequestOutcome::Failed(error)),
        }
    }
    (host, RequestOutcome::Passed { upstream })
}

/// Meaning of a decision for the walk.
pub(crate) enum Step<'a> {
    On(Continue),
    To(Cow<'a, str>),
    Reply(Cow<'a, Reply>),
    Fail(Error),
}

/// Returns the meaning of the decision. Borrows from the tree where it was walked to.
pub(crate) fn step<'a, H>(policy: &Policy<H>, decision: &Decision<'a>) -> Step<'a> {
    match decision {
        Decision::Skipped => Step::On(Continue::unconcerned()),
        Decision::Walked { leaf: LeafRef::Shared(leaf), .. } => {
            match Continue::ask(leaf.verdict()) {
                Ok(leave) => Step::On(leave),
                Err(Turn::Forward(chosen)) => Step::To(Cow::Borrowed(chosen)),
                Err(Turn::Reply(reply)) => Step::Reply(Cow::Borrowed(reply)),
            }
        }
        Decision::Walked { leaf: LeafRef::Tenant(leaf), .. } => owned_step(leaf.verdict()),
        Decision::Ran { outcome: Ok(verdict), .. } => owned_step(verdict),
        Decision::Ran { outcome: Err(failure), .. } => match failed(policy, failure) {
            Ok(leave) => Step::On(leave),
            Err(error) => Step::Fail(error),
        },
    }
}

/// Returns the meaning of a verdict that does not live as long as the policy.
fn owned_step<'a>(verdict: &Verdict) -> Step<'a> {
    match Continue::ask(verdict) {
        Ok(leave) => Step::On(leave),
        Err(Turn::Forward(chosen)) => Step::To(Cow::Owned(chosen.clone().into())),
        Err(Turn::Reply(reply)) => Step::Reply(Cow::Owned(reply.clone())),
    }
}

/// Returns the meaning of a failure: an observer alone gives a [`Continue`].
pub(crate) fn failed<H>(policy: &Policy<H>, failure: &Failure) -> Result<Continue, Error> {
    match policy.class.standing() {
        Standing::Guard(guard) => Err(guard.fails(&policy.name, failure)),
        Standing::Observer(observer) => Ok(observer.fails()),
    }
}

/// Where in the walk a decision was made.
pub(crate) struct Place<'a, H> {
    pub(crate) policy: &'a Policy<H>,
    pub(crate) index: usize,
    pub(crate) acting: Acting,
    pub(crate) hook: Hook,
}

/// The entry of a policy that decided. One reading of the clock ends a policy's time and begins
/// the next one's.
pub(crate) fn entry<'a, H>(
    at: Place<'a, H>,
    decision: Decision<'a>,
    since: &mut Instant,
) -> ReceiptEntry<'a> {
    let now = Instant::now();
    let took = now.duration_since(std::mem::replace(since, now));
    let Place { policy, index, acting, hook } = at;
    ReceiptEntry { policy: &policy.version(acting).name, index, hook, acting, decision, took }
}

/// The entry of a policy that does not apply.
pub(crate) fn skipped<H>(policy: &Policy<H>, index: usize, hook: Hook) -> ReceiptEntry<'_> {
    let decision = Decision::Skipped;
    let (acting, took) = (Acting::Current, Duration::ZERO);
    ReceiptEntry { policy: &policy.name, index, hook, acting, decision, took }
}
