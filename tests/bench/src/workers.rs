//! One worker thread and two, end to end; beside them those of the bare proxy: what a second worker
//! costs on this machine whatever it does.

use anyhow::Result;

use crate::ground::Ground;
use crate::groups::Judged;
use crate::load::Protocol;
use crate::measure::{self, Side, Traffic};
use crate::sides::{self, Setup};

/// Most that a request may cost with two workers, as a ratio to one.
const MOST: f64 = 1.05;

pub(crate) async fn run(ground: &Ground) -> Result<Vec<Judged>> {
    let mut judged = Vec::new();
    let traffic = Traffic::over(Protocol::H1);

    let bare = |workers| sides::bare(ground.upstream, ground.certificates(), workers);
    let (one, two) = (bare(1).await?, bare(2).await?);
    let both = [Side::new("one worker", &one, traffic), Side::new("two workers", &two, traffic)];
    let rows = measure::rounds(&both, ground).await?;
    measure::print("Workers: bare hyper proxy, HTTP/1.1", &rows);
    drop((one, two));

    for (trees, name) in [(true, "warm"), (false, "trees off")] {
        let free = Setup { trees, has_first: false, ..Setup::six() };
        let one = free.start(ground).await?;
        let two = Setup { workers: 2, ..free }.start(ground).await?;

        let both =
            [Side::new("one worker", &one, traffic), Side::new("two workers", &two, traffic)];
        let rows = measure::rounds(&both, ground).await?;
        measure::print(&format!("Workers: six policies, {name}, HTTP/1.1"), &rows);

        let two = rows.last().map(|row| row.ratio).unwrap_or(f64::NAN);
        let what = format!("two workers to one, {name}: ratio of CPU/request");
        judged.push(Judged::most(&what, two, 2, MOST));
    }
    Ok(judged)
}
