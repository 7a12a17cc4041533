//! Reasons for refusals: the meaning of the answer that speaks against a request.

use tollgate_chain::Answer;

use super::words;
use crate::receipts::PolicyForm;

/// Why the policy refused: what the last answer that speaks against the request means.
pub(super) fn reason(policy: &PolicyForm) -> Option<String> {
    let asked = || policy.steps.iter().rev().filter(|step| step.answer != Answer::Done);
    let against = asked().find_map(|step| step.question.reason_against(&step.answer));
    against.or_else(|| {
        let last = asked().next()?;
        let answer = words::answer(&last.question, &last.answer)?;
        Some(format!("it {}, and the answer was: {answer}", last.question))
    })
}
