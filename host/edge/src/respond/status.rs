//! gRPC status codes and HTTP statuses.

use tollgate_chain::{GrpcCode, ProblemType};

/// Converts a gRPC status that an upstream answered to an HTTP status. UNAUTHENTICATED from inside
/// is the gateway's own fault: the caller was authenticated at the gateway.
#[must_use]
pub fn http_of_grpc(code: GrpcCode) -> u16 {
    if code == GrpcCode::Ok { 200 } else { ProblemType::of_service(code).status }
}

/// Converts the HTTP status of a refusal of the gateway's own to the gRPC status for RPC callers.
#[must_use]
pub fn grpc_of_http(status: u16) -> GrpcCode {
    match status {
        200..=299 => GrpcCode::Ok,
        401 => GrpcCode::Unauthenticated,
        403 => GrpcCode::PermissionDenied,
        404 | 405 | 415 | 501 | 505 => GrpcCode::Unimplemented,
        408 | 504 => GrpcCode::DeadlineExceeded,
        409 => GrpcCode::Aborted,
        412 | 422 | 428 => GrpcCode::FailedPrecondition,
        413 | 429 | 431 => GrpcCode::ResourceExhausted,
        400..=499 => GrpcCode::InvalidArgument,
        502 | 503 => GrpcCode::Unavailable,
        _ => GrpcCode::Internal,
    }
}

/// Converts a gRPC status to the HTTP status of a Connect call of one message.
#[must_use]
pub fn http_of_connect(code: GrpcCode) -> u16 {
    if code == GrpcCode::Unauthenticated { 401 } else { http_of_grpc(code) }
}

/// Returns the name of a gRPC status in Connect.
#[must_use]
pub fn connect_name(code: GrpcCode) -> &'static str {
    match code {
        GrpcCode::Cancelled => "canceled",
        GrpcCode::InvalidArgument => "invalid_argument",
        GrpcCode::DeadlineExceeded => "deadline_exceeded",
        GrpcCode::NotFound => "not_found",
        GrpcCode::AlreadyExists => "already_exists",
        GrpcCode::PermissionDenied => "permission_denied",
        GrpcCode::ResourceExhausted => "resource_exhausted",
        GrpcCode::FailedPrecondition => "failed_precondition",
        GrpcCode::Aborted => "aborted",
        GrpcCode::OutOfRange => "out_of_range",
        GrpcCode::Unimplemented => "unimplemented",
        GrpcCode::Internal => "internal",
        GrpcCode::Unavailable => "unavailable",
        GrpcCode::DataLoss => "data_loss",
        GrpcCode::Unauthenticated => "unauthenticated",
        GrpcCode::Ok | GrpcCode::Unknown | GrpcCode::Unlisted(_) => "unknown",
    }
}
