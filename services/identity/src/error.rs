//! The errors of identity, and what they mean to the caller.

use tollgate_commons::{self as commons, store};

use crate::domain::{key, scope};

/// The errors of identity.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The tenant does not exist.
    #[error("there is no such tenant")]
    NoTenant,
    /// The key does not exist, or belongs to another tenant or environment.
    #[error("there is no such key")]
    NoKey,
    /// The scopes are not acceptable.
    #[error(transparent)]
    Scopes(#[from] scope::InvalidScopes),
    /// The new key would have a scope that the caller's key lacks.
    #[error("a key cannot give what it does not have")]
    BeyondOwnScopes,
    /// The tenant's state does not allow a key in the environment.
    #[error("the tenant's state does not allow minting here")]
    MintNotAllowed,
    /// The key is revoked or expired and gets no successor.
    #[error("the key is revoked or expired")]
    KeyNotActive,
    /// The key has a successor already.
    #[error("the key has a successor already")]
    AlreadyRotated,
    /// The tenant's state has no such step.
    #[error("the tenant cannot go from {from} to {to}")]
    NoSuchStep {
        /// The current state.
        from: &'static str,
        /// The requested state.
        to: &'static str,
    },
    /// A stored value cannot be parsed.
    #[error("{doing}")]
    Corrupt {
        /// The step that failed.
        doing: &'static str,
    },
    /// The system gives no randomness.
    #[error(transparent)]
    Randomness(#[from] key::NoRandomness),
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
            Error::NoTenant => Self::NotFound { resource: "tenant" },
            Error::NoKey => Self::NotFound { resource: "api key" },
            Error::Scopes(_) => Self::invalid("scopes", "SCOPES_REFUSED", description),
            Error::BeyondOwnScopes => {
                Self::PermissionDenied { reason: "INSUFFICIENT_SCOPE", description }
            }
            Error::MintNotAllowed => {
                Self::FailedPrecondition { reason: "LIVE_ACCESS_REQUIRED", description }
            }
            Error::KeyNotActive => {
                Self::FailedPrecondition { reason: "KEY_NOT_ACTIVE", description }
            }
            Error::AlreadyRotated => {
                Self::FailedPrecondition { reason: "KEY_ALREADY_ROTATED", description }
            }
            Error::NoSuchStep { .. } => {
                Self::FailedPrecondition { reason: "NO_SUCH_STEP", description }
            }
            Error::Corrupt { doing } => Self::Internal { doing },
            Error::Randomness(_) => Self::Internal { doing: "draw random bytes" },
            Error::Store(source) => Self::Store(source),
            Error::Commons(error) => error,
        }
    }
}
