//! The states of a tenant on its way to live traffic: their access and their next steps.

use std::str::FromStr;

use tollgate_commons::{Access, Environment};
use tollgate_proto::identity as proto;

/// The state of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TenantState {
    /// Applied to join; has no keys.
    Applied,
    /// May use the sandbox.
    SandboxActive,
    /// Asked for live access.
    LiveRequested,
    /// Is being reviewed.
    UnderReview,
    /// Was refused live access; may ask again.
    Rejected,
    /// May transact live.
    LiveApproved,
    /// Live, without money out.
    LiveRestrictedOutboundFrozen,
    /// Live, reading only.
    LiveRestrictedReadOnly,
    /// Live traffic is stopped.
    LiveSuspended,
    /// Closed for good.
    Closed,
}

use TenantState as S;

/// Every state with its word in tables and on the command line.
const WORDS: [(TenantState, &str); 10] = [
    (S::Applied, "applied"),
    (S::SandboxActive, "sandbox_active"),
    (S::LiveRequested, "live_requested"),
    (S::UnderReview, "under_review"),
    (S::Rejected, "rejected"),
    (S::LiveApproved, "live_approved"),
    (S::LiveRestrictedOutboundFrozen, "live_restricted_outbound_frozen"),
    (S::LiveRestrictedReadOnly, "live_restricted_read_only"),
    (S::LiveSuspended, "live_suspended"),
    (S::Closed, "closed"),
];

/// All steps. A step that is not listed is refused.
const STEPS: &[(TenantState, &[TenantState])] = &[
    (S::Applied, &[S::SandboxActive, S::Closed]),
    (S::SandboxActive, &[S::LiveRequested, S::Closed]),
    (S::LiveRequested, &[S::UnderReview, S::Closed]),
    (S::UnderReview, &[S::LiveApproved, S::Rejected, S::Closed]),
    (S::Rejected, &[S::LiveRequested, S::Closed]),
    (
        S::LiveApproved,
        &[S::LiveRestrictedOutboundFrozen, S::LiveRestrictedReadOnly, S::LiveSuspended, S::Closed],
    ),
    (
        S::LiveRestrictedOutboundFrozen,
        &[S::LiveApproved, S::LiveRestrictedReadOnly, S::LiveSuspended, S::Closed],
    ),
    (
        S::LiveRestrictedReadOnly,
        &[S::LiveApproved, S::LiveRestrictedOutboundFrozen, S::LiveSuspended, S::Closed],
    ),
    (
        S::LiveSuspended,
        &[S::LiveApproved, S::LiveRestrictedOutboundFrozen, S::LiveRestrictedReadOnly, S::Closed],
    ),
    (S::Closed, &[]),
];

/// A word that names no state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no such tenant state")]
pub struct UnknownState;

impl TenantState {
    /// Returns every state.
    pub fn all() -> impl Iterator<Item = Self> {
        WORDS.iter().map(|(state, _)| *state)
    }

    /// Returns its word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        WORDS.iter().find(|(state, _)| *state == self).map_or("", |(_, word)| word)
    }

    /// Reports whether the state may change to `next`.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        STEPS.iter().any(|(from, to)| *from == self && to.contains(&next))
    }

    /// Returns the access of its keys in an environment; none if they count as unknown.
    #[must_use]
    pub fn access(self, environment: Environment) -> Option<Access> {
        match (self, environment) {
            (Self::Applied | Self::Closed, _) => None,
            (_, Environment::Sandbox) | (Self::LiveApproved, Environment::Live) => {
                Some(Access::Full)
            }
            (Self::LiveRestrictedOutboundFrozen, Environment::Live) => Some(Access::NoMoneyOut),
            (Self::LiveRestrictedReadOnly, Environment::Live) => Some(Access::ReadOnly),
            (
                Self::SandboxActive
                | Self::LiveRequested
                | Self::UnderReview
                | Self::Rejected
                | Self::LiveSuspended,
                Environment::Live,
            ) => Some(Access::None),
        }
    }

    /// Reports whether a key may be minted for an environment.
    #[must_use]
    pub fn may_mint(self, environment: Environment) -> bool {
        match environment {
            Environment::Sandbox => self.access(environment).is_some(),
            Environment::Live => self == Self::LiveApproved,
        }
    }

    /// Converts to the protobuf enum of events.
    #[must_use]
    pub fn to_proto(self) -> proto::TenantState {
        use proto::TenantState as P;
        match self {
            Self::Applied => P::Applied,
            Self::SandboxActive => P::SandboxActive,
            Self::LiveRequested => P::LiveRequested,
            Self::UnderReview => P::UnderReview,
            Self::Rejected => P::Rejected,
            Self::LiveApproved => P::LiveApproved,
            Self::LiveRestrictedOutboundFrozen => P::LiveRestrictedOutboundFrozen,
            Self::LiveRestrictedReadOnly => P::LiveRestrictedReadOnly,
            Self::LiveSuspended => P::LiveSuspended,
            Self::Closed => P::Closed,
        }
    }
}

impl FromStr for TenantState {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, UnknownState> {
        let row = WORDS.iter().find(|(_, word)| *word == text);
        row.map(|(state, _)| *state).ok_or(UnknownState)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// State, access in the sandbox, access live, may mint in the sandbox, may mint live.
    type Row = (TenantState, Option<Access>, Option<Access>, bool, bool);

    const TABLE: [Row; 10] = [
        (S::Applied, None, None, false, false),
        (S::SandboxActive, Some(Access::Full), Some(Access::None), true, false),
        (S::LiveRequested, Some(Access::Full), Some(Access::None), true, false),
        (S::UnderReview, Some(Access::Full), Some(Access::None), true, false),
        (S::Rejected, Some(Access::Full), Some(Access::None), true, false),
        (S::LiveApproved, Some(Access::Full), Some(Access::Full), true, true),
        (
            S::LiveRestrictedOutboundFrozen,
            Some(Access::Full),
            Some(Access::NoMoneyOut),
            true,
            false,
        ),
        (S::LiveRestrictedReadOnly, Some(Access::Full), Some(Access::ReadOnly), true, false),
        (S::LiveSuspended, Some(Access::Full), Some(Access::None), true, false),
        (S::Closed, None, None, false, false),
    ];

    #[test]
    fn every_state_gives_exactly_its_access() {
        assert_eq!(TenantState::all().count(), TABLE.len());
        for (state, sandbox, live, mint_sandbox, mint_live) in TABLE {
            assert_eq!(state.access(Environment::Sandbox), sandbox, "{state:?}");
            assert_eq!(state.access(Environment::Live), live, "{state:?}");
            assert_eq!(state.may_mint(Environment::Sandbox), mint_sandbox, "{state:?}");
            assert_eq!(state.may_mint(Environment::Live), mint_live, "{state:?}");
        }
    }

    #[test]
    fn live_access_cannot_be_reached_without_a_review() {
        for state in TenantState::all() {
            let had_it = state.as_str().starts_with("live_re") && state != S::LiveRequested;
            let expected = state == S::UnderReview || state == S::LiveSuspended || had_it;
            assert_eq!(state.may_become(S::LiveApproved), expected, "{state:?}");
        }
    }

    #[test]
    fn every_state_has_a_row_of_steps_and_closed_has_none() {
        for state in TenantState::all() {
            assert_eq!(STEPS.iter().filter(|(from, _)| *from == state).count(), 1);
            assert_eq!(state.may_become(S::Closed), state != S::Closed, "{state:?}");
            assert!(!state.may_become(state), "{state:?}");
        }
        assert!(TenantState::all().all(|next| !S::Closed.may_become(next)));
    }

    #[test]
    fn every_word_is_read_back_as_its_state() {
        for state in TenantState::all() {
            assert_eq!(state.as_str().parse(), Ok(state));
        }
        assert_eq!("".parse::<TenantState>(), Err(UnknownState));
    }
}
