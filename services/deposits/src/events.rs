//! The events of deposits, each for the topic of its environment.

use tollgate_commons::Environment;
use tollgate_commons::events::{Event, topic};
use tollgate_proto::deposits as proto;

use crate::domain::deposit::{Fact, Posting, State};
use crate::store::rows::{Account, Deposit};

/// Returns the topic of an environment's deposits.
#[must_use]
pub fn topics(environment: Environment) -> Vec<String> {
    vec![topic(environment, "deposits")]
}

/// Makes the event of an opened account.
#[must_use]
pub fn account_created(account: &Account) -> Event {
    let fact = proto::DepositAccountCreated {
        deposit_account_id: account.deposit_account_id.clone(),
        currency: account.currency.clone(),
        label: account.label.clone(),
    };
    Event::new(&account.deposit_account_id, 1, &fact)
}

/// Makes the event of a registered deposit.
#[must_use]
pub fn registered(deposit: &Deposit) -> Event {
    let fact = proto::DepositRegistered {
        deposit_id: deposit.deposit_id.clone(),
        deposit_account_id: deposit.deposit_account_id.clone(),
        amount: Some(money(deposit.minor_units, &deposit.currency)),
        reference: deposit.reference.clone(),
    };
    Event::new(&deposit.deposit_id, 1, &fact)
}

/// Makes the event of a fact that moved a deposit from the first to the second state. `deposit` is the
/// row before the change.
#[must_use]
pub fn advanced(
    deposit: &Deposit,
    fact: Fact,
    step: (State, State),
    postings: &[Posting],
) -> Event {
    let posting = |posting: &Posting| proto::Posting {
        ledger_account: posting.ledger_account.clone(),
        amount: Some(money(posting.minor_units, &deposit.currency)),
    };
    let fact = proto::DepositAdvanced {
        deposit_id: deposit.deposit_id.clone(),
        fact: fact.to_proto().into(),
        from: step.0.to_proto().into(),
        to: step.1.to_proto().into(),
        postings: postings.iter().map(posting).collect(),
    };
    Event::new(&deposit.deposit_id, deposit.version + 1, &fact)
}

/// Makes the event of a fact that the state does not allow.
#[must_use]
pub fn anomaly(deposit: &Deposit, fact: Fact, state: State) -> Event {
    let fact = proto::DepositAnomalyRecorded {
        deposit_id: deposit.deposit_id.clone(),
        fact: fact.to_proto().into(),
        state: state.to_proto().into(),
    };
    Event::new(&deposit.deposit_id, deposit.version + 1, &fact)
}

/// Converts an amount to its protobuf form.
#[must_use]
pub fn money(minor_units: i64, currency: &str) -> proto::Money {
    proto::Money { minor_units, currency: currency.into() }
}
