//! The decisions of deposits, without I/O.

pub mod deposit;
pub mod money;
