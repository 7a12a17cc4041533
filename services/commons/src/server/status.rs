//! The only map from an error to a gRPC status.

use prost::Message as _;
use tonic::{Code, Status};
use tonic_types::{
    BadRequest, ErrorDetail, ErrorInfo, FieldViolation as WireViolation, ResourceInfo, RetryInfo,
    StatusExt as _, pb,
};

use crate::error::{Error, FieldViolation};
use crate::store::Meaning;

/// The domain of every `google.rpc.ErrorInfo`.
const DOMAIN: &str = "tollgate";

/// Delay that a caller is asked to keep before it repeats a call.
const RETRY_DELAY: std::time::Duration = std::time::Duration::from_secs(1);

const INTERFERENCE: &str = "another call was in the way; try again";
const INTERNAL: &str = "internal error";

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let status = to_status(&error);
        if matches!(status.code(), Code::Internal | Code::Unavailable | Code::DeadlineExceeded) {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(%error, cause, code = ?status.code(), "call failed");
        }
        status
    }
}

/// Converts an error to the status that the caller gets. Its details are an encoded
/// `google.rpc.Status`, which is also the stored form of a refusal.
#[must_use]
pub fn to_status(error: &Error) -> Status {
    match error {
        Error::InvalidArgument(violations) => {
            let violations: Vec<_> = violations.iter().map(violation).collect();
            status(Code::InvalidArgument, error.to_string(), [BadRequest::new(violations).into()])
        }
        Error::Unauthenticated { .. } => status(Code::Unauthenticated, error.to_string(), []),
        Error::PermissionDenied { reason, .. } => {
            status(Code::PermissionDenied, error.to_string(), [error_info(reason)])
        }
        Error::NotFound { resource } => {
            status(Code::NotFound, error.to_string(), [resource_info(resource)])
        }
        Error::AlreadyExists { resource, .. } => {
            status(Code::AlreadyExists, error.to_string(), [resource_info(resource)])
        }
        Error::FailedPrecondition { reason, .. } => {
            status(Code::FailedPrecondition, error.to_string(), [error_info(reason)])
        }
        Error::Aborted { .. } => status(Code::Aborted, INTERFERENCE.into(), [retry_info()]),
        Error::Replayed(stored) => replayed(stored),
        Error::Store(source) => of_store(source.meaning()),
        Error::Internal { .. } => status(Code::Internal, INTERNAL.into(), []),
    }
}

fn of_store(meaning: Meaning) -> Status {
    match meaning {
        Meaning::Conflict => status(Code::Aborted, INTERFERENCE.into(), [retry_info()]),
        Meaning::Unavailable => {
            status(Code::Unavailable, "the store is not available".into(), [retry_info()])
        }
        Meaning::TooSlow => {
            status(Code::DeadlineExceeded, "the store took too long".into(), [retry_info()])
        }
        Meaning::Bug => status(Code::Internal, INTERNAL.into(), []),
    }
}

fn status(code: Code, message: String, details: impl IntoIterator<Item = ErrorDetail>) -> Status {
    Status::with_error_details_vec(code, message, details)
}

fn replayed(stored: &pb::Status) -> Status {
    let code = Code::from_i32(stored.code);
    Status::with_details(code, stored.message.clone(), stored.encode_to_vec().into())
}

fn error_info(reason: &str) -> ErrorDetail {
    ErrorInfo::new(reason, DOMAIN, std::collections::HashMap::<String, String>::new()).into()
}

/// Names the kind of resource, never its id: unknown and foreign ids must not differ.
fn resource_info(resource: &str) -> ErrorDetail {
    ResourceInfo::new(resource, "", "", "").into()
}

fn retry_info() -> ErrorDetail {
    RetryInfo::new(Some(RETRY_DELAY)).into()
}

fn violation(violation: &FieldViolation) -> WireViolation {
    let mut wire = WireViolation::new(violation.field, &violation.description);
    wire.reason = violation.reason.into();
    wire
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_error() -> Vec<(Error, Code, usize)> {
        let description = || "why".to_owned();
        let stored = pb::Status {
            code: Code::FailedPrecondition.into(),
            message: "why".into(),
            details: Vec::new(),
        };
        vec![
            (Error::invalid("amount", "NOT_POSITIVE", "why"), Code::InvalidArgument, 1),
            (Error::Unauthenticated { description: "why" }, Code::Unauthenticated, 0),
            (
                Error::PermissionDenied { reason: "R", description: description() },
                Code::PermissionDenied,
                1,
            ),
            (Error::NotFound { resource: "deposit" }, Code::NotFound, 1),
            (
                Error::AlreadyExists { resource: "deposit", description: description() },
                Code::AlreadyExists,
                1,
            ),
            (
                Error::FailedPrecondition { reason: "R", description: description() },
                Code::FailedPrecondition,
                1,
            ),
            (Error::Aborted { doing: "x" }, Code::Aborted, 1),
            (Error::Replayed(stored), Code::FailedPrecondition, 0),
            (
                crate::store::Error::doing("x")(sqlx::Error::PoolTimedOut).into(),
                Code::Unavailable,
                1,
            ),
            (crate::store::Error::doing("x")(sqlx::Error::RowNotFound).into(), Code::Internal, 0),
            (Error::Internal { doing: "x" }, Code::Internal, 0),
        ]
    }

    #[test]
    fn every_error_has_its_status_and_its_details() {
        for (error, code, details) in every_error() {
            let text = format!("{error:?}");
            let answer = Status::from(error);
            assert_eq!(answer.code(), code, "{text}");
            let decoded = pb::Status::decode(answer.details()).unwrap();
            assert_eq!(decoded.details.len(), details, "{text}");
            assert_eq!(decoded.code, i32::from(code), "{text}");
        }
    }

    #[test]
    fn an_unacceptable_field_is_named_with_its_reason() {
        let answer = Status::from(Error::invalid("amount", "NOT_POSITIVE", "above zero"));
        let refused = answer.get_details_bad_request().unwrap();
        let violation = &refused.field_violations[0];
        let parts = (&*violation.field, &*violation.reason, &*violation.description);
        assert_eq!(parts, ("amount", "NOT_POSITIVE", "above zero"));
    }

    #[test]
    fn a_stored_refusal_is_replayed_as_the_same_status() {
        let refusal = || Error::FailedPrecondition { reason: "R", description: "why".into() };
        let first = to_status(&refusal());
        let stored = pb::Status::decode(first.details()).unwrap();
        let again = to_status(&Error::Replayed(stored));
        assert_eq!((again.code(), again.message()), (first.code(), first.message()));
        assert_eq!(again.details(), first.details());
    }

    #[test]
    fn our_own_faults_are_told_in_constant_words() {
        let error = crate::store::Error::doing("select secrets")(sqlx::Error::RowNotFound);
        let answer = Status::from(Error::from(error));
        assert_eq!(answer.message(), INTERNAL);
    }

    #[test]
    fn every_meaning_of_a_database_failure_has_a_status() {
        let codes = [Meaning::Conflict, Meaning::Unavailable, Meaning::TooSlow, Meaning::Bug]
            .map(|meaning| of_store(meaning).code());
        assert_eq!(
            codes,
            [Code::Aborted, Code::Unavailable, Code::DeadlineExceeded, Code::Internal]
        );
    }
}
