//! The service as its callers see it, against a real PostgreSQL.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails, and says where"
)]

mod accounts;
mod journey;
mod operations;
mod process;
mod queries;
mod support;
mod unauthorised;
