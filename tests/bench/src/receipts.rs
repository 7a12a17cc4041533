//! What receipts cost at the sampling that is usual: pairs of turns with and without, in turn.

use anyhow::{Context, Result};
use bench::rules::SIX;

use crate::ground::Ground;
use crate::groups::Judged;
use crate::load::Protocol;
use crate::measure::{self, Traffic};
use crate::sides::Setup;
use crate::table::{self, figure};

/// Pairs, where more than a look is wanted.
const PAIRS: usize = 20;
/// Most that the upper bound of the difference may be, in percent of the cost without.
const MOST: f64 = 3.0;

pub(crate) async fn run(ground: &Ground) -> Result<Vec<Judged>> {
    let on = Setup::of(&SIX).start(ground).await?;
    let off = Setup { receipts: false, ..Setup::of(&SIX) }.start(ground).await?;
    let traffic = Traffic::over(Protocol::H1);
    let pairs = if ground.pace.quick { 2 } else { PAIRS };
    let mut percents = Vec::new();
    for pair in 0..=pairs {
        // Who comes first changes, so that what drifts meets both.
        let (first, second) = if pair % 2 == 0 { (&on, &off) } else { (&off, &on) };
        let one = measure::turn(first, traffic, ground).await?.micros;
        let other = measure::turn(second, traffic, ground).await?.micros;
        let (with, without) = if pair % 2 == 0 { (one, other) } else { (other, one) };
        // The first pair warms.
        if pair > 0 {
            percents.push(100.0 * (with - without) / without);
        }
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
