//! Tenants and API keys: minted, hashed with a pepper, looked up, rotated, revoked.
//!
//! `domain` decides without I/O; `store/rows` are its rows; `events` are made of rows; `store` reads and
//! writes in one transaction; `grpc` answers the gateway; `cli` is for operators. Each imports only
//! those before it. One process serves both environments, each caller in its own.
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
