//! The reasons why a store cannot be opened.

use crate::file::credentials::FILE_BYTES_MAX;

/// The reason why a store cannot be opened or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file of keys cannot be read.
    #[error("read credentials file {path}")]
    CredentialsRead {
        /// The file.
        path: Box<str>,
        /// The cause.
        source: std::io::Error,
    },
    /// The file of keys is too long.
    #[error("credentials file {path} is longer than {FILE_BYTES_MAX} bytes")]
    CredentialsTooLong {
        /// The file.
        path: Box<str>,
    },
    /// The file of keys is no TOML of this shape; unknown names are refused.
    #[error("credentials file, line {line}: {message}")]
    CredentialsShape {
        /// The line, from 1. Its text is not shown: it may hold what should not be there.
        line: usize,
        /// The expectation that was not met.
        message: Box<str>,
    },
    /// The fields of a key are out of their bounds.
    #[error("key {id:?}: expected {expected}")]
    CredentialsKey {
        /// The `id` of the key.
        id: Box<str>,
        /// The expectation that was not met.
        expected: &'static str,
    },
    /// The file of idempotency records, or of their sealing key, cannot be made or opened.
    #[error("open idempotency file {path}")]
    IdempotencyFile {
        /// The file.
        path: Box<str>,
        /// The cause.
        source: std::io::Error,
    },
    /// The file is no database of idempotency records, is damaged, or is in use by another process.
    #[error("open idempotency database {path}")]
    IdempotencyDatabase {
        /// The file.
        path: Box<str>,
        /// The cause.
        source: Box<redb::Error>,
    },
    /// The sealing key is not 32 bytes long.
    #[error("sealing key {path} is not 32 bytes long")]
    SealingKey {
        /// The file.
        path: Box<str>,
    },
    /// The system gave no randomness for a sealing key.
    #[error("no randomness for a sealing key")]
    SealingRandomness,
    /// The endpoint of the identity service cannot be used. The service need not be running for
    /// its endpoint to be usable.
    #[error("identity endpoint {uri}")]
    IdentityEndpoint {
        /// The address as configured.
        uri: http::Uri,
        /// The cause.
        source: tonic::transport::Error,
    },
}
