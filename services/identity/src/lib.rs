//! Tenants and API keys: minted, hashed with a pepper, looked up, rotated, revoked.
//!
//! `domain` decides and touches nothing; `store` reads and writes; `grpc` stands between them and the
//! gateway; `cli` is for operators. One process serves both environments, each caller in its own.
#![deny(clippy::float_arithmetic)]

pub mod cli;
pub mod config;
pub mod domain;
pub mod error;
pub mod events;
pub mod grpc;
pub mod pepper;
pub mod store;

pub use grpc::{AUDIENCE, routes};

/// The tables of this service.
pub static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");
