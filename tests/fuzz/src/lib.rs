//! Fuzz targets: every reader of foreign bytes, under arbitrary ones.
//!
//! A target is a function from bytes to nothing that panics where a property does not hold. The
//! properties are in the first paragraphs of each module of `targets`. The engine (`main.rs`) and
//! the ordinary test (`tests/bounded.rs`) run the same functions.

#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a target reports a property that does not hold by a panic, as tests do"
)]

mod lines;
mod targets;

/// One entry for arbitrary bytes.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The name, which is also that of its folder of seeds.
    pub name: &'static str,
    /// Checks the properties on one input.
    pub run: fn(&[u8]),
}

/// Every target.
pub const TARGETS: &[Target] = targets::ALL;

/// Finds the target of a name.
#[must_use]
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
