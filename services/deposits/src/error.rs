//! What can go wrong here, and what it is to the caller.

use tollgate_commons::{self as commons, store};

use crate::domain::money;

/// The errors of deposits.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such account, or it is another tenant's.
    #[error("there is no such deposit account")]
    NoAccount,
    /// There is no such deposit, or it is another tenant's.
    #[error("there is no such deposit")]
    NoDeposit,
    /// The account has a deposit under this reference.
    #[error("the account has a deposit under this reference already")]
    ReferenceTaken,
    /// The deposit is not in the account's currency.
    #[error("the deposit is not in the account's currency")]
    OtherCurrency,
    /// The deposit's state does not allow the fact; that it was told is recorded.
    #[error("a deposit that is {state} does not take this fact")]
    Anomaly {
        /// Where it stands.
        state: &'static str,
    },
    /// The amount is not one.
    #[error(transparent)]
    Amount(#[from] money::Refused),
    /// What was stored cannot be understood.
    #[error("{doing}")]
    Broken {
        /// What was being done.
        doing: &'static str,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Something that commons already judged.
    #[error(transparent)]
    Commons(#[from] commons::Error),
}

impl From<Error> for commons::Error {
    fn from(error: Error) -> Self {
        let description = error.to_string();
        match error {
            Error::NoAccount => Self::NotFound { resource: "deposit account" },
            Error::NoDeposit => Self::NotFound { resource: "deposit" },
            Error::ReferenceTaken => Self::AlreadyExists { resource: "deposit", description },
            Error::OtherCurrency => {
                Self::FailedPrecondition { reason: "CURRENCY_MISMATCH", description }
            }
            Error::Anomaly { .. } => {
                Self::FailedPrecondition { reason: "ILLEGAL_TRANSITION", description }
            }
            Error::Amount(refused) => {
                let reason = match refused {
                    money::Refused::NotPositive => "NOT_POSITIVE",
                    money::Refused::NotACurrency => "NOT_A_CURRENCY",
                };
                Self::invalid("amount", reason, description)
            }
            Error::Broken { doing } => Self::Internal { doing },
            Error::Store(source) => Self::Store(source),
            Error::Commons(error) => error,
        }
    }
}
