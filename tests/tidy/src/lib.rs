//! The house rules as functions: each takes what it judges and returns what is wrong with it.
//!
//! `tests/house.rs` applies them to this tree; beside each rule stands a test that feeds it a bad
//! example, so that a rule which can no longer fail is noticed.

pub mod cases;
pub mod findings;
pub mod imports;
pub mod manifests;
pub mod metrics;
pub mod names;
pub mod owners;
pub mod page;
pub mod rooms;
pub mod source;
pub mod tree;
