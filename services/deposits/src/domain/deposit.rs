//! A deposit's states, the facts that move it, and the postings that follow.
//!
//! The table of steps is data. A fact that a deposit took before changes nothing; one that its state
//! does not allow is an anomaly: recorded, refused, and without postings.

use std::str::FromStr;

use tollgate_proto::deposits as proto;

use super::money::Amount;

/// The state of a deposit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Seen at its source.
    Detected,
    /// Confirmations arrive.
    Confirming,
    /// Final at its source.
    Confirmed,
    /// Credited to the account.
    Credited,
    /// Moved to custody.
    Swept,
    /// Waiting for a review.
    UnderReview,
    /// Released by the review.
    Released,
    /// Rejected by the review.
    Rejected,
    /// Being sent back.
    RefundPending,
    /// Sent back.
    Refunded,
    /// Vanished before credit.
    Dropped,
    /// FactSet back after credit.
    Reversed,
}

/// A fact about a deposit, as its provider or the chain reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fact {
    /// Confirmations began to arrive.
    Confirming,
    /// It is final at its source.
    Confirm,
    /// The account is to be credited.
    Credit,
    /// It moved to custody.
    Sweep,
    /// It vanished before credit.
    Drop,
    /// It needs a review.
    Review,
    /// The review released it.
    Release,
    /// The review rejected it.
    Reject,
    /// It is being sent back.
    Refund,
    /// It was sent back.
    RefundComplete,
    /// It was taken back after credit.
    Reverse,
}

/// The set of facts that a deposit took so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FactSet(i32);

/// The effect of a fact on a deposit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    /// The deposit moves to another state.
    Moved(State),
    /// The deposit took this fact before; nothing changes.
    Repeated,
    /// The state does not allow the fact.
    Anomaly,
}

/// One side of a movement of money: an addition to a ledger account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// `clearing`, or `account:` and a deposit account's identifier.
    pub ledger_account: String,
    /// The amount in minor units; negative if money leaves the account.
    pub minor_units: i64,
}

/// A word that names no state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no such deposit state")]
pub struct UnknownState;

use Fact as F;
use State as S;

/// All transitions. A pair of state and fact that is not listed is an anomaly.
const STEPS: &[(State, Fact, State)] = &[
    (S::Detected, F::Confirming, S::Confirming),
    (S::Detected, F::Review, S::UnderReview),
    (S::Confirming, F::Confirm, S::Confirmed),
    (S::Confirming, F::Drop, S::Dropped),
    (S::Confirming, F::Review, S::UnderReview),
    (S::Confirmed, F::Credit, S::Credited),
    (S::Confirmed, F::Review, S::UnderReview),
    (S::UnderReview, F::Release, S::Released),
    (S::UnderReview, F::Reject, S::Rejected),
    (S::Released, F::Credit, S::Credited),
    (S::Rejected, F::Refund, S::RefundPending),
    (S::RefundPending, F::RefundComplete, S::Refunded),
    (S::Credited, F::Sweep, S::Swept),
    (S::Credited, F::Reverse, S::Reversed),
    // Custody does not protect from a chargeback.
    (S::Swept, F::Reverse, S::Reversed),
];

const STATES: [(State, &str, proto::DepositState); 12] = [
    (S::Detected, "detected", proto::DepositState::Detected),
    (S::Confirming, "confirming", proto::DepositState::Confirming),
    (S::Confirmed, "confirmed", proto::DepositState::Confirmed),
    (S::Credited, "credited", proto::DepositState::Credited),
    (S::Swept, "swept", proto::DepositState::Swept),
    (S::UnderReview, "under_review", proto::DepositState::UnderReview),
    (S::Released, "released", proto::DepositState::Released),
    (S::Rejected, "rejected", proto::DepositState::Rejected),
    (S::RefundPending, "refund_pending", proto::DepositState::RefundPending),
    (S::Refunded, "refunded", proto::DepositState::Refunded),
    (S::Dropped, "dropped", proto::DepositState::Dropped),
    (S::Reversed, "reversed", proto::DepositState::Reversed),
];

/// Facts with their stored bits, which never change.
const FACTS: [(Fact, i32, proto::DepositFact); 11] = [
    (F::Confirming, 1, proto::DepositFact::Confirming),
    (F::Confirm, 1 << 1, proto::DepositFact::Confirm),
    (F::Credit, 1 << 2, proto::DepositFact::Credit),
    (F::Sweep, 1 << 3, proto::DepositFact::Sweep),
    (F::Drop, 1 << 4, proto::DepositFact::Drop),
    (F::Review, 1 << 5, proto::DepositFact::Review),
    (F::Release, 1 << 6, proto::DepositFact::Release),
    (F::Reject, 1 << 7, proto::DepositFact::Reject),
    (F::Refund, 1 << 8, proto::DepositFact::Refund),
    (F::RefundComplete, 1 << 9, proto::DepositFact::RefundComplete),
    (F::Reverse, 1 << 10, proto::DepositFact::Reverse),
];

/// Decides the effect of a fact on a deposit in this state that took these facts before.
#[must_use]
pub fn decide(state: State, previous_facts: FactSet, fact: Fact) -> Transition {
    let step = STEPS.iter().find(|(from, by, _)| *from == state && *by == fact);
    match step {
        Some((_, _, to)) => Transition::Moved(*to),
        None if previous_facts.contains(fact) => Transition::Repeated,
        None => Transition::Anomaly,
    }
}

/// Returns the postings of a fact. They sum to zero; most facts have none.
#[must_use]
pub fn postings(fact: Fact, deposit_account_id: &str, amount: &Amount) -> Vec<Posting> {
    let into_account = match fact {
        Fact::Credit => amount.minor_units(),
        Fact::Reverse => -amount.minor_units(),
        Fact::Confirming
        | Fact::Confirm
        | Fact::Sweep
        | Fact::Drop
        | Fact::Review
        | Fact::Release
        | Fact::Reject
        | Fact::Refund
        | Fact::RefundComplete => return Vec::new(),
    };

    vec![
        Posting { ledger_account: "clearing".into(), minor_units: -into_account },
        Posting { ledger_account: ledger_account(deposit_account_id), minor_units: into_account },
    ]
}

/// Returns the name of a deposit account's ledger account.
#[must_use]
pub fn ledger_account(deposit_account_id: &str) -> String {
    format!("account:{deposit_account_id}")
}

impl State {
    /// Returns every state.
    pub fn all() -> impl Iterator<Item = Self> {
        STATES.iter().map(|(state, _, _)| *state)
    }

    /// Returns its word in tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        STATES.iter().find(|(state, _, _)| *state == self).map_or("", |(_, word, _)| word)
    }

    /// Converts to the protobuf enum.
    #[must_use]
    pub fn to_proto(self) -> proto::DepositState {
        let row = STATES.iter().find(|(state, _, _)| *state == self);
        row.map_or(proto::DepositState::Unspecified, |(_, _, wire)| *wire)
    }
}

impl FromStr for State {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, UnknownState> {
        let row = STATES.iter().find(|(_, word, _)| *word == text);
        row.map(|(state, _, _)| *state).ok_or(UnknownState)
    }
}

impl Fact {
    /// Returns every fact.
    pub fn all() -> impl Iterator<Item = Self> {
        FACTS.iter().map(|(fact, _, _)| *fact)
    }

    /// Parses the protobuf enum; none for unspecified and unknown numbers.
    #[must_use]
    pub fn from_proto(number: i32) -> Option<Self> {
        let row = FACTS.iter().find(|(_, _, wire)| i32::from(*wire) == number);
        row.map(|(fact, _, _)| *fact)
    }

    /// Converts to the protobuf enum.
    #[must_use]
    pub fn to_proto(self) -> proto::DepositFact {
        let row = FACTS.iter().find(|(fact, _, _)| *fact == self);
        row.map_or(proto::DepositFact::Unspecified, |(_, _, wire)| *wire)
    }

    /// Reports whether it sends money out of the platform.
    #[must_use]
    pub fn sends_money_out(self) -> bool {
        matches!(self, Self::Refund | Self::RefundComplete)
    }

    fn bit(self) -> i32 {
        FACTS.iter().find(|(fact, _, _)| *fact == self).map_or(0, |(_, bit, _)| *bit)
    }
}

impl FactSet {
    /// Makes a set of its stored bits.
    #[must_use]
    pub fn from_bits(bits: i32) -> Self {
        Self(bits)
    }

    /// Returns the bits to store.
    #[must_use]
    pub fn bits(self) -> i32 {
        self.0
    }

    /// Returns the set with one more fact.
    #[must_use]
    pub fn with(self, fact: Fact) -> Self {
        Self(self.0 | fact.bit())
    }

    /// Reports whether the set has a fact.
    #[must_use]
    pub fn contains(self, fact: Fact) -> bool {
        self.0 & fact.bit() != 0
    }
}

#[cfg(test)]
mod tests;
