//! Decisions in process, without sockets: one thread and two, by trees and in the components.
//!
//! Each turn decides a fixed number of requests that were made before it. Speed is told by the
//! wall's clock, which a busy machine disturbs, and by the threads' own, which does not see waits
//! for a lock: the truth about a second thread is between the two.

mod gate;

use anyhow::{Context, Result, bail};
use clap::Args;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use crate::cpu::of_this_thread;
use crate::ground::Ground;
use crate::groups::Judged;
use crate::table::{self, figure, median, spread};
use crate::world::Dice;
use gate::{Count, Gate};

/// Least that two threads may decide, as a ratio to one.
const LEAST: f64 = 1.9;

/// What to decide.
#[derive(Debug, Clone, Args)]
pub(crate) struct Order {
    /// The folder of the components.
    #[arg(long)]
    components: PathBuf,
    /// Decide by trees where they can.
    #[arg(long)]
    trees: bool,
    /// Requests of each thread in each turn.
    #[arg(long)]
    requests: usize,
    /// Turns that count.
    #[arg(long)]
    rounds: usize,
}

/// One turn of so many threads.
#[derive(Debug, Clone, Copy, Default)]
struct Turn {
    requests: f64,
    wall: Duration,
    cpu: Duration,
    count: Count,
}

/// Decides with one thread and with two in turn, after a round that does not count; prints a line
/// for each turn: `threads requests wall-ns cpu-ns walked ran`.
///
/// # Errors
/// When a request is not passed, or a component does not load.
pub(crate) fn decide(order: &Order) -> Result<()> {
    let gate = Gate::new(&order.components, order.trees)?;
    for round in 0..=order.rounds {
        for threads in [1, 2] {
            let turn = turn(&gate, threads, order.requests)?;
            if round > 0 {
                let Turn { requests, wall, cpu, count } = turn;
                let (wall, cpu) = (wall.as_nanos(), cpu.as_nanos());
                println!("{threads} {requests} {wall} {cpu} {} {}", count.walked, count.ran);
            }
        }
    }
    Ok(())
}

fn turn(gate: &Gate, threads: usize, requests: usize) -> Result<Turn> {
    let together = Barrier::new(threads);
    let turns: Vec<Result<Turn>> = std::thread::scope(|scope| {
        let own = |number| {
            let together = &together;
            move || thread(gate, number, requests, together)
        };
        let started: Vec<_> = (0..threads).map(|number| scope.spawn(own(number))).collect();
        let panicked = |_| Err(anyhow::anyhow!("a thread panicked"));
        started.into_iter().map(|thread| thread.join().unwrap_or_else(panicked)).collect()
    });
    let mut sum = Turn::default();
    for turn in turns {
        let turn = turn?;
        sum.requests += turn.requests;
        sum.wall = sum.wall.max(turn.wall);
        sum.cpu += turn.cpu;
        sum.count.walked += turn.count.walked;
        sum.count.ran += turn.count.ran;
    }
    Ok(sum)
}

/// Makes requests, waits for the other threads, and decides.
fn thread(gate: &Gate, number: usize, requests: usize, together: &Barrier) -> Result<Turn> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let mut dice = Dice::new(u64::try_from(number)?);
    let made: Result<Vec<_>> = (0..requests).map(|_| gate.opening(&mut dice)).collect();
    // Whatever went wrong, the others must not wait for ever.
    together.wait();
    let (runtime, made) = (runtime?, made?);
    let (since, used) = (Instant::now(), of_this_thread()?);
    let mut count = Count::default();
    runtime.block_on(async {
        for opening in made {
            gate.decide(opening, &mut count).await?;
        }
        anyhow::Ok(())
    })?;
    let (wall, cpu) = (since.elapsed(), of_this_thread()?.saturating_sub(used));
    #[expect(clippy::cast_precision_loss, reason = "requests of a turn are few")]
    let requests = requests as f64;
    Ok(Turn { requests, wall, cpu, count })
}

pub(crate) async fn run(ground: &Ground) -> Result<Vec<Judged>> {
    let (mut cells, mut judged) = (Vec::new(), Vec::new());
    for (trees, name) in [(true, "trees on"), (false, "trees off")] {
        let turns = turns(ground, trees).await?;
        let of = |wanted: usize| {
            turns.iter().filter(move |(threads, _)| *threads == wanted).map(|(_, turn)| *turn)
        };
        let ratios = |how: fn(&Turn, &Turn) -> f64| -> Vec<f64> {
            of(1).zip(of(2)).map(|(one, two)| how(&one, &two)).collect()
        };
        let speed = ratios(|one, two| rate(two) / rate(one));
        let cpu = ratios(|one, two| 2.0 * micros(one) / micros(two));
        for threads in [1, 2] {
            let mut count = Count::default();
            of(threads).for_each(|turn| {
                count.walked += turn.count.walked;
                count.ran += turn.count.ran;
            });
            let two = threads == 2;
            let ratio = |ratios: &[f64]| two.then(|| median(ratios.iter().copied()));
            cells.push(vec![
                format!("{name}, {threads} thread{}", if two { "s" } else { "" }),
                figure(median(of(threads).map(|turn| rate(&turn))), 0),
                figure(median(of(threads).map(|turn| micros(&turn))), 2),
                table::maybe(ratio(&speed), 2),
                table::maybe(two.then(|| spread(&speed)), 1),
                table::maybe(ratio(&cpu), 2),
                figure(count.hit(), 2),
            ]);
        }
        let median = median(speed.iter().copied());
        judged.push(Judged::least(
            &format!("two threads to one, {name}: decisions/s"),
            median,
            2,
            LEAST,
        ));
    }
    let columns = [
        "six policies, no sockets",
        "chains/s",
        "CPU µs/chain",
        "two to one, by wall",
        "± %",
        "by CPU",
        "by tree %",
    ];
    table::print("Decisions in process", &columns, &cells);
    Ok(judged)
}

fn rate(turn: &Turn) -> f64 {
    turn.requests / turn.wall.as_secs_f64()
}

fn micros(turn: &Turn) -> f64 {
    turn.cpu.as_secs_f64() * 1e6 / turn.requests
}

/// Lets a process of its own decide.
async fn turns(ground: &Ground, trees: bool) -> Result<Vec<(usize, Turn)>> {
    let requests = match (ground.pace.quick, trees) {
        (true, _) => 500,
        (false, true) => 40_000,
        (false, false) => 10_000,
    };
    let mut command = tokio::process::Command::new(std::env::current_exe()?);
    command.arg("decide").arg("--components").arg(ground.components());
    command.args(trees.then_some("--trees"));
    command.args([format!("--requests={requests}"), format!("--rounds={}", ground.pace.rounds)]);
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await?;
    if !output.status.success() {
        bail!("the decisions failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    String::from_utf8_lossy(&output.stdout).lines().map(parse).collect()
}

fn parse(line: &str) -> Result<(usize, Turn)> {
    let mut words = line.split(' ');
    let mut next = || words.next().context("a turn said too little");
    let threads = next()?.parse()?;
    let requests = next()?.parse()?;
    let (wall, cpu) = (next()?.parse()?, next()?.parse()?);
    let (wall, cpu) = (Duration::from_nanos(wall), Duration::from_nanos(cpu));
    let count = Count { walked: next()?.parse()?, ran: next()?.parse()? };
    Ok((threads, Turn { requests, wall, cpu, count }))
}
