//! The status codes of gRPC (`google/rpc/code.proto`).

use serde::{Deserialize, Serialize};

/// A gRPC status code. Serialised as its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "u32", into = "u32")]
pub enum GrpcCode {
    /// 0: success.
    Ok,
    /// 1: the caller cancelled the call.
    Cancelled,
    /// 2: an error without a better code.
    Unknown,
    /// 3: an argument is wrong whatever the state.
    InvalidArgument,
    /// 4: the deadline passed.
    DeadlineExceeded,
    /// 5: something requested does not exist.
    NotFound,
    /// 6: something to be created exists.
    AlreadyExists,
    /// 7: the caller may not do it.
    PermissionDenied,
    /// 8: a quota or a limit is reached.
    ResourceExhausted,
    /// 9: the state does not allow it.
    FailedPrecondition,
    /// 10: a concurrent change stood in the way.
    Aborted,
    /// 11: an argument is past the valid range.
    OutOfRange,
    /// 12: the method is not implemented.
    Unimplemented,
    /// 13: an invariant is broken.
    Internal,
    /// 14: the service is not available at the moment.
    Unavailable,
    /// 15: data is lost or damaged.
    DataLoss,
    /// 16: the caller has no valid credentials.
    Unauthenticated,
    /// Any other number; gRPC demands that it is treated as [`GrpcCode::Unknown`].
    Unlisted(u32),
}

impl GrpcCode {
    /// The codes that gRPC defines, by their number.
    pub const ALL: [Self; 17] = [
        Self::Ok,
        Self::Cancelled,
        Self::Unknown,
        Self::InvalidArgument,
        Self::DeadlineExceeded,
        Self::NotFound,
        Self::AlreadyExists,
        Self::PermissionDenied,
        Self::ResourceExhausted,
        Self::FailedPrecondition,
        Self::Aborted,
        Self::OutOfRange,
        Self::Unimplemented,
        Self::Internal,
        Self::Unavailable,
        Self::DataLoss,
        Self::Unauthenticated,
    ];

    /// The number on the wire.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Ok => 0,
            Self::Cancelled => 1,
            Self::Unknown => 2,
            Self::InvalidArgument => 3,
            Self::DeadlineExceeded => 4,
            Self::NotFound => 5,
            Self::AlreadyExists => 6,
            Self::PermissionDenied => 7,
            Self::ResourceExhausted => 8,
            Self::FailedPrecondition => 9,
            Self::Aborted => 10,
            Self::OutOfRange => 11,
            Self::Unimplemented => 12,
            Self::Internal => 13,
            Self::Unavailable => 14,
            Self::DataLoss => 15,
            Self::Unauthenticated => 16,
            Self::Unlisted(number) => number,
        }
    }

    /// The name in `google/rpc/code.proto`; `UNKNOWN` for a code that is not in it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Cancelled => "CANCELLED",
            Self::Unknown | Self::Unlisted(_) => "UNKNOWN",
            Self::InvalidArgument => "INVALID_ARGUMENT",
            Self::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Self::NotFound => "NOT_FOUND",
            Self::AlreadyExists => "ALREADY_EXISTS",
            Self::PermissionDenied => "PERMISSION_DENIED",
            Self::ResourceExhausted => "RESOURCE_EXHAUSTED",
            Self::FailedPrecondition => "FAILED_PRECONDITION",
            Self::Aborted => "ABORTED",
            Self::OutOfRange => "OUT_OF_RANGE",
            Self::Unimplemented => "UNIMPLEMENTED",
            Self::Internal => "INTERNAL",
            Self::Unavailable => "UNAVAILABLE",
            Self::DataLoss => "DATA_LOSS",
            Self::Unauthenticated => "UNAUTHENTICATED",
        }
    }
}

impl From<u32> for GrpcCode {
    fn from(number: u32) -> Self {
        let listed = usize::try_from(number).ok().and_then(|index| Self::ALL.get(index));
        listed.copied().unwrap_or(Self::Unlisted(number))
    }
}

impl From<GrpcCode> for u32 {
    fn from(code: GrpcCode) -> Self {
        code.number()
    }
}

impl std::fmt::Display for GrpcCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.number().fmt(f)
    }
}
