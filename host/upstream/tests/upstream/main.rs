//! What the upstream promises, against real servers on loopback: HTTP/1.1, HTTP/2, TLS, and
//! servers that misbehave by script.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "helpers of tests may fail as tests do; clippy knows only test functions as such"
)]

mod balance;
mod deadline;
mod faults;
mod http1;
mod http2;
mod retry;
mod server;
mod settings;
mod tls;
