//! The walk back along a chain with a response, in reverse order.

use std::sync::Arc;

use crate::receipt::Receipt;
use crate::request::{run, skipped};
use crate::{Chain, Class, Error, Failure, Head, Hook, Host, Reply, Route, Verdict};

/// Where the walk ended.
#[derive(Debug)]
pub enum Outcome {
    /// Every policy let the response pass.
    Passed,
    /// A policy replaced it.
    Replied {
        /// The policy's name.
        policy: Arc<str>,
        /// Its reply.
        reply: Reply,
    },
    /// A policy failed, and the exchange with it.
    Failed(Error),
}

/// Lets each policy of the chain that has a response hook decide, last policy first.
pub async fn walk<H: Host>(
    chain: &Chain<H>,
    head: &Head,
    route: Option<&Route>,
    mut host: H,
    receipt: &mut Receipt,
) -> (H, Outcome) {
    for policy in chain.policies.iter().rev().filter(|policy| policy.plugin.has(Hook::Response)) {
        if !policy.interests.cover(head, route) {
            receipt.entries.push(skipped(policy, Hook::Response));
            continue;
        }
        let entry;
        (host, entry) = run(policy, Hook::Response, host).await;
        let verdict = entry.outcome.clone();
        receipt.entries.push(entry);
        let failure = match verdict {
            Ok(Verdict::Proceed) => continue,
            Ok(Verdict::Reply(reply)) => {
                let policy = Arc::clone(&policy.name);
                return (host, Outcome::Replied { policy, reply });
            }
            Ok(Verdict::Forward(_)) => Failure::Verdict("proceed or reply from on-response"),
            Err(failure) => failure,
        };
        if policy.class != Class::Observe {
            let policy = Arc::clone(&policy.name);
            return (host, Outcome::Failed(Error::Plugin { policy, failure }));
        }
    }
    (host, Outcome::Passed)
}
