//! The content of a refusal before its form: the one map from errors and problems.

use std::borrow::Cow;
use std::time::Duration;

use tollgate_chain::{Error, GrpcCode, GrpcFailure, Member, Problem, ProblemType, Violation};

use super::status::grpc_of_http;

/// The content of a refusal in any form.
#[derive(Debug)]
pub(super) struct ProblemView<'a> {
    pub(super) status: u16,
    pub(super) grpc: GrpcCode,
    pub(super) slug: &'a str,
    pub(super) type_uri: Option<&'a str>,
    pub(super) title: &'a str,
    pub(super) detail: Cow<'a, str>,
    pub(super) members: &'a [(Box<str>, Member)],
    pub(super) violations: &'a [Violation],
    pub(super) retry_after: Option<Duration>,
}

impl<'a> ProblemView<'a> {
    /// Shows an error of the host's.
    pub(super) fn of_error(error: &'a Error) -> Self {
        if let Error::Grpc(failure) = error {
            return Self::of_service(failure);
        }

        let violations: &[Violation] =
            if let Error::InvalidArgument { violations, .. } = error { violations } else { &[] };
        Self {
            violations,
            retry_after: retry_after(error),
            ..Self::of_type(problem_type(error), Cow::Owned(error.to_string()))
        }
    }

    /// Shows a policy's problem.
    pub(super) fn of_policy(status: u16, problem: &'a Problem) -> Self {
        Self {
            status,
            grpc: grpc_of_http(status),
            slug: &problem.slug,
            type_uri: problem.type_uri.as_deref(),
            title: &problem.title,
            detail: Cow::Borrowed(&problem.detail),
            members: &problem.members,
            violations: &[],
            retry_after: None,
        }
    }

    /// Shows a bare status to a caller that needs it in its own protocol.
    pub(super) fn of_status(status: u16) -> Self {
        let detail = Cow::Borrowed("the request was refused");
        Self { status, grpc: grpc_of_http(status), ..Self::of_type(&ProblemType::REFUSED, detail) }
    }

    /// Shows a service's status. An RPC caller gets the code as it came; UNAUTHENTICATED from
    /// inside is the gateway's own fault.
    fn of_service(failure: &'a GrpcFailure) -> Self {
        let grpc = if failure.code == GrpcCode::Unauthenticated {
            GrpcCode::Internal
        } else if matches!(failure.code, GrpcCode::Ok | GrpcCode::Unlisted(_)) {
            GrpcCode::Unknown
        } else {
            failure.code
        };
        Self {
            grpc,
            violations: &failure.violations,
            retry_after: failure.retry_after,
            ..Self::of_policy(failure.status, &failure.problem)
        }
    }

    fn of_type(problem_type: &'static ProblemType, detail: Cow<'a, str>) -> Self {
        Self {
            status: problem_type.status,
            grpc: problem_type.grpc,
            slug: problem_type.slug,
            type_uri: problem_type.type_uri,
            title: problem_type.title,
            detail,
            members: &[],
            violations: &[],
            retry_after: None,
        }
    }

    /// The stable machine key.
    pub(super) fn code(&self) -> String {
        self.slug.replace('-', "_")
    }
}

/// The type of every error. A failure of a service brings the one that its code was given.
pub(super) fn problem_type(error: &Error) -> &'static ProblemType {
    match error {
        Error::MalformedRequest { .. } => &ProblemType::MALFORMED_REQUEST,
        Error::PathNotCanonical { .. } => &ProblemType::PATH_NOT_CANONICAL,
        Error::LoopDetected => &ProblemType::LOOP_DETECTED,
        Error::HeadTooLarge => &ProblemType::HEAD_TOO_LARGE,
        Error::TargetTooLong => &ProblemType::TARGET_TOO_LONG,
        Error::ExpectationFailed => &ProblemType::EXPECTATION_FAILED,
        Error::MethodUnknown => &ProblemType::METHOD_UNKNOWN,
        Error::Misdirected => &ProblemType::MISDIRECTED,
        Error::VersionTooLow => &ProblemType::VERSION_TOO_LOW,
        Error::ProtocolUnsupported { .. } => &ProblemType::PROTOCOL_UNSUPPORTED,
        Error::WebSocketVersion => &ProblemType::WEBSOCKET_VERSION,
        Error::CodingUnknown => &ProblemType::CODING_UNKNOWN,
        Error::RouteNotFound => &ProblemType::ROUTE_NOT_FOUND,
        Error::MethodNotAllowed { .. } => &ProblemType::METHOD_NOT_ALLOWED,
        Error::BodyTooLarge { .. } => &ProblemType::BODY_TOO_LARGE,
        Error::BodyTimeout => &ProblemType::BODY_TIMEOUT,
        Error::BodyIncomplete => &ProblemType::BODY_INCOMPLETE,
        Error::UnsupportedMediaType { .. } => &ProblemType::UNSUPPORTED_MEDIA_TYPE,
        Error::ContentCodingUnsupported => &ProblemType::UNSUPPORTED_CONTENT_CODING,
        Error::NotAcceptable => &ProblemType::NOT_ACCEPTABLE,
        Error::InvalidArgument { .. } => &ProblemType::INVALID_ARGUMENT,
        Error::EnvironmentMismatch { .. } => &ProblemType::ENVIRONMENT_MISMATCH,
        Error::NoUpstream { .. } | Error::Internal { .. } => &ProblemType::INTERNAL,
        Error::UpstreamUnavailable { unsent: true, .. } => &ProblemType::UPSTREAM_UNAVAILABLE,
        Error::UpstreamUnavailable { unsent: false, .. } => &ProblemType::UPSTREAM_LOST,
        Error::UpstreamInvalid { .. } => &ProblemType::UPSTREAM_INVALID,
        Error::UpstreamReset { code, .. } => ProblemType::of_service(*code),
        Error::UpstreamTimeout => &ProblemType::UPSTREAM_TIMEOUT,
        Error::Grpc(failure) => ProblemType::of_service(failure.code),
        Error::Plugin { .. } => &ProblemType::PLUGIN_FAILURE,
        Error::Overloaded => &ProblemType::OVERLOADED,
        Error::Draining => &ProblemType::DRAINING,
    }
}

/// The wait that an error itself asks for: a second, where the next moment may be better.
fn retry_after(error: &Error) -> Option<Duration> {
    matches!(
        error,
        Error::UpstreamUnavailable { unsent: true, .. } | Error::Overloaded | Error::Draining
    )
    .then_some(Duration::from_secs(1))
}
