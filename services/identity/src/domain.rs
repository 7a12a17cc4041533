//! What identity decides, without touching anything.

pub mod key;
pub mod scope;
pub mod tenant;
