//! The tables of identity.
//!
//! `rows` defines the rows, below `events`; the other modules read and write them, and append the
//! events of what they change.

pub mod keys;
pub mod lookup;
pub mod rows;
pub mod tenants;
