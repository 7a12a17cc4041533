//! Answers every question of a policy natively, with the stores behind them.
//!
//! An [`Exchange`] is the [`Host`](tollgate_chain::Host) of one request: one file for each
//! interface of the contract, and beneath them the back ends, reached through [`Stores`].
//! What the gateway reads back after the walk (principal, reply headers, held replies, the
//! claim) is in `exchange/readback.rs`.
//!
//! Read next: `exchange.rs`, then `quota.rs`, `idempotency.rs` and `credentials.rs`.

mod digest;
mod exchange;
mod later;
mod log;
mod notes;
mod reply_headers;
mod request;
mod response;
mod route;
mod system;
mod upstreams;

pub mod clock;
pub mod credentials;
pub mod idempotency;
pub mod principal;
pub mod quota;
pub mod testing;

pub use clock::{Clock, SystemClock};
pub use digest::Sha256Digest;
pub use exchange::readback::Held;
pub use exchange::{Exchange, Opening, Stores};
pub use later::{BoxFuture, Later};
pub use upstreams::UpstreamStates;
