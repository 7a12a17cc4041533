//! One worker thread and two, end to end.

use anyhow::Result;

use crate::ground::Ground;
use crate::groups::Judged;
use crate::load::Protocol;
use crate::measure::{self, Side, Traffic};
use crate::sides::Setup;

/// Most that a request may cost with two workers, as a ratio to one.
const MOST: f64 = 1.05;

pub(crate) async fn run(ground: &Ground) -> Result<Vec<Judged>> {
    let mut judged = Vec::new();
    for (trees, name) in [(true, "warm"), (false, "trees off")] {
        let free = Setup { trees, has_first: false, ..Setup::six() };
        let one = free.start(ground).await?;
        let two = Setup { workers: 2, ..free }.start(ground).await?;
        let traffic = Traffic::over(Protocol::H1);
        let sides =
            [Side::new("one worker", &one, traffic), Side::new("two workers", &two, traffic)];
        let rows = measure::rounds(&sides, ground).await?;
        measure::print(&format!("Workers: six policies, {name}, HTTP/1.1"), &rows);
        let two = rows.last().map(|row| row.ratio).unwrap_or(f64::NAN);
        let what = format!("two workers to one, {name}: ratio of CPU/request");
        judged.push(Judged::most(&what, two, 2, MOST));
    }
    Ok(judged)
}
