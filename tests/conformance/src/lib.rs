//! Do host and guest agree, and do we obey the standards?
//!
//! The tests' equipment: a host that answers from a [`Table`], and the guests as [`component`]s.

mod components;
mod contract;
mod table;

pub use components::{component, words};
pub use contract::{function_of, functions_of_the_contract};
pub use table::{Log, Table};
