//! Steady traffic beside a test, with every failure counted.

use crate::http::{Client, Connection, Reply};
use anyhow::{Context, Result};
use bytes::Bytes;
use http::{Request, header};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The requests of a load, its rate, and its number of keep-alive connections.
pub struct Plan {
    /// The client that reaches the server.
    pub client: Client,
    /// Makes the n-th request; its address is absolute.
    pub request: Box<dyn Fn(u64) -> Request<Bytes> + Send + Sync>,
    /// Says whether a reply is what it should be.
    pub good: Box<dyn Fn(&Reply) -> bool + Send + Sync>,
    /// Keep-alive connections.
    pub connections: u32,
    /// Requests per second over all connections; none sends as fast as replies come.
    pub rate: Option<u32>,
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plan")
            .field("connections", &self.connections)
            .field("rate", &self.rate)
            .finish_non_exhaustive()
    }
}

/// Traffic that flows until it is stopped.
#[derive(Debug)]
pub struct Load {
    stop: watch::Sender<bool>,
    workers: JoinSet<Report>,
    replies: Arc<AtomicU64>,
    since: Instant,
}

/// Counts of requests by their result.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Requests that were begun.
    pub sent: u64,
    /// Those with the reply they should have.
    pub good: u64,
    /// Replies that came but were not what they should be, by status.
    pub wrong: BTreeMap<u16, u64>,
    /// The first wrong reply's body.
    pub first_wrong: Option<String>,
    /// Connections that were refused or failed in their handshake.
    pub refused: u64,
    /// Exchanges that broke off: resets, closes without an announcement, half bodies.
    pub broken: u64,
    /// The first broken exchange's cause.
    pub first_broken: Option<String>,
    /// Exchanges without a reply within the client's limit.
    pub timed_out: u64,
    /// Connections that the server closed with an announcement (`connection: close`, GOAWAY).
    pub announced: u64,
    /// The length of the load.
    pub lasted: Duration,
    /// Reply times in microseconds, sorted.
    pub micros: Vec<u32>,
}

impl Report {
    /// Returns the number of requests that did not get the reply they should.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.refused + self.broken + self.timed_out + self.wrong.values().sum::<u64>()
    }

    /// Returns good replies per second.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    pub fn rate(&self) -> f64 {
        self.good as f64 / self.lasted.as_secs_f64().max(0.001)
    }

    /// Returns the reply time below which this share (0 to 100) of replies came.
    #[must_use]
    pub fn percentile(&self, share: u32) -> Duration {
        let last = self.micros.len().saturating_sub(1);
        let at = last * usize::try_from(share.min(100)).unwrap_or(100) / 100;
        Duration::from_micros(u64::from(self.micros.get(at).copied().unwrap_or(0)))
    }

    fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.good += other.good;
        for (status, count) in other.wrong {
            *self.wrong.entry(status).or_default() += count;
        }
        self.first_wrong = self.first_wrong.take().or(other.first_wrong);
        self.refused += other.refused;
        self.broken += other.broken;
        self.first_broken = self.first_broken.take().or(other.first_broken);
        self.timed_out += other.timed_out;
        self.announced += other.announced;
        self.micros.extend(other.micros);
    }
}

impl Load {
    /// Starts the traffic.
    #[must_use]
    pub fn start(plan: Plan) -> Self {
        let (stop, stopped) = watch::channel(false);
        let (plan, numbers, replies) = (Arc::new(plan), Arc::default(), Arc::default());
        let mut workers = JoinSet::new();
        for _ in 0..plan.connections {
            workers.spawn(work(Worker {
                plan: Arc::clone(&plan),
                numbers: Arc::clone(&numbers),
                replies: Arc::clone(&replies),
                stopped: stopped.clone(),
            }));
        }
        Self { stop, workers, replies, since: Instant::now() }
    }

    /// Returns the number of replies so far, good or not.
    #[must_use]
    pub fn replies(&self) -> u64 {
        self.replies.load(Ordering::Relaxed)
    }

    /// Waits until `count` more replies have come: for acting in the middle of traffic.
    ///
    /// # Errors
    /// When they do not come within `limit`.
    pub async fn flow(&self, count: u64, limit: Duration) -> Result<()> {
        let goal = self.replies() + count;
        let met = async || (self.replies() >= goal).then_some(());
        crate::process::eventually(&format!("{count} more replies"), limit, met).await
    }

    /// Ends the traffic after the exchanges in flight and returns the count.
    ///
    /// # Errors
    /// When a worker panicked.
    pub async fn stop(mut self) -> Result<Report> {
        let _ = self.stop.send(true);
        let mut total = Report::default();
        while let Some(part) = self.workers.join_next().await {
            total.add(part.context("a load worker")?);
        }
        total.lasted = self.since.elapsed();
        total.micros.sort_unstable();
        Ok(total)
    }
}

struct Worker {
    plan: Arc<Plan>,
    numbers: Arc<AtomicU64>,
    replies: Arc<AtomicU64>,
    stopped: watch::Receiver<bool>,
}

async fn work(mut worker: Worker) -> Report {
    let mut report = Report::default();
    let mut open = None;
    let mut pace = worker.plan.rate.map(|rate| {
        let gap = Duration::from_secs(1) * worker.plan.connections / rate.max(1);
        let mut pace = tokio::time::interval(gap);
        // Late requests are made up for, so that a stall shows as a burst and not as less traffic.
        pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
        pace
    });

    loop {
        if let Some(pace) = &mut pace {
            tokio::select! {
                _ = pace.tick() => {}
                _ = worker.stopped.changed() => {}
            }
        }

        if *worker.stopped.borrow() {
            return report;
        }

        exchange(&worker, &mut open, &mut report).await;
        worker.replies.fetch_add(1, Ordering::Relaxed);
    }
}

async fn exchange(worker: &Worker, open: &mut Option<Connection>, report: &mut Report) {
    let plan = &worker.plan;
    let request = (plan.request)(worker.numbers.fetch_add(1, Ordering::Relaxed));
    report.sent += 1;

    let mut connection = match open.take() {
        Some(connection) => connection,
        None => match plan.client.connect(request.uri()).await {
            Ok(connection) => connection,
            Err(_) => {
                report.refused += 1;
                // A refused connection must not turn the worker into a busy loop.
                tokio::time::sleep(Duration::from_millis(5)).await;
                return;
            }
        },
    };

    let since = Instant::now();
    let reply = match tokio::time::timeout(Duration::from_secs(30), connection.send(request)).await
    {
        Ok(Ok(reply)) => reply,
        Ok(Err(cause)) => {
            report.broken += 1;
            report.first_broken.get_or_insert_with(|| format!("{cause:#}"));
            return;
        }
        Err(_) => {
            report.timed_out += 1;
            return;
        }
    };

    report.micros.push(u32::try_from(since.elapsed().as_micros()).unwrap_or(u32::MAX));
    if (plan.good)(&reply) {
        report.good += 1;
    } else {
        *report.wrong.entry(reply.status.as_u16()).or_default() += 1;
        report.first_wrong.get_or_insert_with(|| reply.text());
    }

    let closes = reply.header(header::CONNECTION.as_str()).is_some_and(|value| value == "close");
    // GOAWAY closes an HTTP/2 sender for new requests: that is an announcement as well.
    if closes || (matches!(connection, Connection::H2(_)) && connection.is_closed()) {
        report.announced += 1;
    } else {
        *open = Some(connection);
    }
}
