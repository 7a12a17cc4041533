//! The types of problem that the policies in this repository answer with.
//!
//! They are rows of the gateway's catalogue (`policies/problems.md`); the conformance tests hold
//! both together. A policy of your own may use them, or say a problem of its own by
//! [`Problem::new`].

use crate::{Content, Problem, Reply, Verdict};

/// A type of problem: everything about it but the detail of one occurrence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProblemType {
    /// Kebab-case name: the last part of `type` and, with underscores, `code`.
    pub slug: &'static str,
    /// Short, the same for every occurrence.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// A `type` registered elsewhere, used in place of the gateway's own.
    pub type_uri: Option<&'static str>,
}

impl ProblemType {
    /// Ends the exchange with a problem of this type. `detail` says what happened this time, and
    /// what the caller can do about it.
    #[must_use]
    pub fn refuse(&self, detail: impl Into<String>) -> Verdict {
        self.reply(self.problem(detail.into()))
    }

    /// Ends the exchange with a problem of this type that has an extension member.
    #[must_use]
    pub fn refuse_with(
        &self,
        detail: impl Into<String>,
        name: &str,
        value: impl Into<crate::Member>,
    ) -> Verdict {
        self.reply(self.problem(detail.into()).member(name, value))
    }

    fn problem(&self, detail: String) -> Problem {
        Problem {
            slug: self.slug.to_owned(),
            type_uri: self.type_uri.map(str::to_owned),
            title: self.title.to_owned(),
            detail,
            members: Vec::new(),
        }
    }

    fn reply(&self, problem: Problem) -> Verdict {
        Verdict::Reply(Reply { status: self.status, content: Content::Problem(problem) })
    }
}

macro_rules! problem_types {
    ($($(#[$doc:meta])* $name:ident: $slug:literal, $title:literal, $status:literal
        $(, type $type_uri:literal)?;)*) => {
        $($(#[$doc])*
        pub const $name: ProblemType = ProblemType {
            slug: $slug,
            title: $title,
            status: $status,
            type_uri: problem_types!(@uri $($type_uri)?),
        };)*

        /// All of them, with the names of their constants.
        pub const ALL: &[(&str, ProblemType)] = &[$((stringify!($name), $name),)*];
    };
    (@uri) => { None };
    (@uri $type_uri:literal) => { Some($type_uri) };
}

problem_types! {
    /// The requested host is not served on this connection.
    HOST_NOT_SERVED: "host-not-served", "Host not served", 421;
    /// A field of the request is doubled, contradictory or not valid.
    MALFORMED_REQUEST: "malformed-request", "Malformed request", 400;
    /// No route has the path.
    ROUTE_NOT_FOUND: "route-not-found", "Route not found", 404;
    /// Pages of this origin may not call.
    CORS_ORIGIN_DENIED: "cors-origin-denied", "Origin not allowed", 403;
    /// No valid credential.
    UNAUTHENTICATED: "unauthenticated", "Authentication required", 401;
    /// Too many failed attempts to authenticate.
    ABNORMAL_USAGE: "abnormal-usage-detected", "Abnormal usage detected", 429,
        type "https://iana.org/assignments/http-problem-types#abnormal-usage-detected";
    /// The credential cannot be checked at the moment.
    IDENTITY_UNAVAILABLE: "identity-unavailable", "Identity unavailable", 503;
    /// The key has not the scope that the route needs.
    INSUFFICIENT_SCOPE: "insufficient-scope", "Insufficient scope", 403;
    /// The account has no live access of this kind.
    LIVE_ACCESS_REQUIRED: "live-access-required", "Live access required", 403;
    /// Key and host, or key and target, are of different environments.
    ENVIRONMENT_MISMATCH: "environment-mismatch", "Environment mismatch", 403;
    /// A quota is used up.
    QUOTA_EXCEEDED: "quota-exceeded", "Quota exceeded", 429,
        type "https://iana.org/assignments/http-problem-types#quota-exceeded";
    /// The route needs an `Idempotency-Key`.
    IDEMPOTENCY_KEY_MISSING: "idempotency-key-missing", "Idempotency key missing", 400;
    /// The `Idempotency-Key` is malformed.
    IDEMPOTENCY_KEY_INVALID: "idempotency-key-invalid", "Idempotency key invalid", 400;
    /// Another request with the key is being processed.
    IDEMPOTENCY_IN_PROGRESS: "idempotency-in-progress", "Operation in progress", 409;
    /// The key was used with a different request.
    IDEMPOTENCY_KEY_REUSED: "idempotency-key-reused", "Idempotency key reused", 422;
    /// The key cannot be checked at the moment.
    IDEMPOTENCY_UNAVAILABLE: "idempotency-unavailable", "Idempotency unavailable", 503;
    /// The service behind the route cannot be reached.
    UPSTREAM_UNAVAILABLE: "upstream-unavailable", "Service unavailable", 503;
    /// The operator made a mistake; see [`Verdict::misconfigured`].
    INTERNAL: "internal", "Internal error", 500;
}
