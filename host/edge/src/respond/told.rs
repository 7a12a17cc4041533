//! What a caller is told, before its form: the one map from errors and problems.

use std::borrow::Cow;
use std::time::Duration;

use tollgate_chain::{Error, GrpcFailure, Member, Problem, Violation};

use super::status::grpc_of_http;

/// The content of a refusal in any form.
#[derive(Debug)]
pub(super) struct Told<'a> {
    pub(super) status: u16,
    pub(super) grpc: u32,
    pub(super) slug: &'a str,
    pub(super) type_uri: Option<&'a str>,
    pub(super) title: &'a str,
    pub(super) detail: Cow<'a, str>,
    pub(super) members: &'a [(Box<str>, Member)],
    pub(super) violations: &'a [Violation],
    pub(super) retry_after: Option<Duration>,
}

impl<'a> Told<'a> {
    /// What an error of the host's tells.
    pub(super) fn error(error: &'a Error) -> Self {
        if let Error::Grpc(failure) = error {
            return Self::grpc(failure);
        }
        let (status, slug, title) = row(error);
        let violations: &[Violation] =
            if let Error::InvalidArgument { violations, .. } = error { violations } else { &[] };
        Self {
            status,
            grpc: grpc_of_http(status),
            slug,
            type_uri: None,
            title,
            detail: Cow::Owned(error.to_string()),
            members: &[],
            violations,
            retry_after: retry_after(error),
        }
    }

    /// What a policy's problem tells.
    pub(super) fn problem(status: u16, problem: &'a Problem) -> Self {
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

    /// What a bare status tells a caller that must be told in its own protocol.
    pub(super) fn bare(status: u16) -> Self {
        Self {
            status,
            grpc: grpc_of_http(status),
            slug: "refused",
            type_uri: None,
            title: "Refused",
            detail: Cow::Borrowed("the request was refused"),
            members: &[],
            violations: &[],
            retry_after: None,
        }
    }

    /// An RPC caller gets the code as it came; UNAUTHENTICATED from inside is our own fault.
    fn grpc(failure: &'a GrpcFailure) -> Self {
        let grpc = match failure.code {
            0 | 17.. => 2,
            16 => 13,
            code => code,
        };
        Self {
            grpc,
            violations: &failure.violations,
            retry_after: failure.retry_after,
            ..Self::problem(failure.status, &failure.problem)
        }
    }

    /// The stable machine key.
    pub(super) fn code(&self) -> String {
        self.slug.replace('-', "_")
    }
}

/// Status, slug and title of every error.
fn row(error: &Error) -> (u16, &str, &str) {
    match error {
        Error::MalformedRequest { .. } => (400, "malformed-request", "Malformed request"),
        Error::PathNotCanonical { .. } => (400, "path-not-canonical", "Path not canonical"),
        Error::HeadTooLarge => (431, "head-too-large", "Header fields too large"),
        Error::TargetTooLong => (414, "target-too-long", "Target too long"),
        Error::ExpectationFailed => (417, "expectation-failed", "Expectation failed"),
        Error::MethodUnknown => (501, "method-unknown", "Method unknown"),
        Error::CodingUnknown => (501, "coding-unknown", "Transfer coding unknown"),
        Error::RouteNotFound => (404, "route-not-found", "Route not found"),
        Error::MethodNotAllowed { .. } => (405, "method-not-allowed", "Method not allowed"),
        Error::BodyTooLarge { .. } => (413, "body-too-large", "Body too large"),
        Error::BodyTimeout => (408, "body-timeout", "Body not received in time"),
        Error::BodyIncomplete => (400, "body-incomplete", "Body incomplete"),
        Error::UnsupportedMediaType { .. } => {
            (415, "unsupported-media-type", "Unsupported media type")
        }
        Error::NotAcceptable => (406, "not-acceptable", "Not acceptable"),
        Error::InvalidArgument { .. } => (400, "invalid-argument", "Invalid argument"),
        Error::EnvironmentMismatch { .. } => (403, "environment-mismatch", "Environment mismatch"),
        Error::NoUpstream { .. } | Error::Internal { .. } => (500, "internal", "Internal error"),
        Error::UpstreamUnavailable { unsent: true, .. } => {
            (503, "upstream-unavailable", "Service unavailable")
        }
        Error::UpstreamUnavailable { unsent: false, .. } => {
            (502, "upstream-unavailable", "Service unavailable")
        }
        Error::UpstreamInvalid { .. } => (502, "upstream-invalid", "Invalid answer of a service"),
        Error::UpstreamTimeout => (504, "upstream-timeout", "Service did not answer in time"),
        Error::Grpc(failure) => (failure.status, &failure.problem.slug, &failure.problem.title),
        Error::Plugin { .. } => (500, "plugin-failure", "Policy failure"),
        Error::Overloaded => (503, "overloaded", "Overloaded"),
        Error::Draining => (503, "draining", "Shutting down"),
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
