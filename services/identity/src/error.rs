//! What can go wrong here, and what it is to the caller.

use tollgate_commons::{self as commons, store};

use crate::domain::{key, scope};

/// The errors of identity.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such tenant.
    #[error("there is no such tenant")]
    NoTenant,
    /// There is no such key, or it is another tenant's or the other environment's.
    #[error("there is no such key")]
    NoKey,
    /// The scopes are not acceptable.
    #[error(transparent)]
    Scopes(#[from] scope::Refused),
    /// The caller's key does not have what the new key would.
    #[error("a key cannot give what it does not have")]
    BeyondOwnScopes,
    /// The tenant's state does not allow a key there.
    #[error("the tenant's state does not allow minting here")]
    MintNotAllowed,
    /// The key is revoked or expired, so it has no successor.
    #[error("the key is revoked or expired")]
    KeyNotActive,
    /// The key has a successor already.
    #[error("the key has a successor already")]
    AlreadyRotated,
    /// A step that the tenant's state does not have.
    #[error("the tenant cannot go from {from} to {to}")]
    NoSuchStep {
        /// Where it is.
        from: &'static str,
        /// Where it was to go.
        to: &'static str,
    },
    /// What was stored cannot be understood.
    #[error("{doing}")]
    Broken {
        /// What was being done.
        doing: &'static str,
    },
    /// The system gave no randomness.
    #[error(transparent)]
    Randomness(#[from] key::NoRandomness),
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
            Error::Broken { doing } => Self::Internal { doing },
            Error::Randomness(_) => Self::Internal { doing: "draw random bytes" },
            Error::Store(source) => Self::Store(source),
            Error::Commons(error) => error,
        }
    }
}
