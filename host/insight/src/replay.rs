//! Replays of recorded receipts: what a change of rules would change. Receipts that a running gateway kept are decided again by
//! the policies of a candidate folder, which are given the answers that were recorded. No answer is
//! ever made up: a question that was not recorded leaves its verdict undecided, and is told.

mod candidates;
mod fed;
mod file;
mod judge;
mod report;

use std::path::Path;

use tollgate_config::Config;

use crate::Error;
use candidates::CandidatePolicies;
pub use file::RecordingWriter;
use judge::Judge;
pub use report::Report;

/// Decides every receipt of a recording again by the rules of `config`. Changes that are written
/// in `expected` as the report prints them count for no exit code. Compiling blocks: this is for
/// tools, not for serving threads.
///
/// # Errors
/// The recording cannot be read, or a component of the candidate's cannot be used.
pub async fn replay(
    config: &Config,
    recording: &Path,
    expected: &[String],
) -> Result<Report, Error> {
    let candidates = CandidatePolicies::load(config)?;
    let judge = Judge::new(config, &candidates);
    let mut report = Report::new(expected);
    for line in file::read(recording)? {
        match line? {
            file::Line::Receipt(form) => judge.judge(&form, &mut report).await,
            file::Line::Lost(lost) => report.lost(lost),
        }
    }
    Ok(report)
}
