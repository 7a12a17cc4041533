//! Deposit accounts, and deposits moved through their states.
//!
//! `domain` decides without I/O; `store/rows` are its rows; `events` are made of rows; `store` reads and
//! writes in one transaction; `grpc` answers the gateway. Each imports only those before it. One process serves one environment, with a database of its own, and refuses the other.
#![deny(clippy::float_arithmetic)]

pub mod config;
pub mod domain;
pub mod error;
pub mod events;
pub mod grpc;
pub mod store;

pub use grpc::{audience, routes};

/// The tables of this service.
pub static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");
