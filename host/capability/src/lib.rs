//! Answers every question of a policy natively, with the stores behind them.
//!
//! A [`PolicyHost`] is the [`Host`](tollgate_chain::Host) of one request. It holds the state of
//! each interface of the contract and dispatches to it; the interfaces reach their back ends
//! through the traits here, which `tollgate-stores` implements. The results of a walk that the
//! gateway reads back are in `policy_host/readback.rs`.
//!
//! Read next: `policy_host.rs`, then `quota.rs`, `idempotency.rs` and `credentials.rs`.

mod digest;
mod health;
mod later;
mod log;
mod notes;
mod policy_host;
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
pub use health::StoreHealth;
pub use later::{BoxFuture, Later};
pub use policy_host::{PolicyHost, RequestContext, Stores};
pub use upstreams::UpstreamStates;
