//! What deposits decide, without touching anything.

pub mod deposit;
pub mod money;
