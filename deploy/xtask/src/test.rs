//! `test`: every test of the workspace, with everything that the tests need.

use crate::place::Place;
use crate::{plugins, say, setup, tool};
use anyhow::Result;
use std::process::Command;

/// Sets up, builds plugins and binaries, lints the specifications, and runs the tests.
///
/// # Errors
/// At the first step that fails.
pub(crate) fn run(place: &Place, rest: &[String]) -> Result<()> {
    setup::run(place)?;
    plugins::run(place)?;
    say::step("Specifications: buf lint");
    tool::run(
        Command::new(place.buf()).arg("lint").current_dir(place.root().join("services/proto")),
    )?;
    say::step("Binaries: building what the tests start");
    binaries(place)?;
    say::step("Tests");
    let all = ["test", "--workspace"];
    let some = ["test"];
    let chosen: &[&str] = if rest.is_empty() { &all } else { &some };
    tool::run(tool::cargo(place, chosen).args(rest))
}

/// Builds every binary, with the features that the tests use, so that nothing is compiled twice.
///
/// # Errors
/// When one does not compile.
pub(crate) fn binaries(place: &Place) -> Result<()> {
    tool::run(&mut tool::cargo(place, &["build", "--workspace", "--bins", "--examples"]))
}
