//! Back ends of the stores that `capability` describes: one module for each kind.
//!
//! The traits, the records they speak of and the rule of idempotency live in
//! [`tollgate_capability`]; this crate is the only owner of the heavy dependencies behind them.

mod error;

pub mod file;
pub mod identity;
pub mod memory;
pub mod testing;

pub use error::Error;
