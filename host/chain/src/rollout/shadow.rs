//! A candidate run beside the policy: on the answers that the policy got, with reads of its own and
//! without commands and effects.

use super::{Difference, Rollout};
use crate::decide::checked;
use crate::{Departure, Failure, Hook, Host, Run, Trace, Verdict};

/// Runs the candidate on what the policy was told, before anything of the policy's is applied or
/// settled, and counts what comes of it. The host comes back as it was.
pub(crate) async fn shadow<H: Host>(
    rollout: &Rollout<H>,
    hook: Hook,
    host: H,
    known: (&Trace, &Verdict),
) -> H {
    let candidate = &rollout.candidate;
    if !candidate.plugin.has(hook) {
        return host;
    }

    let (questions, bytes) = (candidate.questions_max, candidate.answer_bytes_max);
    let run = Run::beside(host, known.0.clone(), questions, bytes);
    let (run, outcome) = candidate.plugin.run(hook, run).await;
    let (host, trace) = run.abandon();

    let counts = &rollout.progress.shadow;
    match outcome.and_then(checked) {
        Ok(verdict) if verdict == *known.1 && trace.commands().eq(known.0.commands()) => {
            counts.same.add(1);
        }
        Ok(verdict) => {
            let (current, candidate) = (known.1.clone(), verdict);
            rollout.progress.differs(Difference { hook, current, candidate });
        }
        // The machine, not the candidate, kept the run from its end.
        Err(Failure::NoInstance) | Err(Failure::Question(Departure::Unknown { .. })) => {
            counts.undecidable.add(1);
        }
        Err(_) => drop(counts.failed.add(1)),
    }
    host
}
