//! The edge's promises over real sockets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a test fails by panicking"
)]

mod clients;
mod clocks;
mod drain;
mod floods;
mod frames;
mod framing;
mod http2;
mod proxied;
mod records;
mod secure;
mod support;
mod tunnels;
mod whole;
mod wire;
