//! The only map from an error to a gRPC status.

use prost::{Message, Name};
use prost_types::{Any, Duration};
use tollgate_proto::google::rpc;
use tonic::{Code, Status};

use crate::error::{Error, FieldViolation};
use crate::store::Meaning;

const DOMAIN: &str = "tollgate";

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let answer = to_rpc(&error);
        if matches!(answer.code(), Code::Internal | Code::Unavailable | Code::DeadlineExceeded) {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(%error, cause, code = ?answer.code(), "call failed");
        }
        let details = answer.encode_to_vec();
        Self::with_details(answer.code(), answer.message, details.into())
    }
}

/// The status of an error, as it travels and as a refused operation is stored.
#[must_use]
pub fn to_rpc(error: &Error) -> rpc::Status {
    match error {
        Error::InvalidArgument(violations) => status(
            Code::InvalidArgument,
            error.to_string(),
            vec![pack(&rpc::BadRequest {
                field_violations: violations.iter().map(violation).collect(),
            })],
        ),
        Error::Unauthenticated { .. } => {
            status(Code::Unauthenticated, error.to_string(), Vec::new())
        }
        Error::PermissionDenied { reason, .. } => {
            status(Code::PermissionDenied, error.to_string(), vec![because(reason)])
        }
        Error::NotFound { resource } => {
            status(Code::NotFound, error.to_string(), vec![about(resource)])
        }
        Error::AlreadyExists { resource, .. } => {
            status(Code::AlreadyExists, error.to_string(), vec![about(resource)])
        }
        Error::FailedPrecondition { reason, .. } => {
            status(Code::FailedPrecondition, error.to_string(), vec![because(reason)])
        }
        Error::Aborted { .. } => status(Code::Aborted, TRY_AGAIN.into(), vec![later()]),
        Error::Replayed(stored) => stored.clone(),
        Error::Store(source) => of_store(source.meaning()),
        Error::Internal { .. } => status(Code::Internal, INTERNAL.into(), Vec::new()),
    }
}

const TRY_AGAIN: &str = "another call was in the way; try again";
const INTERNAL: &str = "internal error";

fn of_store(meaning: Meaning) -> rpc::Status {
    match meaning {
        Meaning::Conflict => status(Code::Aborted, TRY_AGAIN.into(), vec![later()]),
        Meaning::Unavailable => {
            status(Code::Unavailable, "the store is not available".into(), vec![later()])
        }
        Meaning::TooSlow => {
            status(Code::DeadlineExceeded, "the store took too long".into(), vec![later()])
        }
        Meaning::Bug => status(Code::Internal, INTERNAL.into(), Vec::new()),
    }
}

fn status(code: Code, message: String, details: Vec<Any>) -> rpc::Status {
    rpc::Status { code: code.into(), message, details }
}

fn because(reason: &str) -> Any {
    pack(&rpc::ErrorInfo {
        reason: reason.into(),
        domain: DOMAIN.into(),
        metadata: std::collections::HashMap::new(),
    })
}

/// Names the kind of thing, never the id: unknown and foreign ids must not differ.
fn about(resource: &str) -> Any {
    pack(&rpc::ResourceInfo { resource_type: resource.into(), ..Default::default() })
}

fn later() -> Any {
    pack(&rpc::RetryInfo { retry_delay: Some(Duration { seconds: 1, nanos: 0 }) })
}

fn violation(violation: &FieldViolation) -> rpc::bad_request::FieldViolation {
    rpc::bad_request::FieldViolation {
        field: violation.field.into(),
        description: violation.description.clone(),
        reason: violation.reason.into(),
        localized_message: None,
    }
}

fn pack<M: Message + Name>(detail: &M) -> Any {
    Any {
        type_url: format!("type.googleapis.com/{}", M::full_name()),
        value: detail.encode_to_vec(),
    }
}

/// The code of a stored or travelling status.
trait Coded {
    fn code(&self) -> Code;
}

impl Coded for rpc::Status {
    fn code(&self) -> Code {
        Code::from_i32(self.code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_error() -> Vec<(Error, Code, usize)> {
        let description = || "why".to_owned();
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
            (
                Error::Replayed(status(Code::FailedPrecondition, description(), vec![])),
                Code::FailedPrecondition,
                0,
            ),
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
            let decoded = rpc::Status::decode(answer.details()).unwrap();
            assert_eq!(decoded.details.len(), details, "{text}");
            assert_eq!(decoded.code, i32::from(code), "{text}");
        }
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
