//! gRPC status codes and HTTP statuses.

/// The HTTP status of a gRPC status that an upstream answered. UNAUTHENTICATED from inside is
/// our own fault: the caller was authenticated at the gate.
#[must_use]
pub fn http_of_grpc(code: u32) -> u16 {
    match code {
        0 => 200,
        1 => 499,
        3 | 9 | 11 => 400,
        4 => 504,
        5 => 404,
        6 | 10 => 409,
        7 => 403,
        8 => 429,
        12 => 501,
        14 => 503,
        16 => 502,
        _ => 500,
    }
}

/// The gRPC status in which a refusal of the gateway's own is told to an RPC caller.
#[must_use]
pub fn grpc_of_http(status: u16) -> u32 {
    match status {
        200..=299 => 0,
        401 => 16,
        403 => 7,
        404 | 405 | 415 | 501 => 12,
        408 | 504 => 4,
        409 => 10,
        412 | 422 | 428 => 9,
        413 | 429 | 431 => 8,
        400..=499 => 3,
        502 | 503 => 14,
        _ => 13,
    }
}

/// The HTTP status of a Connect unary error, as that protocol has it.
pub(super) fn http_of_connect(code: u32) -> u16 {
    match code {
        16 => 401,
        other => http_of_grpc(other),
    }
}

/// The name of a gRPC code in Connect.
pub(super) fn connect_name(code: u32) -> &'static str {
    match code {
        1 => "canceled",
        3 => "invalid_argument",
        4 => "deadline_exceeded",
        5 => "not_found",
        6 => "already_exists",
        7 => "permission_denied",
        8 => "resource_exhausted",
        9 => "failed_precondition",
        10 => "aborted",
        11 => "out_of_range",
        12 => "unimplemented",
        13 => "internal",
        14 => "unavailable",
        15 => "data_loss",
        16 => "unauthenticated",
        _ => "unknown",
    }
}
