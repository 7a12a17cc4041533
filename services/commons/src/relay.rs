//! Outbox to broker: at least once, in the order of each stream, with no cursor to lose rows behind.
//!
//! A pass leases one partition by a row lock, tells what waits there (streams side by side, each in
//! its order), marks what the broker acknowledged, and commits. A stream whose event was refused is
//! parked for a while; the others go on. The lease ends with its connection, so a relay that dies
//! leaves nothing behind but an event told twice under the same `event_id`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::kafka::Publisher;
use crate::outbox::{self, Pending};
use crate::store;

const BATCH: i64 = 500;
const STREAMS_AT_ONCE: usize = 64;
const PARKED_MAX: usize = 1000;
const IDLE: Duration = Duration::from_millis(100);
const BACK_OFF_MAX: Duration = Duration::from_secs(10);
const MEASURE_EVERY: Duration = Duration::from_secs(5);
const PASS_MAX: Duration = Duration::from_secs(25);

/// Tells the broker what the outbox holds.
#[derive(Debug)]
pub struct Relay {
    pool: PgPool,
    publisher: Arc<dyn Publisher>,
    parked: HashMap<String, Parked>,
    turn: i16,
}

/// What one pass did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    /// Events that the broker acknowledged.
    pub told: usize,
    /// Streams that stopped at an event it did not.
    pub stopped: usize,
}

#[derive(Debug, Clone, Copy)]
struct Parked {
    until: Instant,
    back_off: Duration,
}

impl Relay {
    /// A relay between this database and this broker. Several may run: each partition has one at a
    /// time.
    #[must_use]
    pub fn new(pool: PgPool, publisher: Arc<dyn Publisher>) -> Self {
        Self { pool, publisher, parked: HashMap::new(), turn: 0 }
    }

    /// Runs until told to end; the pass under way is finished first.
    pub async fn run(mut self, ending: CancellationToken) {
        let mut back_off = IDLE;
        let mut measured: Option<Instant> = None;
        while !ending.is_cancelled() {
            if measured.is_none_or(|at| at.elapsed() >= MEASURE_EVERY) {
                measured = Some(Instant::now());
                self.measure().await;
            }
            let pause = match tokio::time::timeout(PASS_MAX, self.pass()).await {
                Ok(Ok(Pass { told: 0, stopped: 0 })) => {
                    back_off = IDLE;
                    IDLE
                }
                Ok(Ok(Pass { told: 0, .. })) => grow(&mut back_off),
                Ok(Ok(_)) => {
                    back_off = IDLE;
                    Duration::ZERO
                }
                Ok(Err(error)) => {
                    tracing::warn!(%error, "relay: the outbox cannot be read");
                    grow(&mut back_off)
                }
                Err(_) => grow(&mut back_off),
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = ending.cancelled() => {}
            }
        }
    }

    /// Tells what waits in one partition.
    ///
    /// # Errors
    /// When the database fails; the broker's failures are counted in [`Pass::stopped`].
    pub async fn pass(&mut self) -> Result<Pass, store::Error> {
        let parked = self.parked_now();
        let mut transaction = self.pool.begin().await.map_err(store::Error::doing("begin"))?;
        self.turn = (self.turn + 1) % 16;
        let Some(partition) = outbox::lease(&mut transaction, self.turn, &parked).await? else {
            return Ok(Pass { told: 0, stopped: 0 });
        };
        let rows = outbox::pending(&mut transaction, partition, &parked, BATCH).await?;
        let (told, stopped) = self.tell(rows).await;
        outbox::mark(&mut transaction, &told).await?;
        transaction.commit().await.map_err(store::Error::doing("commit"))?;
        metrics::counter!("outbox_published_total").increment(told.len() as u64);
        for row in &told {
            self.parked.remove(&row.stream_id);
        }
        let pass = Pass { told: told.len(), stopped: stopped.len() };
        for stream_id in stopped {
            self.park(stream_id);
        }
        Ok(pass)
    }

    async fn tell(&self, rows: Vec<Pending>) -> (Vec<Pending>, Vec<String>) {
        let outcomes: Vec<_> = stream::iter(by_stream(rows))
            .map(|rows| self.tell_stream(rows))
            .buffer_unordered(STREAMS_AT_ONCE)
            .collect()
            .await;
        let mut told = Vec::new();
        let mut stopped = Vec::new();
        for (done, stop) in outcomes {
            told.extend(done);
            stopped.extend(stop);
        }
        (told, stopped)
    }

    /// One after the other: what follows an event that was refused must not overtake it.
    async fn tell_stream(&self, rows: Vec<Pending>) -> (Vec<Pending>, Option<String>) {
        let mut told = Vec::with_capacity(rows.len());
        for row in rows {
            if let Err(error) = self.publisher.publish(&row).await {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::warn!(%error, cause, stream_id = row.stream_id, "relay: not acknowledged");
                metrics::counter!("outbox_refused_total").increment(1);
                return (told, Some(row.stream_id));
            }
            told.push(row);
        }
        (told, None)
    }

    fn parked_now(&mut self) -> Vec<String> {
        let now = Instant::now();
        self.parked.iter().filter(|(_, p)| p.until > now).map(|(id, _)| id.clone()).collect()
    }

    fn park(&mut self, stream_id: String) {
        if self.parked.len() >= PARKED_MAX && !self.parked.contains_key(&stream_id) {
            return;
        }
        let before = self.parked.get(&stream_id).map_or(IDLE, |parked| parked.back_off);
        let back_off = (before * 2).min(BACK_OFF_MAX);
        self.parked.insert(stream_id, Parked { until: Instant::now() + back_off, back_off });
    }

    async fn measure(&self) {
        if let Err(error) = outbox::forget_told(&self.pool).await {
            tracing::debug!(%error, "relay: the outbox was not tidied");
        }
        match outbox::lag(&self.pool).await {
            Ok(lag) => {
                metrics::gauge!("outbox_pending").set(approximate(lag.pending));
                metrics::gauge!("outbox_oldest_seconds").set(approximate(lag.oldest_ms) / 1000.0);
            }
            Err(error) => tracing::debug!(%error, "relay: the lag was not measured"),
        }
    }
}

fn by_stream(rows: Vec<Pending>) -> Vec<Vec<Pending>> {
    let mut streams: Vec<Vec<Pending>> = Vec::new();
    for row in rows {
        match streams.last_mut().filter(|s| {
            s.last().is_some_and(|l| l.stream_id == row.stream_id && l.topic == row.topic)
        }) {
            Some(stream) => stream.push(row),
            None => streams.push(vec![row]),
        }
    }
    streams
}

fn grow(back_off: &mut Duration) -> Duration {
    *back_off = (*back_off * 2).min(BACK_OFF_MAX);
    *back_off
}

/// Metrics are floats by their format; no amount of money passes here.
fn approximate(count: i64) -> f64 {
    u32::try_from(count).map_or(f64::from(u32::MAX), f64::from)
}
