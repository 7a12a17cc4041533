//! The parts that every service is made of.
//!
//! `config` reads the environment; `server` runs the listeners and holds the only map from an error
//! to a status; `principal` verifies the caller; `request` reads common fields; `operation` runs a
//! command once; `events` and `outbox` record facts; `relay` publishes them to Kafka. The crate
//! knows no service by name.

pub mod config;
pub mod error;
pub mod events;
pub mod kafka;
pub mod operation;
pub mod outbox;
pub mod principal;
pub mod relay;
pub mod request;
pub mod server;
mod stage;
pub mod store;
pub mod telemetry;
pub mod testing;

pub use error::{Error, FieldViolation};
pub use stage::{Stage, UnknownStage};
pub use tollgate_terms::{Access, Environment};
