//! Do host and guest agree? Real components against a host that answers from a table.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod cached;
mod configured;
mod determinism;
mod every_interface;
mod hostile_guest;
mod in_c;
mod isolation;
mod loading;
mod problems;
mod sandbox;
mod schemas;
mod trace;
mod trees;
mod wasi;
mod world;
