//! Names of the gRPC metadata that the gateway writes and services read.
//!
//! Texts, because that is what tonic takes; `headers` has the same names as HTTP field names.

/// Carries the signed principal: binary, an encoded `tollgate.principal.v1.SignedPrincipal`.
pub const PRINCIPAL: &str = "x-tollgate-principal-bin";

/// Identifies an operation across retries: 64 lower-case hex digits.
pub const OPERATION_KEY: &str = "x-operation-key";

/// Carries the digest of the request's content beside [`OPERATION_KEY`]: 64 lower-case hex digits.
pub const REQUEST_FINGERPRINT: &str = "x-request-fingerprint";

/// Identifies one request in responses, logs, receipts and events: 8 to 64 of `[A-Za-z0-9_-]`.
pub const REQUEST_ID: &str = "x-request-id";
