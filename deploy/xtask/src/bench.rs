//! `bench`: what the gateway costs beside a bare proxy, both measured in one run. Options are
//! passed on: see `tests/bench/README.md`.

use crate::place::Place;
use crate::{plugins, say, tool};
use anyhow::Result;
use std::process::Command;

/// Builds both sides with optimisation and prints the tables.
///
/// # Errors
/// When something does not build, or a side does not answer.
pub(crate) fn run(place: &Place, rest: &[String]) -> Result<()> {
    plugins::run(place)?;
    say::step("Bench: building (release)");
    tool::run(&mut tool::cargo(place, &["build", "--release", "-p", "bench", "-p", "tollgate"]))?;
    say::step("Bench: measuring");
    let mut bench = Command::new(place.target().join("release/bench"));
    bench.args(rest).current_dir(place.root());
    bench.arg("--gateway").arg(place.target().join("release/tollgate"));
    tool::run(bench.arg("--components").arg(place.components()))
}
