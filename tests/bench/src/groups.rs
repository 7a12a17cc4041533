//! The groups of rows, one file each, and what is compared with the budgets at the end.

use anyhow::Result;
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

use crate::ground::{Ground, Pace};
use crate::table::{self, figure};
use crate::{
    alone, attack, growth, languages, protocols, receipts, startup, threads, transcode, workers,
};

/// Options of a measurement.
#[derive(Debug, Args)]
pub(crate) struct MeasureOptions {
    /// The gateway's binary; `tollgate` beside this one unless told.
    #[arg(long)]
    pub(crate) gateway: Option<PathBuf>,
    /// The folder of the components; `plugins` in the build folder unless told.
    #[arg(long)]
    pub(crate) components: Option<PathBuf>,
    /// Tell gateways of a folder for compiled components (`[engine] compiled_cache`).
    #[arg(long)]
    pub(crate) compiled_cache: bool,
    /// One short round, few keys and routes: to see that every row is there.
    #[arg(long)]
    quick: bool,
    /// Only these groups of rows.
    #[arg(long, value_enum)]
    only: Vec<Group>,
    /// Seconds of load for each side in each round.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Rounds, in each of which every side has its turn.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Requests that may be under way.
    #[arg(long, default_value_t = 32)]
    flights: usize,
}

impl MeasureOptions {
    /// Returns the rounds and their length.
    pub(crate) fn pace(&self) -> Pace {
        let (turn, rounds) = if self.quick {
            (Duration::from_millis(100), 1)
        } else {
            (Duration::from_secs_f64(self.seconds.clamp(0.1, 600.0)), self.rounds.max(1))
        };
        // Eight streams make an HTTP/2 connection.
        let flights = self.flights.clamp(8, 4_096).next_multiple_of(8);
        Pace { rounds, turn, flights, quick: self.quick }
    }
}

/// A group of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Group {
    /// HTTP/1.1, h2c and TLS: no policies, six, six without trees.
    Protocols,
    /// Each policy by itself.
    Alone,
    /// Many routes, many keys.
    Growth,
    /// JSON → gRPC → JSON.
    Transcode,
    /// One worker and two.
    Workers,
    /// Decisions in process on one thread and two.
    Threads,
    /// From the start to the first answer; memory.
    Startup,
    /// Normal traffic beside hostile.
    Attack,
    /// The same policy in Rust and in C.
    Languages,
    /// With receipts and without.
    Receipts,
}

/// A figure that has a budget.
#[derive(Debug)]
pub(crate) struct Judged {
    what: String,
    measured: f64,
    digits: usize,
    budget: f64,
    /// True if the budget is a lower bound.
    least: bool,
}

impl Judged {
    /// A figure that is at most its budget.
    pub(crate) fn most(what: &str, measured: f64, digits: usize, budget: f64) -> Self {
        Self { what: what.to_owned(), measured, digits, budget, least: false }
    }

    /// A figure that is at least its budget.
    pub(crate) fn least(what: &str, measured: f64, digits: usize, budget: f64) -> Self {
        Self { least: true, ..Self::most(what, measured, digits, budget) }
    }

    fn cells(&self) -> Vec<String> {
        let kept =
            if self.least { self.measured >= self.budget } else { self.measured <= self.budget };
        vec![
            self.what.clone(),
            figure(self.measured, self.digits),
            if self.least { "least" } else { "most" }.to_owned(),
            figure(self.budget, self.digits),
            if kept { "yes" } else { "no" }.to_owned(),
        ]
    }
}

/// Measures the groups one after the other, and prints each when it is done.
///
/// # Errors
/// When a process does not start, or a request fails.
pub(crate) async fn run(options: MeasureOptions) -> Result<()> {
    let ground = Ground::new(&options).await?;
    let Pace { rounds, turn, flights, .. } = ground.pace;

    println!(
        "POST, 15 headers, small JSON; keys and routes at random; identifier and operation of each \
         request its own;\n{flights} requests under way (HTTP/2: 8 on a connection); one worker \
         thread each; stores in memory; no access log.\nMedians of {rounds} rounds of {} s in turn \
         after one that does not count. CPU is the measured process's own; ratios are to the first \
         row of a table, round by round.",
        turn.as_secs_f64()
    );

    let mut judged = Vec::new();
    for group in Group::value_variants() {
        if options.only.is_empty() || options.only.contains(group) {
            judged.extend(measure(*group, &ground).await?);
        }
    }

    let cells: Vec<_> = judged.iter().map(Judged::cells).collect();
    if !cells.is_empty() {
        table::print("Budgets", &["what", "measured", "at", "budget", "kept"], &cells);
    }
    Ok(())
}

// Boxed, so that the future of all groups stays small.
async fn measure(group: Group, ground: &Ground) -> Result<Vec<Judged>> {
    match group {
        Group::Protocols => Box::pin(protocols::run(ground)).await,
        Group::Alone => Box::pin(alone::run(ground)).await,
        Group::Growth => Box::pin(growth::run(ground)).await,
        Group::Transcode => Box::pin(transcode::run(ground)).await,
        Group::Workers => Box::pin(workers::run(ground)).await,
        Group::Threads => Box::pin(threads::run(ground)).await,
        Group::Startup => Box::pin(startup::run(ground)).await,
        Group::Attack => Box::pin(attack::run(ground)).await,
        Group::Languages => Box::pin(languages::run(ground)).await,
        Group::Receipts => Box::pin(receipts::run(ground)).await,
    }
}
