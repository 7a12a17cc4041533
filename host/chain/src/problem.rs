//! The types of problem that callers can meet, and the gRPC status codes.
//!
//! `problem/catalogue.rs` is the only place where a slug, a title or a status of a problem is
//! written in the host; `edge/respond` writes them to the wire, and `policies/problems.md` is
//! generated from them by `problem/reference.rs`. The policies that come with the gateway repeat
//! theirs as constants of the SDK; the conformance tests compare both.

/// Defines a constant of [`ProblemType`] for each row of the catalogue, and the list of all.
macro_rules! catalogue {
    ($($name:ident {
        slug: $slug:literal, title: $title:literal,
        status: $status:literal, grpc: $grpc:ident,
        sources: $sources:expr,
        $(type_uri: $type_uri:literal,)?
        arises: $arises:literal,
        remedy: $remedy:literal,
    })*) => {
        impl ProblemType {
            $(#[doc = $arises]
            pub const $name: Self = Self {
                slug: $slug,
                type_uri: catalogue!(@uri $($type_uri)?),
                title: $title,
                status: $status,
                grpc: Code::$grpc,
                sources: &$sources,
                arises: $arises,
                remedy: $remedy,
            };)*
        }

        /// Every problem type: by the host, by services, by the operators' port, by policies.
        pub const CATALOGUE: &[ProblemType] = &[$(ProblemType::$name,)*];
    };
    (@uri) => { None };
    (@uri $type_uri:literal) => { Some($type_uri) };
}

mod catalogue;
mod grpc_code;
mod reference;

pub use catalogue::CATALOGUE;
pub use grpc_code::GrpcCode;
pub use reference::problem_reference;

use crate::{GrpcFailure, Problem, Text};

/// A row of the catalogue: everything about a problem but the detail of one occurrence.
///
/// A slug has one title. It has several rows where its status or its remedy differs by source, such
/// as for a service that was not reached (503) and one that was lost midway (502).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProblemType {
    /// Kebab-case name: the last part of `type` and, with underscores, `code`.
    pub slug: &'static str,
    /// A `type` registered elsewhere, used in place of the gateway's own.
    pub type_uri: Option<&'static str>,
    /// Short, the same for every occurrence.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The gRPC status for RPC callers.
    pub grpc: GrpcCode,
    /// The parts of the gateway that answer with it.
    pub sources: &'static [ProblemSource],
    /// The occasion, in whole sentences.
    pub arises: &'static str,
    /// The caller's way out, in whole sentences.
    pub remedy: &'static str,
}

/// A part of the gateway that answers with a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemSource {
    /// The host itself, by an [`crate::Error`] or a bare status of a policy.
    Gateway,
    /// The host, for a gRPC status of a service that it translated.
    Service,
    /// The operators' port.
    Admin,
    /// A policy that comes with the gateway, by the name of its plugin.
    Policy(&'static str),
}

impl ProblemType {
    /// The row for a gRPC status of a service, other than OK. UNAUTHENTICATED is about the gateway
    /// itself: its caller was authenticated before.
    #[must_use]
    pub fn of_service(code: GrpcCode) -> &'static Self {
        match code {
            GrpcCode::Cancelled => &Self::CALL_CANCELLED,
            GrpcCode::InvalidArgument => &Self::SERVICE_ARGUMENT,
            GrpcCode::DeadlineExceeded => &Self::SERVICE_TIMEOUT,
            GrpcCode::NotFound => &Self::NOT_FOUND,
            GrpcCode::AlreadyExists => &Self::ALREADY_EXISTS,
            GrpcCode::PermissionDenied => &Self::PERMISSION_DENIED,
            GrpcCode::ResourceExhausted => &Self::RESOURCE_EXHAUSTED,
            GrpcCode::FailedPrecondition => &Self::FAILED_PRECONDITION,
            GrpcCode::Aborted => &Self::ABORTED,
            GrpcCode::OutOfRange => &Self::OUT_OF_RANGE,
            GrpcCode::Unimplemented => &Self::UNIMPLEMENTED,
            GrpcCode::Unavailable => &Self::SERVICE_UNAVAILABLE,
            GrpcCode::Unauthenticated => &Self::GATEWAY_REJECTED,
            GrpcCode::Ok
            | GrpcCode::Unknown
            | GrpcCode::Internal
            | GrpcCode::DataLoss
            | GrpcCode::Unlisted(_) => &Self::SERVICE_FAILED,
        }
    }

    /// An occurrence of this type.
    #[must_use]
    pub fn problem(&self, detail: impl Into<Text>) -> Problem {
        Problem {
            slug: self.slug.into(),
            type_uri: self.type_uri.map(Into::into),
            title: self.title.into(),
            detail: detail.into(),
            members: Vec::new(),
        }
    }
}

impl GrpcFailure {
    /// Gives the failure another type of problem; code, detail and members stay.
    pub fn set_type(&mut self, problem_type: &ProblemType) {
        self.status = problem_type.status;
        self.problem.slug = problem_type.slug.into();
        self.problem.title = problem_type.title.into();
    }
}
