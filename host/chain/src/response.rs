//! The walk back along a chain with a response, in reverse order.

use std::borrow::Cow;
use std::time::Instant;

use crate::decide::decide;
use crate::receipt::Receipt;
use crate::request::{Place, Step, entry, failed, skipped, step};
use crate::rollout;
use crate::{Chain, Error, Failure, Head, Hook, Host, Reply, Route};

/// Where the walk ended.
#[derive(Debug)]
pub enum ResponseOutcome<'a> {
    /// Every policy let the response pass.
    Passed,
    /// A policy replaced it.
    Replied {
        /// The policy's name.
        policy: &'a str,
        /// Its reply.
        reply: Cow<'a, Reply>,
    },
    /// A policy failed, and the exchange with it.
    Failed(Error),
}

/// Lets each policy of the chain that has a response hook decide, last policy first.
pub async fn walk<'a, H: Host>(
    chain: &'a Chain<H>,
    head: &Head,
    route: Option<&Route>,
    host: H,
    receipt: &mut Receipt<'a>,
) -> (H, ResponseOutcome<'a>) {
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
) -> (H, ResponseOutcome<'a>) {
    let mut since = Instant::now();
    for (index, policy) in chain.policies.iter().enumerate().rev() {
        // Who decided about the request decides about the response, though the stage has changed.
        let acting = receipt.acted(index).unwrap_or_else(|| policy.acting(&host));
        let version = policy.version(acting);
        if !version.plugin.has(Hook::Response) {
            continue;
        }
        if !policy.interests.cover(head, route) {
            receipt.entries.push(skipped(policy, index, Hook::Response));
            continue;
        }

        let decision;
        (host, decision) = decide(version, policy.shadowed(), Hook::Response, host).await;
        let step = step(version, &decision);
        let at = Place { policy, index, acting, hook: Hook::Response };
        receipt.entries.push(entry(at, decision, &mut since));

        match step {
            Step::On(_) => {}
            Step::Reply(reply) => {
                return (host, ResponseOutcome::Replied { policy: &version.name, reply });
            }
            Step::Fail(error) => return (host, ResponseOutcome::Failed(error)),
            // The contract has no such verdict: it is a failure like any other.
            Step::To(_) => {
                let failure = Failure::Verdict("proceed or reply from on-response");
                if let Err(error) = failed(version, &failure) {
                    return (host, ResponseOutcome::Failed(error));
                }
            }
        }
    }
    (host, ResponseOutcome::Passed)
}
