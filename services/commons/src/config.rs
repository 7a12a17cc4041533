//! Configuration from environment variables: the places of secrets, never the secrets themselves.
//!
//! [`Variables::read`] is the only place that reads the environment. [`Reader`] collects every
//! problem, so that one start names them all.

mod reader;
mod shared;

pub use reader::{Invalid, Problem, Reader, Variables};
pub use shared::{Broker, Common, Tls, Transport};
