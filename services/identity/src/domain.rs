//! The decisions of identity, without I/O.

pub mod key;
pub mod scope;
pub mod tenant;
