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

/// The gateway's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What to decide.
#[derive(Debug, Parser)]
#[command(name = "decide")]
struct Order {
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
fn main() -> Result<()> {
    let order = Order::parse();
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
