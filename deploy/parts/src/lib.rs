//! PostgreSQL, Redis, Kafka and certificates, started as plain processes on loopback.
//!
//! Shared by `cargo xtask up` (long-lived data under `.tollgate`) and by the test harness (thrown
//! away). Blocking by design: it has no runtime, so that xtask builds in seconds.
//! Errors are `anyhow`: this is tooling, and every failure ends in a line a person reads.

pub mod account;
pub mod certs;
pub mod daemon;
pub mod kafka;
pub mod keys;
pub mod lock;
pub mod postgres;
pub mod redis;
pub mod wait;
