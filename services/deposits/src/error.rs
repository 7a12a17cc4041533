//! The errors of deposits, and what they mean to the caller.

use tollgate_commons::{self as commons, store};

use crate::domain::money;

/// The errors of deposits.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The account does not exist or belongs to another tenant.
    #[error("there is no such deposit account")]
    NoAccount,
    /// The deposit does not exist or belongs to another tenant.
    #[error("there is no such deposit")]
    NoDeposit,
    /// The account has a deposit under this reference already.
    #[error("the account has a deposit under this reference already")]
    ReferenceExists,
    /// The deposit is not in the account's currency.
    #[error("the deposit is not in the account's currency")]
    OtherCurrency,
    /// The deposit's state does not allow the fact; an event records the attempt.
    #[error("a deposit that is {state} does not take this fact")]
    Anomaly {
        /// The word for the state.
        state: &'static str,
    },
    /// The amount or its currency is not acceptable.
    #[error(transparent)]
    Amount(#[from] money::InvalidMoney),
    /// A stored value cannot be parsed.
    #[error("{doing}")]
    Corrupt {
        /// The step that failed.
        doing: &'static str,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// An error that commons has classified already.
    #[error(transparent)]
    Commons(#[from] commons::Error),
}

impl From<Error> for tonic::Status {
    fn from(error: Error) -> Self {
        commons::Error::from(error).into()
    }
}

impl From<Error> for commons::Error {
    fn from(error: Error) -> Self {
        let description = error.to_string();

        match error {
            Error::NoAccount => Self::NotFound { resource: "deposit account" },
            Error::NoDeposit => Self::NotFound { resource: "deposit" },
            Error::ReferenceExists => Self::AlreadyExists { resource: "deposit", description },
            Error::OtherCurrency => {
                Self::FailedPrecondition { reason: "CURRENCY_MISMATCH", description }
            }
            Error::Anomaly { .. } => {
                Self::FailedPrecondition { reason: "ILLEGAL_TRANSITION", description }
            }
            Error::Amount(invalid) => {
                let reason = match invalid {
                    money::InvalidMoney::NotPositive => "NOT_POSITIVE",
                    money::InvalidMoney::NotACurrency => "NOT_A_CURRENCY",
                };
                Self::invalid("amount", reason, description)
            }
            Error::Corrupt { doing } => Self::Internal { doing },
            Error::Store(source) => Self::Store(source),
            Error::Commons(error) => error,
        }
    }
}
