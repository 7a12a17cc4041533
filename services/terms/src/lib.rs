//! The vocabulary that the gateway and the services share.
//!
//! [`Environment`] and [`Access`] describe a caller, [`api_key`] holds the form of API keys, and
//! [`headers`] and [`metadata`] name the fields of HTTP and gRPC that both sides read or write;
//! [`header_policy`] says which fields end at the gateway.
//! The crate does no I/O and imports no other crate of the workspace. The protobuf forms of these
//! types, and the conversions, are in `tollgate-proto`.

#![forbid(unsafe_code)]

mod access;
pub mod api_key;
mod environment;
pub mod header_policy;
pub mod headers;
pub mod metadata;

pub use access::Access;
pub use environment::{Environment, UnknownEnvironment};
