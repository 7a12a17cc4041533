//! `references`: the files of `policies/` that are generated.

use crate::place::Place;
use crate::{say, tool};
use anyhow::Result;
use std::process::Command;

/// Writes the references of keys and of problems, and the JSON Schema of the configuration.
///
/// # Errors
/// When the crate that knows them does not build, or a file cannot be written.
pub(crate) fn run(place: &Place) -> Result<()> {
    say::step("References: policies/reference.md, gateway.schema.json, problems.md");
    // As a part of the workspace, so that nothing is built with other features.
    let example = ["build", "--quiet", "--workspace", "--example", "references"];
    tool::run(&mut tool::cargo(place, &example))?;
    tool::run(&mut Command::new(place.binary("examples/references")))
}
