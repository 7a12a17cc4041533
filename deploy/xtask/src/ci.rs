//! `ci`: what CI runs, whole or in parts. `.ci/run` starts it.

use crate::place::Place;
use crate::test::{self, Part};
use crate::{check, plugins, setup};
use anyhow::Result;
use clap::ValueEnum;

/// A part of CI, which a job of its own may run.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Job {
    /// Format, house rules, lints, dependencies.
    Lints,
    /// Unit tests, tests of each crate, examples in docs.
    Unit,
    /// Host and guests, with real components.
    Conformance,
    /// Real binaries on real PostgreSQL and Kafka, and the rows of the benchmark.
    E2e,
}

/// Sets up, and runs one part; all of them in order where none is named.
///
/// # Errors
/// At the first step that fails.
pub(crate) fn run(place: &Place, job: Option<Job>) -> Result<()> {
    setup::run(place)?;
    match job {
        Some(Job::Lints) => check::run(place),
        Some(Job::Unit) => test::part(place, Part::Unit),
        Some(Job::Conformance) => test::part(place, Part::Conformance),
        Some(Job::E2e) => test::part(place, Part::EndToEnd),
        None => {
            check::run(place)?;
            plugins::run(place)?;
            test::every_part(place)
        }
    }
}
