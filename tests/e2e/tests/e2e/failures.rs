//! Fail-closed, cell by cell: what `tollgate check --failures` prints of a policy is what happens.
//!
//! The table that is printed is the expectation; each cell is provoked, and a cell that nobody
//! here knows how to provoke fails. Read next: `failures/matrix.rs`.

mod dependencies;
mod load;
mod matrix;
mod runs;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use tollgate_harness::target_bin;

/// A line that was printed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    policy: String,
    class: String,
    when: String,
    cause: String,
    follows: String,
}

/// The table of failures that was printed of a folder.
struct FailureTable(BTreeSet<Line>);

impl FailureTable {
    /// Returns the consequence that the table names.
    fn follows(&self, policy: &str, when: &str, cause: &str) -> Result<&str> {
        let here =
            |line: &&Line| (&*line.policy, &*line.when, &*line.cause) == (policy, when, cause);
        let line = self.0.iter().find(here);
        Ok(&line.with_context(|| format!("no line of {policy}, {when}, {cause}"))?.follows)
    }

    /// The causes of a policy at a time.
    fn causes(&self, policy: &str, when: &str) -> BTreeSet<&str> {
        let here = self.0.iter().filter(|line| line.policy == policy && line.when == when);
        here.map(|line| &*line.cause).collect()
    }
}

/// Runs `tollgate check`; whether it was content, and what it printed and complained of.
fn check(folder: &Path, more: &[&str]) -> Result<(bool, String, String)> {
    let mut command = Command::new(target_bin("tollgate")?);
    let output = command.args(["check", "--policies"]).arg(folder).args(more).output()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok((output.status.success(), text(&output.stdout), text(&output.stderr)))
}

/// The table of a folder.
fn table(folder: &Path) -> Result<FailureTable> {
    let (content, printed, complaint) = check(folder, &["--failures"])?;
    anyhow::ensure!(content, "{printed}{complaint}");
    let lines = printed.lines().filter_map(|line| {
        let mut cells = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty());
        let mut next = || cells.next().map(str::to_owned);
        Some(Line {
            policy: next()?,
            class: next()?,
            when: next()?,
            cause: next()?,
            follows: next()?,
        })
    });
    Ok(FailureTable(lines.collect()))
}
