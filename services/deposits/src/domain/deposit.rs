//! A deposit's states, the facts that move it, and what moves with it.
//!
//! The table of steps is data. A fact that a deposit took already changes nothing; one that its
//! state does not allow is an anomaly: recorded, refused, and nothing moves.

use std::str::FromStr;

use tollgate_proto::deposits as proto;

use super::money::Amount;

/// Where a deposit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Seen on its way.
    Detected,
    /// Confirmations arrive.
    Confirming,
    /// Final at its source.
    Confirmed,
    /// In the account.
    Credited,
    /// In custody.
    Swept,
    /// Someone looks at it.
    UnderReview,
    /// The review found nothing.
    Released,
    /// The review refused it.
    Rejected,
    /// On its way back.
    RefundPending,
    /// Sent back.
    Refunded,
    /// Gone before credit.
    Dropped,
    /// Taken back after credit.
    Reversed,
}

/// What a deposit is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fact {
    /// Confirmations began to arrive.
    Confirming,
    /// It is final.
    Confirm,
    /// The account has it.
    Credit,
    /// It went to custody.
    Sweep,
    /// It disappeared before credit.
    Drop,
    /// Someone must look.
    Review,
    /// The review found nothing.
    Release,
    /// The review refused it.
    Reject,
    /// It is being sent back.
    Refund,
    /// It was sent back.
    RefundComplete,
    /// It was taken back after credit.
    Reverse,
}

/// The facts that a deposit took so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Taken(i32);

/// What a fact does to a deposit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It moves to another state.
    Moved(State),
    /// It took this fact before: nothing changes.
    Known,
    /// Its state does not allow this.
    Anomaly,
}

/// One side of a movement: what it takes from, or adds to, a ledger account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// `clearing`, or `account:` and a deposit account's identifier.
    pub ledger_account: String,
    /// Negative: taken from it.
    pub minor_units: i64,
}

/// A word that names no state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no such deposit state")]
pub struct UnknownState;

use Fact as F;
use State as S;

/// Every step there is.
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

/// The bits are stored: a fact keeps its place for ever.
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

/// What a fact does to a deposit in this state that took these facts before.
#[must_use]
pub fn decide(state: State, taken: Taken, fact: Fact) -> Outcome {
    let step = STEPS.iter().find(|(from, by, _)| *from == state && *by == fact);
    match step {
        Some((_, _, to)) => Outcome::Moved(*to),
        None if taken.has(fact) => Outcome::Known,
        None => Outcome::Anomaly,
    }
}

/// What moves when a deposit takes a fact: sums to zero, or is empty.
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

/// The ledger account of a deposit account.
#[must_use]
pub fn ledger_account(deposit_account_id: &str) -> String {
    format!("account:{deposit_account_id}")
}

impl State {
    /// Every state.
    pub fn all() -> impl Iterator<Item = Self> {
        STATES.iter().map(|(state, _, _)| *state)
    }

    /// Its word in tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        STATES.iter().find(|(state, _, _)| *state == self).map_or("", |(_, word, _)| word)
    }

    /// As it travels.
    #[must_use]
    pub fn to_proto(self) -> proto::DepositState {
        let found = STATES.iter().find(|(state, _, _)| *state == self);
        found.map_or(proto::DepositState::Unspecified, |(_, _, travelling)| *travelling)
    }
}

impl FromStr for State {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, UnknownState> {
        let found = STATES.iter().find(|(_, word, _)| *word == text);
        found.map(|(state, _, _)| *state).ok_or(UnknownState)
    }
}

impl Fact {
    /// Every fact.
    pub fn all() -> impl Iterator<Item = Self> {
        FACTS.iter().map(|(fact, _, _)| *fact)
    }

    /// Reads what travelled; none for unspecified and unknown numbers.
    #[must_use]
    pub fn from_proto(number: i32) -> Option<Self> {
        let found = FACTS.iter().find(|(_, _, travelling)| i32::from(*travelling) == number);
        found.map(|(fact, _, _)| *fact)
    }

    /// As it travels.
    #[must_use]
    pub fn to_proto(self) -> proto::DepositFact {
        let found = FACTS.iter().find(|(fact, _, _)| *fact == self);
        found.map_or(proto::DepositFact::Unspecified, |(_, _, travelling)| *travelling)
    }

    /// Whether it sends money out of the platform.
    #[must_use]
    pub fn sends_money_out(self) -> bool {
        matches!(self, Self::Refund | Self::RefundComplete)
    }

    fn bit(self) -> i32 {
        FACTS.iter().find(|(fact, _, _)| *fact == self).map_or(0, |(_, bit, _)| *bit)
    }
}

impl Taken {
    /// As stored.
    #[must_use]
    pub fn from_bits(bits: i32) -> Self {
        Self(bits)
    }

    /// To be stored.
    #[must_use]
    pub fn bits(self) -> i32 {
        self.0
    }

    /// With one more.
    #[must_use]
    pub fn and(self, fact: Fact) -> Self {
        Self(self.0 | fact.bit())
    }

    /// Whether a fact is among them.
    #[must_use]
    pub fn has(self, fact: Fact) -> bool {
        self.0 & fact.bit() != 0
    }
}

#[cfg(test)]
mod tests;
