//! The errors of a call: whose fault it is, and what the caller may learn.
//!
//! A service converts its own errors into these; `server/status.rs` alone converts them to statuses.

use tonic_types::pb;

use crate::store;

/// A field of a request that is not acceptable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldViolation {
    /// The field, by its name in the specification.
    pub field: &'static str,
    /// A stable code, in capitals.
    pub reason: &'static str,
    /// Text for people; repeats no value.
    pub description: String,
}

impl FieldViolation {
    /// Describes an unacceptable field.
    #[must_use]
    pub fn new(field: &'static str, reason: &'static str, description: impl Into<String>) -> Self {
        Self { field, reason, description: description.into() }
    }
}

/// The errors of a call.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request is unacceptable in any state.
    #[error("the request has {} unacceptable fields", .0.len())]
    InvalidArgument(Vec<FieldViolation>),
    /// The caller is not proven.
    #[error("{description}")]
    Unauthenticated {
        /// Text for operators; the gateway does not pass it on.
        description: &'static str,
    },
    /// The caller is known and not permitted.
    #[error("{description}")]
    PermissionDenied {
        /// A stable code, in capitals.
        reason: &'static str,
        /// Text for people.
        description: String,
    },
    /// The resource does not exist or belongs to another caller; both give this answer.
    #[error("there is no such {resource}")]
    NotFound {
        /// The kind of resource, such as `deposit account`; never its id.
        resource: &'static str,
    },
    /// The resource exists already.
    #[error("{description}")]
    AlreadyExists {
        /// The kind of resource, such as `deposit`.
        resource: &'static str,
        /// Text for people.
        description: String,
    },
    /// The state does not allow it; the same request fails until the state changes.
    #[error("{description}")]
    FailedPrecondition {
        /// A stable code, in capitals.
        reason: &'static str,
        /// Text for people.
        description: String,
    },
    /// A concurrent call interfered; the call may be repeated.
    #[error("a concurrent call interfered: {doing}")]
    Aborted {
        /// The step that failed.
        doing: &'static str,
    },
    /// An earlier call with the same operation key was refused with this status.
    #[error("{}", .0.message)]
    Replayed(pb::Status),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A fault of the service itself.
    #[error("{doing}")]
    Internal {
        /// The step that failed.
        doing: &'static str,
    },
}

impl Error {
    /// Reports whether this is the final outcome of an operation, such as a refusal by the domain,
    /// rather than a failure after which the operation may be tried again.
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

    /// Makes an [`Error::InvalidArgument`] of one field.
    #[must_use]
    pub fn invalid(
        field: &'static str,
        reason: &'static str,
        description: impl Into<String>,
    ) -> Self {
        Self::InvalidArgument(vec![FieldViolation::new(field, reason, description)])
    }
}
