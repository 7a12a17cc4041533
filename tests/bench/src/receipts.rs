//! The cost of receipts at the usual sampling: pairs of turns with and without, in alternation.

use anyhow::{Context, Result};
use bench::rules::SIX;

use crate::ground::Ground;
use crate::groups::Judged;
use crate::load::Protocol;
use crate::measure::{self, Traffic};
use crate::sides::{Server, Setup};
use crate::table::{self, figure, median};

/// Pairs, where more than a look is wanted.
const PAIRS: usize = 20;
/// Turns of each side in a pair, half as long as elsewhere: what disturbs the machine for a moment
/// meets one of them, and their median leaves it out.
const TURNS: usize = 6;
/// Most that the upper bound of the difference may be, in percent of the cost without.
const MOST: f64 = 3.0;

pub(crate) async fn run(ground: &Ground) -> Result<Vec<Judged>> {
    let on = Setup::of(&SIX).start(ground).await?;
    let off = Setup { receipts: false, ..Setup::of(&SIX) }.start(ground).await?;
    let pairs = if ground.pace.quick { 2 } else { PAIRS };
    // The first pair warms.
    pair(&on, &off, ground).await?;
    let mut percents = Vec::with_capacity(pairs);
    for _ in 0..pairs {
        percents.push(pair(&on, &off, ground).await?);
    }
    let bound = Bound::of(&percents).context("at least two pairs")?;
    let cells = [vec![
        format!("receipts on, to off: {pairs} pairs"),
        figure(bound.mean, 2),
        figure(bound.upper, 2),
    ]];
    table::print("Receipts: CPU/request", &["what", "mean %", "upper 95 % bound, %"], &cells);
    let what = "receipts at the usual sampling: upper bound, %";
    Ok(vec![Judged::most(what, bound.upper, 2, MOST)])
}

/// Measures one pair and returns what receipts add, in percent.
async fn pair(on: &Server, off: &Server, ground: &Ground) -> Result<f64> {
    let traffic = Traffic::over(Protocol::H1);
    let turns = if ground.pace.quick { 1 } else { TURNS };
    let (mut with, mut without) = (Vec::with_capacity(turns), Vec::with_capacity(turns));
    for turn in 0..turns {
        // Who comes first changes, so that what drifts meets both.
        let is_first = turn % 2 == 0;
        for is_on in [is_first, !is_first] {
            let (server, micros) = if is_on { (on, &mut with) } else { (off, &mut without) };
            let half = ground.pace.turn / 2;
            micros.push(measure::turn_of(server, traffic, ground, half).await?.micros);
        }
    }
    let (with, without) = (median(with), median(without));
    Ok(100.0 * (with - without) / without)
}

/// A mean, and what it is below with 95 % confidence.
struct Bound {
    mean: f64,
    upper: f64,
}

impl Bound {
    /// By Student's t, one-sided.
    #[expect(clippy::cast_precision_loss, reason = "a count of pairs")]
    fn of(values: &[f64]) -> Option<Self> {
        let count = values.len() as f64;
        if values.len() < 2 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / count;
        let variance =
            values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
        // 19 degrees of freedom; few pairs are a look only, and one degree's is as honest as any.
        let t = if values.len() >= PAIRS { 1.729 } else { 6.314 };
        Some(Self { mean, upper: mean + t * (variance / count).sqrt() })
    }
}
