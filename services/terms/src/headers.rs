//! Names of the HTTP header fields that more than one crate reads or writes.
//!
//! A name that only one crate uses stays in that crate.

use http::HeaderName;

use crate::metadata;

/// Carries an API key when `authorization` does not. Sent by clients, never forwarded.
pub const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Names the client's operation (draft-ietf-httpapi-idempotency-key-header).
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Marks a response that was stored for an earlier request with the same `idempotency-key`.
pub const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Limits the time that the client waits, in seconds. Sent by clients, never forwarded.
pub const REQUEST_TIMEOUT: HeaderName = HeaderName::from_static("x-request-timeout");

/// Limits the time of a gRPC call, such as `250m` (gRPC over HTTP/2).
pub const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// [`metadata::REQUEST_ID`] as a field name.
pub const REQUEST_ID: HeaderName = HeaderName::from_static(metadata::REQUEST_ID);

/// [`metadata::PRINCIPAL`] as a field name.
pub const PRINCIPAL: HeaderName = HeaderName::from_static(metadata::PRINCIPAL);

/// [`metadata::OPERATION_KEY`] as a field name.
pub const OPERATION_KEY: HeaderName = HeaderName::from_static(metadata::OPERATION_KEY);

/// [`metadata::REQUEST_FINGERPRINT`] as a field name.
pub const REQUEST_FINGERPRINT: HeaderName = HeaderName::from_static(metadata::REQUEST_FINGERPRINT);
