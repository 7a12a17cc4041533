//! A service's process: probes first, then the database, then the gRPC listener, and an orderly end.
//!
//! `status` is the only map from an error to a gRPC status. `health` answers the HTTP probes. A
//! supervisor owns the background tasks. The order of shutdown: unready at once, serve on for the
//! drain time, close the listener, finish the calls in flight, stop the tasks, close the pool.

pub mod health;
pub mod status;

mod process;

pub use process::{Process, ServeError};
