//! The service as the gateway and its tenants see it, against a real PostgreSQL.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails, and says where"
)]

mod cli;
mod keys;
mod lookup;
mod queries;
mod rotation;
mod support;
mod unauthorised;
