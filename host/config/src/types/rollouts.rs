//! Candidates of policies.

use tollgate_chain::{Stage, Tolerance};

use super::At;

/// `[rollouts.<policy>]`
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rollout {
    /// Index of the policy whose place may be taken.
    pub policy: usize,
    /// Index of the policy that may take it; it is in no chain.
    pub candidate: usize,
    /// Where it begins.
    pub stage: Stage,
    /// How much worse it may fare.
    pub tolerance: Tolerance,
    pub(crate) at: At,
}
