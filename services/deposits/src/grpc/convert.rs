//! Conversions from messages to checked values, and from rows to messages.

use tollgate_commons::Error;
use tollgate_commons::events::timestamp;
use tollgate_proto::deposits as proto;

use crate::domain::deposit::Fact;
use crate::domain::money::{Amount, Currency};
use crate::error;
use crate::events::money;
use crate::store::rows::{Account, Deposit};

/// Longest reference, in characters.
const REFERENCE_CHARS_MAX: usize = 128;

pub(super) fn account(account: &Account) -> proto::DepositAccount {
    proto::DepositAccount {
        deposit_account_id: account.deposit_account_id.clone(),
        currency: account.currency.clone(),
        label: account.label.clone(),
        balance: Some(money(account.balance, &account.currency)),
        created_at: Some(timestamp(account.created_at)),
    }
}

pub(super) fn deposit(deposit: &Deposit) -> Result<proto::Deposit, error::Error> {
    Ok(proto::Deposit {
        deposit_id: deposit.deposit_id.clone(),
        deposit_account_id: deposit.deposit_account_id.clone(),
        amount: Some(money(deposit.minor_units, &deposit.currency)),
        state: deposit.state()?.to_proto().into(),
        reference: deposit.reference.clone(),
        version: deposit.version,
        created_at: Some(timestamp(deposit.created_at)),
        updated_at: Some(timestamp(deposit.updated_at)),
    })
}

pub(super) fn currency(field: &'static str, code: &str) -> Result<Currency, Error> {
    Currency::new(code).map_err(|error| Error::invalid(field, "NOT_A_CURRENCY", error.to_string()))
}

pub(super) fn amount(money: Option<proto::Money>) -> Result<Amount, Error> {
    let money = money.ok_or_else(|| Error::invalid("amount", "MISSING", "is needed"))?;
    let currency = currency("amount.currency", &money.currency)?;
    Amount::new(money.minor_units, currency)
        .map_err(|error| Error::invalid("amount.minor_units", "NOT_POSITIVE", error.to_string()))
}

pub(super) fn reference(reference: &str) -> Result<&str, Error> {
    let printable = reference.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    if !printable || reference.is_empty() || reference.len() > REFERENCE_CHARS_MAX {
        let expected = "1 to 128 printable ASCII characters";
        return Err(Error::invalid("reference", "REFERENCE_REFUSED", expected));
    }
    Ok(reference)
}

pub(super) fn fact(number: i32) -> Result<Fact, Error> {
    Fact::from_proto(number)
        .ok_or_else(|| Error::invalid("fact", "UNKNOWN_FACT", "names no fact of a deposit"))
}
