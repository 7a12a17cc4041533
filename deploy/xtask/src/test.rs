//! `test`: the tests of the workspace, with everything that they need.
//!
//! Every build selects the whole workspace and narrows what is built by the names of targets: cargo
//! unifies features over the selected packages, and a narrower selection would compile
//! dependencies anew.

use crate::place::Place;
use crate::workspace::Workspace;
use crate::{plugins, say, setup, tool};
use anyhow::Result;
use std::process::Command;

/// A part of the tests that can be run by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Unit tests, tests of each crate's public API, and examples in docs.
    Unit,
    /// Host and guests, with real components.
    Conformance,
    /// Real binaries, and the rows of the benchmark.
    EndToEnd,
}

impl Part {
    /// The parts, the fastest first.
    pub(crate) const ALL: [Self; 3] = [Self::Unit, Self::Conformance, Self::EndToEnd];

    /// Returns the part that the integration tests of a package belong to.
    fn of(package: &str) -> Self {
        match package {
            "conformance" => Self::Conformance,
            "e2e" | "bench" => Self::EndToEnd,
            _ => Self::Unit,
        }
    }
}

/// Sets up, builds components and binaries, and runs the tests that `rest` selects; all where it is
/// empty.
///
/// # Errors
/// At the first step that fails.
pub(crate) fn run(place: &Place, rest: &[String]) -> Result<()> {
    setup::run(place)?;
    plugins::run(place)?;
    if rest.is_empty() {
        return every_part(place);
    }

    say::step("Binaries: building what the tests start");
    binaries(place)?;
    say::step("Tests");
    tool::run(tool::cargo(place, &["test"]).args(rest))
}

/// Runs one part on a machine that is set up.
///
/// # Errors
/// At the first step that fails.
pub(crate) fn part(place: &Place, part: Part) -> Result<()> {
    if part != Part::Unit {
        plugins::run(place)?;
    }
    tests(place, part)
}

/// Runs every part on a machine that is set up, with the components built.
///
/// # Errors
/// At the first step that fails.
pub(crate) fn every_part(place: &Place) -> Result<()> {
    Part::ALL.into_iter().try_for_each(|part| tests(place, part))
}

fn tests(place: &Place, part: Part) -> Result<()> {
    match part {
        Part::Unit => {
            say::step("Specifications: buf lint");
            let protos = place.root().join("services/proto");
            tool::run(Command::new(place.buf()).arg("lint").current_dir(protos))?;

            say::step("Tests: units");
            targets(place, &["--lib", "--bins"], part)?;

            say::step("Tests: examples in docs");
            tool::run(&mut tool::cargo(place, &["test", "--workspace", "--doc"]))
        }
        Part::Conformance => {
            say::step("Tests: conformance");
            targets(place, &[], part)
        }
        Part::EndToEnd => {
            say::step("Binaries: building what the tests start");
            binaries(place)?;

            say::step("Tests: end to end");
            targets(place, &[], part)
        }
    }
}

/// Runs the integration tests of a part, and the targets that `others` selects.
fn targets(place: &Place, others: &[&str], part: Part) -> Result<()> {
    let mut cargo = tool::cargo(place, &["test", "--workspace"]);
    cargo.args(others);
    for name in Workspace::read(place)?.test_targets(|package| Part::of(package) == part) {
        cargo.args(["--test", &name]);
    }
    tool::run(&mut cargo)
}

/// Builds every binary of the workspace.
///
/// # Errors
/// When one does not compile.
pub(crate) fn binaries(place: &Place) -> Result<()> {
    tool::run(&mut tool::cargo(place, &["build", "--workspace", "--bins", "--examples"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_integration_test_belongs_to_one_part() {
        let workspace = Workspace::read(&Place::find().unwrap()).unwrap();
        let parts =
            Part::ALL.map(|part| workspace.test_targets(|package| Part::of(package) == part));
        assert_eq!(parts[1], ["contract"]);
        assert_eq!(parts[2], ["e2e", "smoke"]);

        // A target is chosen by its name over all packages, so a name must not stand in two parts.
        let mut names = parts.concat();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count, "{parts:?}");
    }
}
