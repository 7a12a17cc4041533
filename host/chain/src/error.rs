//! Everything by which the host itself ends an exchange.
//!
//! Three questions have an answer here: whose fault, may it be retried, what may the caller be
//! told. How each becomes HTTP is decided in `edge/respond.rs` alone.

use std::sync::Arc;
use std::time::Duration;

use crate::{Environment, Failure, GrpcCode, Problem};

/// A field of the request that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field in its JSON form, or the name of a query parameter.
    pub field: String,
    /// Stable reason, snake_case.
    pub reason: String,
    /// For people.
    pub description: String,
}

/// Why the host ended an exchange. The text of each variant is what the caller may be told;
/// fields named `internal` are for the operator and are never in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Framing or head is wrong (RFC 9112, RFC 9113).
    #[error("{detail}")]
    MalformedRequest {
        /// The values that were expected.
        detail: String,
    },
    /// The path is not canonical; it is refused, never repaired.
    #[error("the path is not canonical: {detail}")]
    PathNotCanonical {
        /// The values that were expected.
        detail: &'static str,
    },
    /// The request came through this gateway before, or through too many of its kind.
    #[error("the request came back to this gateway: its upstream leads here again")]
    LoopDetected,
    /// The head is larger than its limit.
    #[error("the request's header fields are larger than this server accepts")]
    HeadTooLarge,
    /// The target is longer than its limit.
    #[error("the request's target is longer than this server accepts")]
    TargetTooLong,
    /// An expectation other than `100-continue` (RFC 9110 §10.1.1).
    #[error("the expectation cannot be met")]
    ExpectationFailed,
    /// A method that this server does not know at all.
    #[error("the method is not known to this server")]
    MethodUnknown,
    /// A `https` target that was asked for in clear (RFC 9110 §7.4).
    #[error("a target of scheme https is served over TLS only")]
    Misdirected,
    /// Native gRPC over HTTP/1.
    #[error("gRPC needs HTTP/2")]
    VersionTooLow,
    /// A switch of protocols that the Route, or the gateway, does not make.
    #[error("{detail}")]
    ProtocolUnsupported {
        /// The protocols that were expected.
        detail: &'static str,
    },
    /// A version of the WebSocket protocol other than 13 (RFC 6455 §4.2.2).
    #[error("the version of the WebSocket protocol is not supported; expected 13")]
    WebSocketVersion,
    /// A transfer coding that this server does not know.
    #[error("the transfer coding is not supported")]
    CodingUnknown,
    /// No Route has this path.
    #[error("no route has this path")]
    RouteNotFound,
    /// Routes have this path, none this method.
    #[error("this path does not have the method; it has: {allow}")]
    MethodNotAllowed {
        /// For `Allow`.
        allow: Arc<str>,
    },
    /// The body is larger than the Route accepts.
    #[error("the body is larger than {limit} bytes")]
    BodyTooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The body did not come in time.
    #[error("the body did not arrive in time")]
    BodyTimeout,
    /// The connection ended within the body, or its framing broke.
    #[error("the body ended before it was complete")]
    BodyIncomplete,
    /// The body's media type is not one the Route accepts.
    #[error("the media type is not supported; expected {accept}")]
    UnsupportedMediaType {
        /// For `Accept-Post`.
        accept: &'static str,
    },
    /// The body has a content coding, and the Route translates bodies (RFC 9110 §15.5.16).
    #[error("the body's content coding is not supported; expected a body without one")]
    ContentCodingUnsupported,
    /// The caller accepts no media type that the Route produces.
    #[error("the route produces application/json only")]
    NotAcceptable,
    /// Body, path or query do not fit the method's message.
    #[error("{detail}")]
    InvalidArgument {
        /// A sentence that says what is wrong.
        detail: String,
        /// The fields.
        violations: Vec<Violation>,
    },
    /// The principal's environment and the upstream's differ: a wall that no policy can open.
    #[error("the {principal} environment has no target on this route")]
    EnvironmentMismatch {
        /// The principal's environment.
        principal: Environment,
    },
    /// No policy chose an upstream and the Route names none, or the chosen one does not exist.
    #[error("the request cannot be forwarded")]
    NoUpstream {
        /// The resource that was missing.
        internal: String,
    },
    /// No endpoint could be reached, or the connection was lost.
    #[error("the service behind this route is unavailable")]
    UpstreamUnavailable {
        /// The operation that failed.
        internal: String,
        /// True when the request certainly was not processed.
        unsent: bool,
    },
    /// The upstream answered with something that is no answer.
    #[error("the service behind this route gave an invalid answer")]
    UpstreamInvalid {
        /// A sentence that says what was wrong.
        internal: String,
    },
    /// The upstream reset the stream for a reason that gRPC gives a status of its own.
    #[error("the service behind this route ended the request")]
    UpstreamReset {
        /// That status.
        code: GrpcCode,
        /// The reset as it came.
        internal: String,
    },
    /// The deadline passed.
    #[error("the service behind this route did not answer in time")]
    UpstreamTimeout,
    /// The upstream answered with a gRPC status, already put in words for the caller.
    #[error("{}", .0.problem.detail)]
    Grpc(Box<GrpcFailure>),
    /// A policy failed.
    #[error("a policy of this gateway failed; the request was not processed")]
    Plugin {
        /// The policy's name.
        policy: Arc<str>,
        /// The failure.
        failure: Failure,
    },
    /// The gateway is at its limit.
    #[error("the gateway is at its limit; retry shortly")]
    Overloaded,
    /// The gateway is going away.
    #[error("the gateway is shutting down; retry on a new connection")]
    Draining,
    /// A defect of ours.
    #[error("an internal error occurred")]
    Internal {
        /// A sentence that says what happened.
        internal: String,
    },
}

/// A gRPC status other than OK, translated for the caller (its details become problem members).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrpcFailure {
    /// The gRPC status code as it came.
    pub code: GrpcCode,
    /// The HTTP status it maps to.
    pub status: u16,
    /// The problem to show.
    pub problem: Problem,
    /// Field violations, if any.
    pub violations: Vec<Violation>,
    /// The wait the upstream asks for.
    pub retry_after: Option<Duration>,
    /// Text that callers must not see.
    pub internal: Option<String>,
}

impl Error {
    /// Returns the text that the operator should read beside the public text.
    #[must_use]
    pub fn internal(&self) -> Option<String> {
        match self {
            Self::NoUpstream { internal }
            | Self::UpstreamUnavailable { internal, .. }
            | Self::UpstreamInvalid { internal }
            | Self::UpstreamReset { internal, .. }
            | Self::Internal { internal } => Some(internal.clone()),
            Self::Plugin { policy, failure } => Some(format!("policy {policy}: {failure}")),
            Self::Grpc(failure) => failure.internal.clone(),
            Self::MalformedRequest { .. }
            | Self::PathNotCanonical { .. }
            | Self::LoopDetected
            | Self::HeadTooLarge
            | Self::TargetTooLong
            | Self::ExpectationFailed
            | Self::MethodUnknown
            | Self::Misdirected
            | Self::VersionTooLow
            | Self::ProtocolUnsupported { .. }
            | Self::WebSocketVersion
            | Self::CodingUnknown
            | Self::RouteNotFound
            | Self::MethodNotAllowed { .. }
            | Self::BodyTooLarge { .. }
            | Self::BodyTimeout
            | Self::BodyIncomplete
            | Self::UnsupportedMediaType { .. }
            | Self::ContentCodingUnsupported
            | Self::NotAcceptable
            | Self::InvalidArgument { .. }
            | Self::EnvironmentMismatch { .. }
            | Self::UpstreamTimeout
            | Self::Overloaded
            | Self::Draining => None,
        }
    }
}
