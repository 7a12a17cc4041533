//! A service's process: health first, then the database, then the gRPC listener, and an orderly end.
//!
//! `status` is the only map from an error to a gRPC status. `health` answers the HTTP probes. The
//! order of shutdown: unready at once, serve on for the drain time, close the listener, let calls in
//! flight finish, stop the relay, close the pool.

pub mod health;
pub mod status;

mod process;

pub use process::{Process, ServeError};
