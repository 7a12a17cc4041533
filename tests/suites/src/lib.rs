//! The built gateway as a process for the public suites, and the messages by which the suite of
//! Connect speaks to the server that it tests.

pub mod connect;
mod gateway;
pub mod h2spec;

pub use gateway::{Listening, RunningGateway};
