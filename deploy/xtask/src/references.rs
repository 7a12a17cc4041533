//! `references`: the files of `policies/` that are generated.

use crate::place::Place;
use crate::{say, tool};
use anyhow::Result;

/// Writes the references of keys and of problems, and the JSON Schema of the configuration.
///
/// # Errors
/// When the crate that knows them does not build, or a file cannot be written.
pub(crate) fn run(place: &Place) -> Result<()> {
    say::step("References: policies/reference.md, gateway.schema.json, problems.md");
    let example = ["run", "--quiet", "--package", "tollgate-config", "--example", "references"];
    tool::run(&mut tool::cargo(place, &example))
}
