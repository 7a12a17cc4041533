//! The outbox and its relay against a real PostgreSQL and, where Kafka is the point, a real Kafka.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails, and says where"
)]

mod kafka;
mod order;
mod queries;
mod support;
