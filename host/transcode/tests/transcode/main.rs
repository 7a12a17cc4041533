//! The promises of this room, by tables of cases and by properties.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may"
)]

mod binding;
mod json;
mod rpc;
mod status;
mod support;
