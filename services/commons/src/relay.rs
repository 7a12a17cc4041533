//! Publishes the outbox to the broker: at least once, in the order of each stream.
//!
//! A pass leases one partition by a row lock, publishes its pending events (streams concurrently,
//! each in its order), marks those that the broker acknowledged, and commits. A stream whose event
//! was refused is parked with a growing back-off; the others go on. The lease ends with its
//! connection, so a relay that dies leaves nothing but events published twice under one `event_id`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::kafka::Publisher;
use crate::outbox::{self, PendingEvent};
use crate::store;

/// Most events of a pass.
const BATCH: i64 = 500;
/// Streams that publish concurrently within a pass.
const CONCURRENT_STREAMS: usize = 64;
/// Most streams that are parked at once; further ones are retried with every pass.
const PARKED_MAX: usize = 1000;
/// Pause after a pass that found nothing, and the first back-off.
const IDLE: Duration = Duration::from_millis(100);
/// Longest back-off of a parked stream or a failing database.
const BACK_OFF_MAX: Duration = Duration::from_secs(10);
/// Interval between measurements of the backlog.
const MEASURE_EVERY: Duration = Duration::from_secs(5);
/// Longest pass, below the 30 s after which PostgreSQL ends an idle transaction.
const PASS_MAX: Duration = Duration::from_secs(25);
/// Number of partitions, each a row of `relay_partitions`.
const PARTITIONS: i16 = 16;

/// Publishes pending events of one database. Several relays may run: each partition has one at a
/// time.
#[derive(Debug)]
pub struct Relay {
    pool: PgPool,
    publisher: Arc<dyn Publisher>,
    parked: HashMap<String, ParkedStream>,
    turn: i16,
}

/// The outcome of one pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    /// Number of events that the broker acknowledged.
    pub published: usize,
    /// Number of streams that stopped at an event without an acknowledgement.
    pub stopped: usize,
}

#[derive(Debug, Clone, Copy)]
struct ParkedStream {
    until: Instant,
    back_off: Duration,
}

impl Relay {
    /// Makes a relay from a database to a broker.
    #[must_use]
    pub fn new(pool: PgPool, publisher: Arc<dyn Publisher>) -> Self {
        Self { pool, publisher, parked: HashMap::new(), turn: 0 }
    }

    /// Runs passes until `ending` is cancelled; the pass in progress is finished first.
    pub async fn run(mut self, ending: CancellationToken) {
        let mut back_off = IDLE;
        let mut measured: Option<Instant> = None;
        while !ending.is_cancelled() {
            if measured.is_none_or(|at| at.elapsed() >= MEASURE_EVERY) {
                measured = Some(Instant::now());
                self.measure().await;
            }

            let pause = match tokio::time::timeout(PASS_MAX, self.pass()).await {
                Ok(Ok(Pass { published: 0, stopped: 0 })) => {
                    back_off = IDLE;
                    IDLE
                }
                Ok(Ok(Pass { published: 0, .. })) => double(&mut back_off),
                Ok(Ok(_)) => {
                    back_off = IDLE;
                    Duration::ZERO
                }
                Ok(Err(error)) => {
                    let pause = double(&mut back_off);
                    let retry_in_ms = pause.as_millis();
                    tracing::warn!(%error, retry_in_ms, "relay pass failed; retrying");
                    pause
                }
                Err(_) => double(&mut back_off),
            };

            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = ending.cancelled() => {}
            }
        }
    }

    /// Publishes the pending events of one partition.
    ///
    /// # Errors
    /// A database failure. Failures of the broker are counted in [`Pass::stopped`].
    pub async fn pass(&mut self) -> Result<Pass, store::Error> {
        let parked = self.parked_streams();
        let mut transaction = self.pool.begin().await.map_err(store::Error::doing("begin"))?;
        self.turn = (self.turn + 1) % PARTITIONS;
        let Some(partition) = outbox::lease(&mut transaction, self.turn, &parked).await? else {
            return Ok(Pass { published: 0, stopped: 0 });
        };

        let pending = outbox::pending(&mut transaction, partition, &parked, BATCH).await?;
        let (published, stopped) = self.publish(pending).await;
        outbox::mark_published(&mut transaction, &published).await?;
        transaction.commit().await.map_err(store::Error::doing("commit"))?;
        metrics::counter!("outbox_published_total").increment(published.len() as u64);

        for event in &published {
            self.parked.remove(&event.stream_id);
        }
        let pass = Pass { published: published.len(), stopped: stopped.len() };
        for stream_id in stopped {
            self.park(stream_id);
        }
        Ok(pass)
    }

    /// Publishes streams concurrently; returns the acknowledged events and the streams that stopped.
    async fn publish(&self, pending: Vec<PendingEvent>) -> (Vec<PendingEvent>, Vec<String>) {
        let outcomes: Vec<_> = stream::iter(by_stream(pending))
            .map(|events| self.publish_stream(events))
            .buffer_unordered(CONCURRENT_STREAMS)
            .collect()
            .await;

        let mut published = Vec::new();
        let mut stopped = Vec::new();
        for (stream_published, stream_stopped) in outcomes {
            published.extend(stream_published);
            stopped.extend(stream_stopped);
        }
        (published, stopped)
    }

    /// Publishes one stream's events in order, and stops at the first that is not acknowledged: its
    /// successors must not overtake it.
    async fn publish_stream(
        &self,
        events: Vec<PendingEvent>,
    ) -> (Vec<PendingEvent>, Option<String>) {
        let mut published = Vec::with_capacity(events.len());
        for event in events {
            if let Err(error) = self.publisher.publish(&event).await {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                let stream_id = &event.stream_id;
                tracing::warn!(%error, cause, stream_id, "event not acknowledged; parking its stream");
                metrics::counter!("outbox_refused_total").increment(1);
                return (published, Some(event.stream_id));
            }
            published.push(event);
        }
        (published, None)
    }

    fn parked_streams(&self) -> Vec<String> {
        let now = Instant::now();
        let parked = self.parked.iter().filter(|(_, parked)| parked.until > now);
        parked.map(|(stream_id, _)| stream_id.clone()).collect()
    }

    fn park(&mut self, stream_id: String) {
        if self.parked.len() >= PARKED_MAX && !self.parked.contains_key(&stream_id) {
            return;
        }
        let previous = self.parked.get(&stream_id).map_or(IDLE, |parked| parked.back_off);
        let back_off = (previous * 2).min(BACK_OFF_MAX);
        self.parked.insert(stream_id, ParkedStream { until: Instant::now() + back_off, back_off });
    }

    async fn measure(&self) {
        if let Err(error) = outbox::delete_published(&self.pool).await {
            tracing::debug!(%error, "deletion of published events failed; trying again later");
        }
        match outbox::lag(&self.pool).await {
            Ok(lag) => {
                metrics::gauge!("outbox_pending").set(to_metric(lag.pending));
                metrics::gauge!("outbox_oldest_seconds").set(to_metric(lag.oldest_ms) / 1000.0);
            }
            Err(error) => tracing::debug!(%error, "measurement of the outbox failed"),
        }
    }
}

/// Groups events, which are sorted by topic and stream, into one list per stream.
fn by_stream(pending: Vec<PendingEvent>) -> Vec<Vec<PendingEvent>> {
    let mut streams: Vec<Vec<PendingEvent>> = Vec::new();
    for event in pending {
        let same_stream = streams.last_mut().filter(|events| {
            events
                .last()
                .is_some_and(|last| last.stream_id == event.stream_id && last.topic == event.topic)
        });
        match same_stream {
            Some(events) => events.push(event),
            None => streams.push(vec![event]),
        }
    }
    streams
}

fn double(back_off: &mut Duration) -> Duration {
    *back_off = (*back_off * 2).min(BACK_OFF_MAX);
    *back_off
}

/// Converts a count to the floating-point value of a metric; no amount of money passes here.
fn to_metric(count: i64) -> f64 {
    u32::try_from(count).map_or(f64::from(u32::MAX), f64::from)
}
