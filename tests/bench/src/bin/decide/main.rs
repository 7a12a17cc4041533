//! Decides requests in process, without sockets: a gateway's inside, measured on one thread and on
//! two. A program of its own, because linking the engine takes minutes and the rest does without.
#![allow(clippy::print_stdout, reason = "it prints a line for each turn")]

mod gate;

use anyhow::Result;
use bench::cpu::of_this_thread;
use bench::world::Dice;
use clap::Parser;
use std::path::PathBuf;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use gate::{Count, Gate};
use tollgate_capability::RequestContext;

/// The gateway's own.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Options of a turn of decisions.
#[derive(Debug, Parser)]
#[command(name = "decide")]
struct DecideOptions {
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

/// Decides with one thread, with two, and with two that have a gate each and share nothing, in turn,
/// after a round that does not count; prints a line for each turn:
/// `threads gates requests wall-ns cpu-ns walked ran`.
fn main() -> Result<()> {
    let options = DecideOptions::parse();
    let gate = || Gate::new(&options.components, options.trees);
    let (gate, other) = (gate()?, gate()?);

    for round in 0..=options.rounds {
        let turns: [(usize, &[&Gate]); 3] =
            [(1, &[&gate]), (1, &[&gate, &gate]), (2, &[&gate, &other])];
        for (apart, gates) in turns {
            let turn = turn(gates, options.requests)?;
            if round > 0 {
                let Turn { requests, wall, cpu, count } = turn;
                let (wall, cpu) = (wall.as_nanos(), cpu.as_nanos());
                let threads = gates.len();
                println!(
                    "{threads} {apart} {requests} {wall} {cpu} {} {}",
                    count.walked, count.ran
                );
            }
        }
    }
    Ok(())
}

/// One thread for each of the gates.
fn turn(gates: &[&Gate], requests: usize) -> Result<Turn> {
    let together = Barrier::new(gates.len());
    let turns: Vec<Result<Turn>> = std::thread::scope(|scope| {
        let worker = |(number, gate)| {
            let together = &together;
            move || thread(gate, number, requests, together)
        };
        let gates = gates.iter().copied().enumerate();
        let started: Vec<_> = gates.map(|gate| scope.spawn(worker(gate))).collect();
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

/// Requests that are made before they are decided: few enough to be fresh in the caches, like those
/// that come from a socket, and so many that threads that begin together decide together.
const BATCH: usize = 500;

/// Makes requests, waits for the other threads, and decides, batch after batch. Only deciding counts.
fn thread(gate: &Gate, number: usize, requests: usize, together: &Barrier) -> Result<Turn> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let mut dice = Dice::new(u64::try_from(number)?);
    let mut turn = Turn::default();
    let batches = 0..requests.div_ceil(BATCH);
    let outcomes: Vec<Result<()>> = batches
        .map(|_| {
            let made: Result<Vec<_>> = (0..BATCH).map(|_| gate.context(&mut dice)).collect();
            // Whatever went wrong, the others must not wait for ever.
            together.wait();
            let runtime = runtime.as_ref().map_err(|error| anyhow::anyhow!("runtime: {error}"))?;
            runtime.block_on(turn.decide(gate, made?))
        })
        .collect();
    outcomes.into_iter().collect::<Result<()>>()?;
    Ok(turn)
}

impl Turn {
    async fn decide(&mut self, gate: &Gate, made: Vec<RequestContext>) -> Result<()> {
        #[expect(clippy::cast_precision_loss, reason = "requests of a batch are few")]
        let requests = made.len() as f64;
        let (since, used) = (Instant::now(), of_this_thread()?);
        for context in made {
            gate.decide(context, &mut self.count).await?;
        }
        self.wall += since.elapsed();
        self.cpu += of_this_thread()?.saturating_sub(used);
        self.requests += requests;
        Ok(())
    }
}
