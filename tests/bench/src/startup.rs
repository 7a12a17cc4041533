//! From the start of the process to the first answer through the six policies; and memory.

use anyhow::{Result, bail};
use bench::world::{HOST, key, path};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tollgate_harness::Client;

use crate::ground::Ground;
use crate::groups::Judged;
use crate::growth::megabytes;
use crate::load::Protocol;
use crate::measure::{self, Traffic};
use crate::sides::{SOON, Server, Setup, Unready};
use crate::table::{self, figure, median};

/// Most milliseconds to the first answer, with compiled components at hand.
const START_MOST: f64 = 150.0;
/// Most resident memory without requests, and under load, in megabytes.
const IDLE_MOST: f64 = 60.0;
const LOADED_MOST: f64 = 120.0;
/// Keys of these rows: what is told is the gateway's start, not the reading of keys.
const KEYS: u64 = 100;

pub(crate) async fn run(ground: &Ground) -> Result<Vec<Judged>> {
    let starts = if ground.pace.quick { 1 } else { 10 };
    let (mut cold, mut warm) = (Vec::new(), Vec::new());

    for _ in 0..starts {
        let fresh = tempfile::tempdir()?;
        let cache = ground.cache().map(|_| fresh.path().to_owned());
        cold.push(start(ground, cache).await?.0);
    }

    if ground.cache().is_some() {
        for round in 0..=starts {
            let took = start(ground, None).await?.0;
            // The first fills the folder.
            warm.extend((round > 0).then_some(took));
        }
    }

    let mut judged = Vec::new();
    let mut cells = vec![row("nothing compiled before", &cold)];
    if !warm.is_empty() {
        cells.push(row("compiled components at hand", &warm));
        let took = median(warm.iter().copied());
        judged.push(Judged::most("start to first answer, compiled: ms", took, 0, START_MOST));
    }

    let columns = ["six policies", "median ms", "least ms", "most ms", "starts"];
    table::print("Start to first answer", &columns, &cells);
    judged.extend(memory(ground).await?);
    Ok(judged)
}

fn row(name: &str, took: &[f64]) -> Vec<String> {
    let least = took.iter().copied().fold(f64::INFINITY, f64::min);
    let most = took.iter().copied().fold(0.0, f64::max);
    let figures = [median(took.iter().copied()), least, most].map(|ms| figure(ms, 0));
    [name.to_owned()].into_iter().chain(figures).chain([took.len().to_string()]).collect()
}

/// Starts a gateway; milliseconds until the first success.
async fn start(ground: &Ground, cache: Option<PathBuf>) -> Result<(f64, Unready)> {
    let setup = Setup { keys: KEYS, cache, ..Setup::six() };
    let gateway = setup.prepare(ground)?.start(ground).await?;
    let client = Client::h1().to(gateway.address());
    let (url, key) = (format!("http://{HOST}{}", path(0)), format!("Bearer {}", key(0)));
    let headers = [("authorization", key.as_str())];
    let end = Instant::now() + SOON;
    loop {
        let reply = client.post(&url, &headers, "{}").await;
        if reply.is_ok_and(|reply| reply.status.is_success()) {
            return Ok((gateway.since().elapsed().as_secs_f64() * 1e3, gateway));
        }
        if Instant::now() > end {
            bail!("no answer in time");
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Resident memory without requests, and after rounds of them.
async fn memory(ground: &Ground) -> Result<Vec<Judged>> {
    let (mut cells, mut figures) = (Vec::new(), Vec::new());
    for (records, name) in [(100_000, "as many records as by default"), (1_000, "1,000 records")] {
        let server = Setup { records, ..Setup::six() }.start(ground).await?;
        let idle = server.process.resident()?;
        let (loaded, micros) = load(&server, ground).await?;
        let name = format!("six policies, {name}");
        cells.push(vec![name, megabytes(idle), megabytes(loaded), figure(micros, 1)]);

        figures.push([idle, loaded].map(|bytes| {
            #[expect(clippy::cast_precision_loss, reason = "bytes of a process")]
            let megabytes = bytes as f64 / 1e6;
            megabytes
        }));
    }

    table::print(
        "Resident memory",
        &["side", "idle MB", "under load MB", "CPU µs/request"],
        &cells,
    );

    let Some([idle, loaded]) = figures.first() else { return Ok(Vec::new()) };
    Ok(vec![
        Judged::most("resident memory, idle: MB", *idle, 0, IDLE_MOST),
        Judged::most("resident memory, under load: MB", *loaded, 0, LOADED_MOST),
    ])
}

/// The most bytes that it had resident after a turn, and what a request cost.
async fn load(server: &Server, ground: &Ground) -> Result<(u64, f64)> {
    let (mut most, mut micros) = (0, Vec::new());
    for _ in 0..ground.pace.rounds {
        micros.push(measure::turn(server, Traffic::over(Protocol::H1), ground).await?.micros);
        most = most.max(server.process.resident()?);
    }
    Ok((most, median(micros)))
}
