//! Stores in files of this machine: keys in TOML, idempotency records in an embedded database.

pub(crate) mod credentials;
mod idempotency;

pub use credentials::FileCredentials;
pub use idempotency::{FileIdempotency, FileIdempotencyOptions, SealingKey};
