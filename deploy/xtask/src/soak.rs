//! `soak`: long runs of the built gateway. The run and its options are passed on.

use crate::place::Place;
use crate::{plugins, say, test, tool};
use anyhow::Result;
use std::process::Command;

/// Builds what the soak starts, and runs it.
///
/// # Errors
/// When something does not build, or a promise was not kept: the figures say which.
pub(crate) fn run(place: &Place, rest: &[String]) -> Result<()> {
    plugins::run(place)?;
    say::step("Binaries: building what the soak starts");
    test::binaries(place)?;
    say::step("Soak: running");
    tool::run(Command::new(place.binary("soak")).args(rest).current_dir(place.root()))
}
