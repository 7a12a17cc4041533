//! The load: keep-alive connections, each with so many requests under way at a time.

mod hostile;
mod recipe;
mod websocket;

use anyhow::{Context, Result, bail};
use bench::world::HOST;
use bytes::Bytes;
use clap::{Args, ValueEnum};
use hdrhistogram::Histogram;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio::time::{Interval, MissedTickBehavior};
use tollgate_harness::{Client, Connection};

use hostile::Stranger;
use recipe::Recipe;

/// The protocol between load and measured process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Protocol {
    /// HTTP/1.1 in clear.
    H1,
    /// HTTP/2 in clear, by prior knowledge.
    H2c,
    /// HTTP/2 by ALPN over TLS.
    Tls,
}

/// The destination and form of the load.
#[derive(Debug, Clone, Args)]
pub(crate) struct LoadOptions {
    /// Where.
    #[arg(long)]
    pub(crate) to: SocketAddr,
    /// The protocol.
    #[arg(long, value_enum)]
    pub(crate) protocol: Protocol,
    /// The authority to trust.
    #[arg(long)]
    pub(crate) ca: PathBuf,
    /// For how long.
    #[arg(long)]
    pub(crate) millis: u64,
    /// Requests under way at most; over HTTP/2, eight of them on each connection.
    #[arg(long)]
    pub(crate) flights: usize,
    /// Requests are from one of so many keys at random.
    #[arg(long)]
    pub(crate) keys: u64,
    /// Requests are for one of so many routes at random.
    #[arg(long)]
    pub(crate) routes: u64,
    /// Requests per second; as fast as replies come unless told.
    #[arg(long)]
    pub(crate) rate: Option<u32>,
    /// Each request has something that none had before, and may be refused for it.
    #[arg(long)]
    pub(crate) hostile: bool,
    /// Each request is a message over a WebSocket, and its reply the echo.
    #[arg(long)]
    pub(crate) websocket: bool,
}

impl LoadOptions {
    /// The command line of a process that carries it out.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let protocol = match self.protocol {
            Protocol::H1 => "h1",
            Protocol::H2c => "h2c",
            Protocol::Tls => "tls",
        };
        let mut all = vec!["load".to_owned(), format!("--protocol={protocol}")];
        all.push(format!("--to={}", self.to));
        all.push(format!("--ca={}", self.ca.display()));
        all.push(format!("--millis={}", self.millis));
        all.push(format!("--flights={}", self.flights));
        all.push(format!("--keys={}", self.keys));
        all.push(format!("--routes={}", self.routes));
        all.extend(self.rate.map(|rate| format!("--rate={rate}")));
        all.extend(self.hostile.then(|| "--hostile".to_owned()));
        all.extend(self.websocket.then(|| "--websocket".to_owned()));
        all
    }

    fn client(&self) -> Result<Client> {
        Ok(match self.protocol {
            Protocol::H1 => Client::h1(),
            Protocol::H2c => Client::h2(),
            Protocol::Tls => Client::h2().tls(&std::fs::read_to_string(&self.ca)?)?,
        }
        .to(self.to))
    }

    fn pace(&self) -> Option<Interval> {
        let flights = u32::try_from(self.flights).unwrap_or(u32::MAX);
        self.rate.map(|rate| {
            let mut pace = tokio::time::interval(Duration::from_secs(1) * flights / rate.max(1));
            pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
            pace
        })
    }
}

/// Sends until the time is over, then prints `requests p50 p99` (in microseconds).
///
/// # Errors
/// When a connection breaks or an answer is not a success: a benchmark of failures is none. Of
/// hostile requests, when an answer says that the server failed.
pub(crate) async fn run(options: LoadOptions) -> Result<()> {
    let client = options.client()?;
    let recipe = Recipe::new(options.protocol, options.keys, options.routes)?;
    let (end, mut workers) =
        (Instant::now() + Duration::from_millis(options.millis), JoinSet::new());

    if options.hostile {
        for number in 0..options.flights {
            let stranger = Stranger::new(client.clone(), recipe.clone(), number)?;
            workers.spawn(stranger.work(end));
        }
    } else if options.websocket {
        for _ in 0..options.flights.min(websocket::OPEN_MAX) {
            workers.spawn(websocket::work(options.to, end));
        }
    } else {
        for (number, connection) in connections(&options, &client).await?.into_iter().enumerate() {
            workers.spawn(work(connection, recipe.roll(number)?, options.pace(), end));
        }
    }

    let mut micros = histogram()?;
    while let Some(part) = workers.join_next().await {
        micros.add(part??)?;
    }

    let at = |share| micros.value_at_quantile(share);
    println!("{} {} {}", micros.len(), at(0.5), at(0.99));
    Ok(())
}

/// Returns an empty histogram of microseconds up to a minute, exact to a thousandth.
fn histogram() -> Result<Histogram<u32>> {
    Ok(Histogram::new_with_max(60_000_000, 3)?)
}

/// One for each request that may be under way; over HTTP/2, eight are streams of one connection.
async fn connections(options: &LoadOptions, client: &Client) -> Result<Vec<Connection>> {
    let uri = Uri::builder().scheme("http").authority(HOST).path_and_query("/").build()?;
    let mut open = Vec::with_capacity(options.flights);
    while open.len() < options.flights {
        let connection = client.connect(&uri).await?;
        if let Connection::H2(sender) = &connection {
            let more = STREAMS.min(options.flights - open.len()) - 1;
            open.extend((0..more).map(|_| Connection::H2(sender.clone())));
        }
        open.push(connection);
    }
    Ok(open)
}

const STREAMS: usize = 8;

async fn work(
    mut connection: Connection,
    mut recipe: Recipe,
    mut pace: Option<Interval>,
    end: Instant,
) -> Result<Histogram<u32>> {
    let mut micros = histogram()?;
    loop {
        if let Some(pace) = &mut pace {
            pace.tick().await;
        }
        if Instant::now() >= end {
            return Ok(micros);
        }

        let request = recipe.request()?;
        let since = Instant::now();
        let (status, body) = exchange(&mut connection, request).await?;
        if !status.is_success() {
            bail!("{status}: {}", String::from_utf8_lossy(&body));
        }

        micros.saturating_record(since_then(since));
    }
}

fn since_then(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}

async fn exchange(
    connection: &mut Connection,
    request: Request<Full<Bytes>>,
) -> Result<(StatusCode, Bytes)> {
    let reply = match connection {
        Connection::H1(sender) => {
            sender.ready().await?;
            sender.send_request(request).await
        }
        Connection::H2(sender) => {
            sender.ready().await?;
            sender.send_request(request).await
        }
    };
    let reply = reply.context("no reply")?;
    let status = reply.status();
    Ok((status, reply.into_body().collect().await?.to_bytes()))
}
