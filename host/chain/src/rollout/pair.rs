//! The results by which a candidate is compared with its policy.
//!
//! Anybody can send what every version refuses, and whoever knows which requests a candidate decides
//! could fill one side with refusals. So the exchanges of callers without a principal are left out,
//! but for those that the candidate refuses while the policy, run beside it, does not: a candidate
//! that keeps callers out before they are known is seen by nothing else.

use super::Acting;
use crate::decide::checked;
use crate::receipt::ReceiptEntry;
use crate::{Chain, Hook, Host, Policy, Run, Trace, Verdict};

/// Counts the decisions of a walk that has ended, for each policy that has a candidate. The host
/// comes back as it was.
pub(crate) async fn count<H: Host>(chain: &Chain<H>, entries: &[ReceiptEntry<'_>], host: H) -> H {
    if chain.policies.iter().all(|policy| policy.rollout.is_none()) {
        return host;
    }
    Box::pin(count_each(chain, entries, host)).await
}

async fn count_each<H: Host>(chain: &Chain<H>, entries: &[ReceiptEntry<'_>], mut host: H) -> H {
    let is_known = host.tenant().is_some();
    for entry in entries {
        let Some(policy) = chain.policies.get(entry.index) else { continue };
        let (Some(rollout), Some(trace)) = (&policy.rollout, entry.decision.trace()) else {
            continue;
        };
        rollout.progress.all.count(entry);

        let refuses = !lets_pass(entry.decision.outcome().ok());
        let mut is_compared = is_known;
        if !is_known && refuses && entry.acting == Acting::Candidate {
            (host, is_compared) = passes(policy, entry.hook, host, trace).await;
        }
        if is_compared {
            rollout.progress.compared.count(entry);
        }
    }
    host
}

/// Runs the policy on the answers that its candidate got, for no effect, and tells whether it lets
/// the exchange pass. It does not where it needs an effect to know.
async fn passes<H: Host>(policy: &Policy<H>, hook: Hook, host: H, known: &Trace) -> (H, bool) {
    if !policy.plugin.has(hook) {
        return (host, true);
    }
    let run = Run::beside(host, known.clone(), policy.questions_max, policy.answer_bytes_max);
    let (run, outcome) = policy.plugin.run(hook, run).await;
    let (host, _) = run.abandon();
    (host, lets_pass(outcome.and_then(checked).as_ref().ok()))
}

fn lets_pass(verdict: Option<&Verdict>) -> bool {
    matches!(verdict, Some(Verdict::Proceed | Verdict::Forward(_)))
}
