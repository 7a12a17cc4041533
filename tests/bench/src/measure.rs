//! Rounds in turn: what a side costs, beside the first.

use anyhow::{Context, Result, bail};
use bench::cpu::Clock;
use bench::world::{KEYS, ROUTES};
use std::process::Stdio;
use std::time::Duration;

use crate::ground::Ground;
use crate::load::{LoadOptions, Protocol};
use crate::metrics::Decisions;
use crate::sides::Server;
use crate::table::{self, figure, maybe, median, spread};

/// Traffic that is sent to a side.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Traffic {
    pub(crate) protocol: Protocol,
    pub(crate) keys: u64,
    pub(crate) routes: u64,
    /// Requests per second; as fast as replies come unless told.
    pub(crate) rate: Option<u32>,
    pub(crate) hostile: bool,
    /// Messages over WebSockets, each of which is echoed.
    pub(crate) websocket: bool,
}

impl Traffic {
    /// Requests of many tenants, one after the other.
    pub(crate) fn over(protocol: Protocol) -> Self {
        Self { protocol, keys: KEYS, routes: ROUTES, rate: None, hostile: false, websocket: false }
    }
}

/// A server under some traffic.
#[derive(Debug)]
pub(crate) struct Side<'a> {
    name: String,
    server: &'a Server,
    traffic: Traffic,
    /// The side to which this one adds something.
    over: Option<usize>,
}

impl<'a> Side<'a> {
    pub(crate) fn new(name: &str, server: &'a Server, traffic: Traffic) -> Self {
        Self { name: name.to_owned(), server, traffic, over: None }
    }

    /// The same, with what it adds to an earlier side told.
    pub(crate) fn over(self, earlier: usize) -> Self {
        Self { over: Some(earlier), ..self }
    }
}

/// The result line of a load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    pub(crate) requests: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

/// One turn of one side.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turn {
    /// Processor time of the measured process for each request.
    pub(crate) micros: f64,
    pub(crate) per_second: f64,
    pub(crate) sent: Sent,
    pub(crate) decisions: Decisions,
}

/// The medians of a side.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    name: String,
    micros: f64,
    /// To the first side, round by round.
    pub(crate) ratio: f64,
    /// Half the distance of the extremes of the ratio, in percent.
    spread: f64,
    added: Option<f64>,
    hit: Option<f64>,
    per_second: f64,
    p50: f64,
    p99: f64,
}

/// Gives every side its turn in every round, after one that does not count, and takes medians.
///
/// # Errors
/// When a request fails.
pub(crate) async fn rounds(sides: &[Side<'_>], ground: &Ground) -> Result<Vec<Row>> {
    let mut turns: Vec<Vec<Turn>> = vec![Vec::new(); sides.len()];
    for round in 0..=ground.pace.rounds {
        for (side, turns) in sides.iter().zip(&mut turns) {
            let turn = turn(side.server, side.traffic, ground).await;
            let turn = turn.with_context(|| side.name.clone())?;
            // The first warms pools, trees and caches.
            if round > 0 {
                turns.push(turn);
            }
        }
    }
    Ok(sides.iter().zip(&turns).map(|(side, own_turns)| row(side, own_turns, &turns)).collect())
}

fn row(side: &Side<'_>, own_turns: &[Turn], all: &[Vec<Turn>]) -> Row {
    let of = |what: fn(&Turn) -> f64| median(own_turns.iter().map(what));
    let beside = |other: usize, how: fn(f64, f64) -> f64| -> Vec<f64> {
        let other = all.get(other).into_iter().flatten();
        own_turns.iter().zip(other).map(|(turn, other)| how(turn.micros, other.micros)).collect()
    };
    let ratios = beside(0, |micros, floor| micros / floor);
    let mut decisions = Decisions::default();
    own_turns.iter().for_each(|turn| decisions += turn.decisions);
    Row {
        name: side.name.clone(),
        micros: of(|turn| turn.micros),
        ratio: median(ratios.iter().copied()),
        spread: spread(&ratios),
        added: side.over.map(|earlier| median(beside(earlier, |micros, other| micros - other))),
        hit: decisions.hit(),
        per_second: of(|turn| turn.per_second),
        p50: of(|turn| turn.sent.p50),
        p99: of(|turn| turn.sent.p99),
    }
}

/// One turn: what the server's processor time is for each request.
pub(crate) async fn turn(server: &Server, traffic: Traffic, ground: &Ground) -> Result<Turn> {
    turn_of(server, traffic, ground, ground.pace.turn).await
}

/// A turn of another length.
pub(crate) async fn turn_of(
    server: &Server,
    traffic: Traffic,
    ground: &Ground,
    during: Duration,
) -> Result<Turn> {
    let watch = Watch::start(server).await?;
    let sent = send(server, traffic, ground, during).await?;
    watch.stop(sent, during).await
}

/// Processor time and decisions since a moment.
pub(crate) struct Watch<'a> {
    server: &'a Server,
    decisions: Decisions,
    clock: Clock,
}

impl<'a> Watch<'a> {
    pub(crate) async fn start(server: &'a Server) -> Result<Self> {
        let decisions = server.decisions().await?;
        Ok(Self { server, decisions, clock: Clock::of(server.process.pid())? })
    }

    pub(crate) async fn stop(self, sent: Sent, during: Duration) -> Result<Turn> {
        let used = Clock::of(self.server.process.pid())?.since(&self.clock);
        Ok(Turn {
            micros: used.as_secs_f64() * 1e6 / sent.requests,
            per_second: sent.requests / during.as_secs_f64(),
            sent,
            decisions: self.server.decisions().await? - self.decisions,
        })
    }
}

/// Sends for some time, from a process of its own.
///
/// # Errors
/// When a request failed, or none was answered.
pub(crate) async fn send(
    server: &Server,
    traffic: Traffic,
    ground: &Ground,
    during: Duration,
) -> Result<Sent> {
    let options = LoadOptions {
        to: server.address(traffic.protocol),
        protocol: traffic.protocol,
        ca: ground.certificates().join("ca.pem"),
        millis: u64::try_from(during.as_millis())?,
        flights: ground.pace.flights,
        keys: traffic.keys,
        routes: traffic.routes,
        rate: traffic.rate,
        hostile: traffic.hostile,
        websocket: traffic.websocket,
    };

    let load = tokio::process::Command::new(std::env::current_exe()?)
        .args(options.arguments())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;

    if let Some(pid) = load.id() {
        ground.processors.rest(i32::try_from(pid)?)?;
    }

    let output = load.wait_with_output().await?;
    if !output.status.success() {
        bail!("the load failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }

    let text = String::from_utf8_lossy(&output.stdout);
    let mut numbers = text.split_whitespace().map(str::parse::<f64>);
    let mut next = || numbers.next().context("the load said too little")?.context("a number");
    let sent = Sent { requests: next()?, p50: next()?, p99: next()? };
    if sent.requests < 1.0 {
        bail!("no request was answered");
    }
    Ok(sent)
}

/// Prints a group of rows.
pub(crate) fn print(title: &str, rows: &[Row]) {
    let columns = [
        "side",
        "CPU µs/request",
        "ratio",
        "± %",
        "added µs",
        "by tree %",
        "requests/s",
        "p50 µs",
        "p99 µs",
    ];

    let cells = |row: &Row| {
        vec![
            row.name.clone(),
            figure(row.micros, 1),
            figure(row.ratio, 2),
            figure(row.spread, 1),
            maybe(row.added, 1),
            maybe(row.hit, 2),
            figure(row.per_second, 0),
            figure(row.p50, 0),
            figure(row.p99, 0),
        ]
    };

    table::print(title, &columns, &rows.iter().map(cells).collect::<Vec<_>>());
}
