//! The rows of the tables, as `store` reads them and `events` and `grpc` show them.

use time::OffsetDateTime;

use crate::domain::deposit::{FactSet, State};
use crate::domain::money::{Amount, Currency};
use crate::error::Error;

/// A deposit account.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its identifier.
    pub deposit_account_id: String,
    /// The currency of everything in it.
    pub currency: String,
    /// A text for the tenant's own use.
    pub label: String,
    /// The balance in minor units: the sum of the account's postings.
    pub balance: i64,
    /// The creation time, by the database's clock.
    pub created_at: OffsetDateTime,
}

/// A deposit.
#[derive(Debug, Clone)]
pub struct Deposit {
    /// Its identifier.
    pub deposit_id: String,
    /// The account that it goes to.
    pub deposit_account_id: String,
    /// The amount in minor units, above zero.
    pub minor_units: i64,
    /// The account's currency.
    pub currency: String,
    /// The word for its state.
    pub(super) state: String,
    /// The bits of the facts that it took.
    pub(super) facts: i32,
    /// The reference of the provider or the chain.
    pub reference: String,
    /// The version of its event stream.
    pub version: i64,
    /// The creation time, by the database's clock.
    pub created_at: OffsetDateTime,
    /// The time of the last change, by the database's clock.
    pub updated_at: OffsetDateTime,
}

impl Deposit {
    /// Returns its state.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the stored word names none.
    pub fn state(&self) -> Result<State, Error> {
        self.state.parse().map_err(|_| Error::Corrupt { doing: "read a deposit's state" })
    }

    /// Returns the facts that it took.
    #[must_use]
    pub fn facts(&self) -> FactSet {
        FactSet::from_bits(self.facts)
    }

    /// Returns its amount.
    ///
    /// # Errors
    /// [`Error::Amount`] if the stored one is none.
    pub fn amount(&self) -> Result<Amount, Error> {
        Ok(Amount::new(self.minor_units, Currency::new(&self.currency)?)?)
    }
}
