//! Normal traffic at a modest rate beside strangers at full speed, in whose every request
//! something is new: what becomes of the trees, of memory, and of the normal traffic after.

use anyhow::{Context, Result};

use crate::ground::Ground;
use crate::groups::Judged;
use crate::growth::megabytes;
use crate::load::Protocol;
use crate::measure::{self, Sent, Traffic, Turn, Watch};
use crate::metrics::{Decisions, Metrics};
use crate::sides::{Server, Setup};
use crate::table::{self, figure, maybe, median};

/// Normal requests in a second.
const RATE: u32 = 1_000;
/// Bytes that a tree may have where the configuration says nothing.
const TREE_BYTES_MAX: f64 = 4_194_304.0;
/// Least percent of the normal traffic's decisions that are walks right after an attack.
const HIT_LEAST: f64 = 99.0;

/// The phases of a round, in order.
const PHASES: [&str; 4] = [
    "normal traffic, before",
    "normal and hostile at once",
    "normal traffic, right after",
    "hostile alone",
];

pub(crate) async fn run(ground: &Ground) -> Result<Vec<Judged>> {
    // Few records, so that memory grows by what strangers leave and not by operations.
    let server = Setup { records: 1_000, ..Setup::six() }.start(ground).await?;

    let full = Traffic::over(Protocol::H1);
    let normal = Traffic { rate: Some(RATE), ..full };
    let hostile = Traffic { hostile: true, ..full };

    measure::turn(&server, full, ground).await?;
    let before = server.process.resident()?;
    let mut phases: [Vec<Turn>; 4] = Default::default();

    for _ in 0..ground.pace.rounds {
        let round = [
            measure::turn(&server, normal, ground).await?,
            both(&server, normal, hostile, ground).await?,
            measure::turn(&server, normal, ground).await?,
            measure::turn(&server, hostile, ground).await?,
        ];
        phases.iter_mut().zip(round).for_each(|(phase, turn)| phase.push(turn));
    }

    let cells: Vec<_> = PHASES.iter().zip(&phases).map(|(name, turns)| row(name, turns)).collect();
    let columns = ["six policies", "CPU µs/request", "by tree %", "requests/s", "p50 µs", "p99 µs"];
    table::print("Attack: unique hosts, origins, paths, keys and headers", &columns, &cells);
    print_remains(&server, before).await?;

    let after = hit(&phases[2]).unwrap_or(f64::NAN);
    Ok(vec![Judged::least("normal traffic right after an attack: by tree %", after, 1, HIT_LEAST)])
}

/// Normal and hostile requests at once, and what both cost together.
async fn both(server: &Server, normal: Traffic, hostile: Traffic, ground: &Ground) -> Result<Turn> {
    let during = ground.pace.turn * 2;
    let watch = Watch::start(server).await?;
    let (own, other) = tokio::join!(
        measure::send(server, normal, ground, during),
        measure::send(server, hostile, ground, during),
    );
    let (own, other) = (own.context("normal")?, other.context("hostile")?);
    // The waiting times are those of normal requests.
    let sent = Sent { requests: own.requests + other.requests, ..own };
    watch.stop(sent, during).await
}

fn hit(turns: &[Turn]) -> Option<f64> {
    let mut decisions = Decisions::default();
    turns.iter().for_each(|turn| decisions += turn.decisions);
    decisions.hit()
}

fn row(name: &str, turns: &[Turn]) -> Vec<String> {
    let of = |what: fn(&Turn) -> f64| median(turns.iter().map(what));
    vec![
        name.to_owned(),
        figure(of(|turn| turn.micros), 1),
        maybe(hit(turns), 2),
        figure(of(|turn| turn.per_second), 0),
        figure(of(|turn| turn.sent.p50), 0),
        figure(of(|turn| turn.sent.p99), 0),
    ]
}

/// Prints the memory and the trees that remain after the strangers' requests.
async fn print_remains(server: &Server, before: u64) -> Result<()> {
    let metrics = Metrics::read(server.admin.context("a gateway")?).await?;
    let largest = |name| metrics.values(name, "").fold(0.0, f64::max);
    let after = server.process.resident()?;
    let cells = [
        ("resident memory before, MB", megabytes(before)),
        ("resident memory after, MB", megabytes(after)),
        ("largest tree, bytes", figure(largest("tollgate_tree_bytes"), 0)),
        ("most that a tree may have, bytes", figure(TREE_BYTES_MAX, 0)),
        ("most nodes of a tree", figure(largest("tollgate_tree_nodes"), 0)),
        ("trees off", figure(metrics.values("tollgate_tree_off", "").sum(), 0)),
    ];
    let cells = cells.map(|(name, value)| vec![name.to_owned(), value]);
    table::print("Attack: what is left", &["what", "figure"], &cells);
    Ok(())
}
