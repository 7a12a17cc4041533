//! The walk along a chain with a request: hosts, cors, auth and so on, each in its turn.

use std::sync::Arc;
use std::time::Instant;

use crate::question::Text;
use crate::receipt::{Entry, Receipt, Way};
use crate::{Chain, Class, Error, Head, Hook, Host, Policy, Reply, Route, Run, Verdict};

/// Where the walk ended.
#[derive(Debug)]
pub enum Outcome {
    /// Every policy let the request pass; the last that chose an upstream chose this one.
    Passed {
        /// The chosen upstream, if any policy chose.
        upstream: Option<Text>,
    },
    /// A policy replied.
    Replied {
        /// The policy's name.
        policy: Arc<str>,
        /// Its reply.
        reply: Reply,
    },
    /// A policy failed, and the exchange with it.
    Failed(Error),
}

/// Lets each policy of the chain decide about the request, until one replies or fails.
/// Appends what happened to the receipt. Dropping the future drops the host.
pub async fn walk<H: Host>(
    chain: &Chain<H>,
    head: &Head,
    route: Option<&Route>,
    mut host: H,
    receipt: &mut Receipt,
) -> (H, Outcome) {
    let mut upstream = None;
    for policy in &chain.policies {
        if !policy.interests.cover(head, route) {
            receipt.entries.push(skipped(policy, Hook::Request));
            continue;
        }
        let entry;
        (host, entry) = run(policy, Hook::Request, host).await;
        let verdict = entry.outcome.clone();
        receipt.entries.push(entry);
        match verdict {
            Ok(Verdict::Proceed) => {}
            Ok(Verdict::Forward(chosen)) => upstream = Some(chosen),
            Ok(Verdict::Reply(reply)) => {
                let policy = Arc::clone(&policy.name);
                return (host, Outcome::Replied { policy, reply });
            }
            Err(_) if policy.class == Class::Observe => {}
            Err(failure) => {
                let policy = Arc::clone(&policy.name);
                return (host, Outcome::Failed(Error::Plugin { policy, failure }));
            }
        }
    }
    (host, Outcome::Passed { upstream })
}

/// Runs one policy and settles the run.
pub(crate) async fn run<H: Host>(policy: &Policy<H>, hook: Hook, host: H) -> (H, Entry) {
    let started = Instant::now();
    let run = Run::new(host, policy.questions_max, policy.answer_bytes_max);
    let (run, outcome) = policy.plugin.run(hook, run).await;
    let outcome = outcome.and_then(|verdict| match verdict.check() {
        Ok(()) => Ok(verdict),
        Err(expected) => Err(crate::Failure::Verdict(expected)),
    });
    let (host, trace) = run.finish(&outcome);
    let entry = Entry {
        policy: Arc::clone(&policy.name),
        hook,
        way: Way::Wasm,
        trace,
        outcome,
        took: started.elapsed(),
    };
    (host, entry)
}

/// The entry of a policy that does not apply.
pub(crate) fn skipped<H>(policy: &Policy<H>, hook: Hook) -> Entry {
    Entry {
        policy: Arc::clone(&policy.name),
        hook,
        way: Way::Skipped,
        trace: crate::Trace::new(),
        outcome: Ok(Verdict::Proceed),
        took: std::time::Duration::ZERO,
    }
}
