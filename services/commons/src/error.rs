//! What can go wrong in a service, by whose fault it is and what the caller may be told.
//!
//! A service's own errors become one of these; `server/status.rs` alone turns them into statuses.

use tollgate_proto::google::rpc;

use crate::store;

/// A field of a request that is not acceptable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldViolation {
    /// The field, by its name in the specification.
    pub field: &'static str,
    /// Stable, in capitals.
    pub reason: &'static str,
    /// For people; repeats no value.
    pub description: String,
}

impl FieldViolation {
    /// Says what is wrong with a field.
    #[must_use]
    pub fn new(field: &'static str, reason: &'static str, description: impl Into<String>) -> Self {
        Self { field, reason, description: description.into() }
    }
}

/// The errors of a call.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request cannot be served as it is, whatever the state.
    #[error("the request has {} unacceptable fields", .0.len())]
    InvalidArgument(Vec<FieldViolation>),
    /// The caller did not prove who it is.
    #[error("{description}")]
    Unauthenticated {
        /// For operators: the gateway does not pass it on.
        description: &'static str,
    },
    /// The caller is known, and may not.
    #[error("{description}")]
    PermissionDenied {
        /// Stable, in capitals.
        reason: &'static str,
        /// For people.
        description: String,
    },
    /// Not there, or not the caller's: the same answer.
    #[error("there is no such {resource}")]
    NotFound {
        /// What was looked for, as `deposit account`; never its id.
        resource: &'static str,
    },
    /// It is there already.
    #[error("{description}")]
    AlreadyExists {
        /// What is there, as `deposit`.
        resource: &'static str,
        /// For people.
        description: String,
    },
    /// The state does not allow it; the same request will not succeed until the state changes.
    #[error("{description}")]
    FailedPrecondition {
        /// Stable, in capitals.
        reason: &'static str,
        /// For people.
        description: String,
    },
    /// Another call was in the way: try again.
    #[error("another call was in the way: {doing}")]
    Aborted {
        /// What was being done.
        doing: &'static str,
    },
    /// The answer that an earlier call with the same operation key got.
    #[error("{}", .0.message)]
    Replayed(rpc::Status),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Our own fault.
    #[error("{doing}")]
    Internal {
        /// What was being done.
        doing: &'static str,
    },
}

impl Error {
    /// Whether it is the answer to an operation for good, as a refusal of the domain is, and not a
    /// failure after which the operation may be tried again.
    #[must_use]
    pub fn is_final(&self) -> bool {
        match self {
            Self::InvalidArgument(_)
            | Self::PermissionDenied { .. }
            | Self::NotFound { .. }
            | Self::AlreadyExists { .. }
            | Self::FailedPrecondition { .. } => true,
            Self::Unauthenticated { .. }
            | Self::Aborted { .. }
            | Self::Replayed(_)
            | Self::Store(_)
            | Self::Internal { .. } => false,
        }
    }

    /// One unacceptable field.
    #[must_use]
    pub fn invalid(
        field: &'static str,
        reason: &'static str,
        description: impl Into<String>,
    ) -> Self {
        Self::InvalidArgument(vec![FieldViolation::new(field, reason, description)])
    }
}
