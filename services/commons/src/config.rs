//! Configuration from the environment: where to find things, never the things themselves.
//!
//! [`Variables::read`] is the only place that reads the environment. [`Reader`] collects every
//! problem, so that one start names them all.

mod common;
mod reader;

pub use common::{Broker, Common, Tls, Transport};
pub use reader::{Invalid, Problem, Reader, Variables};
