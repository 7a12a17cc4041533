//! `check`: what a machine can judge, the same at the desk and in CI.

use crate::place::Place;
use crate::{say, tool};
use anyhow::Result;

/// Judges format, lints, the house rules and, where cargo-deny is installed, the dependencies.
///
/// # Errors
/// At the first that finds something.
pub(crate) fn run(place: &Place) -> Result<()> {
    say::step("Format");
    tool::run(&mut tool::cargo(place, &["fmt", "--all", "--check"]))?;
    say::step("House rules");
    tool::run(&mut tool::cargo(place, &["test", "--quiet", "--package", "tidy"]))?;
    say::step("Lints");
    let lints = ["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"];
    tool::run(&mut tool::cargo(place, &lints))?;
    if tool::exists("cargo-deny") {
        say::step("Dependencies: bans, licences, sources");
        let deny = ["deny", "--offline", "check", "bans", "licenses", "sources"];
        return tool::run(&mut tool::cargo(place, &deny));
    }
    say::step("Dependencies: cargo-deny is not installed; skipped (tidy has judged the bans)");
    Ok(())
}
