//! `check`: everything that a program can judge, the same at the desk and in CI.

use crate::place::Place;
use crate::{say, tool};
use anyhow::Result;

/// Judges format, the house rules, lints and, where cargo-deny is installed, the dependencies.
///
/// # Errors
/// At the first that finds something.
pub(crate) fn run(place: &Place) -> Result<()> {
    say::step("Format");
    tool::run(&mut tool::cargo(place, &["fmt", "--all", "--check"]))?;

    say::step("House rules");
    let rules = ["test", "--quiet", "--workspace", "--test", "house"];
    tool::run(&mut tool::cargo(place, &rules))?;

    say::step("Lints");
    let lints = ["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"];
    tool::run(&mut tool::cargo(place, &lints))?;

    dependencies(place)
}

fn dependencies(place: &Place) -> Result<()> {
    if !tool::exists("cargo-deny") {
        say::step(
            "Dependencies: cargo-deny is not installed; skipped (tidy has judged the owners)",
        );
        return Ok(());
    }
    say::step("Dependencies: bans, licences, sources");
    let deny = ["deny", "--offline", "check", "bans", "licenses", "sources"];
    tool::run(&mut tool::cargo(place, &deny))?;

    say::step("Dependencies: fetching advisories");
    if tool::run(&mut tool::cargo(place, &["deny", "fetch", "db"])).is_err() {
        say::step("Dependencies: no network for the advisories; skipped");
        return Ok(());
    }
    say::step("Dependencies: advisories");
    tool::run(&mut tool::cargo(place, &["deny", "--offline", "check", "advisories"]))
}
