//! Decisions in process, without sockets: one thread and two, by trees and in the components. Beside
//! them two threads that share nothing: what this machine gives a second thread at the time.
//!
//! Each turn decides a fixed number of requests that were made before it. Speed is told by the
//! wall's clock, which a busy machine disturbs, and by the threads' own, which does not see waits
//! for a lock: the truth about a second thread is between the two.

use anyhow::{Context, Result, bail};
use std::process::Stdio;
use std::time::Duration;

use crate::ground::Ground;
use crate::groups::Judged;
use crate::metrics::Decisions;
use crate::table::{self, figure, maybe, median, spread};

/// Least that two threads may decide, as a ratio to one.
const LEAST: f64 = 1.9;

/// One turn of so many threads.
#[derive(Debug, Clone, Copy)]
struct Turn {
    threads: usize,
    gates: usize,
    requests: f64,
    wall: Duration,
    cpu: Duration,
    decisions: Decisions,
}

pub(crate) async fn run(ground: &Ground) -> Result<Vec<Judged>> {
    let (mut cells, mut judged) = (Vec::new(), Vec::new());
    for (trees, name) in [(true, "trees on"), (false, "trees off")] {
        let turns = turns(ground, trees).await?;

        let of = |threads, gates| -> Vec<Turn> {
            let is_of = |turn: &&Turn| (turn.threads, turn.gates) == (threads, gates);
            turns.iter().filter(is_of).copied().collect()
        };

        let one = of(1, 1);
        cells.push(row(&format!("{name}, 1 thread"), &one, [None; 3]));

        let mut beside = |two: &[Turn], what: &str| {
            let pairs = || one.iter().zip(two);
            let speed: Vec<f64> = pairs().map(|(one, two)| rate(two) / rate(one)).collect();
            let cpu = median(pairs().map(|(one, two)| 2.0 * micros(one) / micros(two)));
            let middle = median(speed.iter().copied());
            let ratios = [Some(middle), Some(spread(&speed)), Some(cpu)];
            cells.push(row(&format!("{name}, {what}"), two, ratios));
            middle
        };

        let middle = beside(&of(2, 1), "2 threads");
        beside(&of(2, 2), "2 threads, nothing shared");
        let what = format!("two threads to one, {name}: decisions/s");
        judged.push(Judged::least(&what, middle, 2, LEAST));
    }

    let columns = [
        "six policies, no sockets",
        "chains/s",
        "CPU µs/chain",
        "by tree %",
        "two to one, by wall",
        "± %",
        "by CPU",
    ];
    table::print("Decisions in process", &columns, &cells);
    Ok(judged)
}

fn row(name: &str, turns: &[Turn], [speed, spread, cpu]: [Option<f64>; 3]) -> Vec<String> {
    let mut decisions = Decisions::default();
    turns.iter().for_each(|turn| decisions += turn.decisions);
    vec![
        name.to_owned(),
        figure(median(turns.iter().map(rate)), 0),
        figure(median(turns.iter().map(micros)), 2),
        maybe(decisions.hit(), 2),
        maybe(speed, 2),
        maybe(spread, 1),
        maybe(cpu, 2),
    ]
}

fn rate(turn: &Turn) -> f64 {
    turn.requests / turn.wall.as_secs_f64()
}

fn micros(turn: &Turn) -> f64 {
    turn.cpu.as_secs_f64() * 1e6 / turn.requests
}

/// Lets a process of its own decide.
async fn turns(ground: &Ground, trees: bool) -> Result<Vec<Turn>> {
    let requests = match (ground.pace.quick, trees) {
        (true, _) => 500,
        (false, true) => 40_000,
        (false, false) => 10_000,
    };
    let program = std::env::current_exe()?.with_file_name("decide");
    let mut command = tokio::process::Command::new(program);
    command.arg("--components").arg(ground.components());
    command.args(trees.then_some("--trees"));
    command.args([format!("--requests={requests}"), format!("--rounds={}", ground.pace.rounds)]);
    let output =
        command.stdin(Stdio::null()).kill_on_drop(true).output().await.context("start `decide`")?;
    if !output.status.success() {
        bail!("the decisions failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    String::from_utf8_lossy(&output.stdout).lines().map(parse).collect()
}

fn parse(line: &str) -> Result<Turn> {
    let mut words = line.split(' ');
    let mut next = || words.next().context("a turn said too little");
    let (threads, gates) = (next()?.parse()?, next()?.parse()?);
    let requests = next()?.parse()?;
    let (wall, cpu) = (next()?.parse()?, next()?.parse()?);
    Ok(Turn {
        threads,
        gates,
        requests,
        wall: Duration::from_nanos(wall),
        cpu: Duration::from_nanos(cpu),
        decisions: Decisions { tree: next()?.parse()?, wasm: next()?.parse()? },
    })
}
