//! Rounds in turn, medians, and the table.

use crate::sides::{Side, Sides};
use anyhow::{Context, Result, bail};
use std::process::Stdio;

/// How much is measured.
#[derive(Debug)]
pub(crate) struct Rounds {
    /// Turns of each side.
    pub(crate) rounds: usize,
    /// Length of a turn.
    pub(crate) seconds: u64,
    /// Keep-alive connections.
    pub(crate) connections: usize,
}

/// One turn of one side.
#[derive(Debug, Clone, Copy)]
struct Turn {
    cpu_micros: f64,
    per_second: f64,
    p50: f64,
    p99: f64,
}

/// Gives every side its turn in every round, after one that does not count, and prints medians.
///
/// # Errors
/// When a side fails a request.
pub(crate) async fn run(sides: Sides, rounds: &Rounds) -> Result<()> {
    let mut turns: Vec<Vec<Turn>> = vec![Vec::new(); sides.all.len()];
    for round in 0..=rounds.rounds {
        for (side, turns) in sides.all.iter().zip(&mut turns) {
            let turn = turn(side, rounds).await.with_context(|| side.name.to_owned())?;
            // The first warms pools, trees and caches.
            if round > 0 {
                turns.push(turn);
            }
        }
    }
    table(&sides.all, &turns, rounds)
}

async fn turn(side: &Side, rounds: &Rounds) -> Result<Turn> {
    let before = side.process.cpu()?;
    let output = tokio::process::Command::new(std::env::current_exe()?)
        .args(["load", "--to", &side.address.to_string()])
        .args(["--seconds", &rounds.seconds.to_string()])
        .args(["--connections", &rounds.connections.to_string()])
        .args(&side.extra)
        .stdin(Stdio::null())
        .output()
        .await?;
    let used = side.process.cpu()?.saturating_sub(before);
    if !output.status.success() {
        bail!("the load failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let mut numbers = text.split_whitespace().map(str::parse::<f64>);
    let mut next = || numbers.next().context("the load said too little")?.context("a number");
    let (requests, p50, p99) = (next()?, next()?, next()?);
    if requests < 1.0 {
        bail!("no request was answered");
    }
    #[expect(clippy::cast_precision_loss, reason = "seconds of a benchmark are few")]
    let per_second = requests / rounds.seconds as f64;
    Ok(Turn { cpu_micros: used.as_secs_f64() * 1e6 / requests, per_second, p50, p99 })
}

fn table(sides: &[Side], turns: &[Vec<Turn>], rounds: &Rounds) -> Result<()> {
    println!(
        "\nPOST, 15 headers, small JSON, HTTP/1.1 keep-alive, {} connections, one worker thread each,\n\
         in-process stores, no access log; medians of {} rounds of {} s in turn.\n",
        rounds.connections, rounds.rounds, rounds.seconds
    );
    println!(
        "| {:<34} | {:>14} | {:>7} | {:>10} | {:>7} | {:>7} | {:>6} |",
        "side", "CPU µs/request", "ratio", "requests/s", "p50 µs", "p99 µs", "RSS MB"
    );
    println!(
        "|{:-<36}|{:-<15}:|{:-<8}:|{:-<11}:|{:-<8}:|{:-<8}:|{:-<7}:|",
        "", "", "", "", "", "", ""
    );
    let mut floor = None;
    for (side, turns) in sides.iter().zip(turns) {
        let cpu = median(turns, |turn| turn.cpu_micros);
        let floor = *floor.get_or_insert(cpu);
        println!(
            "| {:<34} | {cpu:>14.1} | {:>7.2} | {:>10.0} | {:>7.0} | {:>7.0} | {:>6} |",
            side.name,
            cpu / floor,
            median(turns, |turn| turn.per_second),
            median(turns, |turn| turn.p50),
            median(turns, |turn| turn.p99),
            side.process.resident()? / 1_000_000,
        );
    }
    Ok(())
}

fn median(turns: &[Turn], of: impl Fn(&Turn) -> f64) -> f64 {
    let mut values: Vec<f64> = turns.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_whatever_the_order() {
        let turn = |cpu_micros| Turn { cpu_micros, per_second: 0.0, p50: 0.0, p99: 0.0 };
        let turns = [turn(9.0), turn(1.0), turn(5.0)];
        assert!((median(&turns, |turn| turn.cpu_micros) - 5.0).abs() < f64::EPSILON);
    }
}
