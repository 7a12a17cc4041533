//! Receipts: why an exchange got its answer, kept for a while and found by request id.
//!
//! The decision to keep one comes before anything is made. A kept one shares the leaf of the tree
//! and is put in words by `insight`, when somebody asks. `record.rs` is the record, `ring.rs` its
//! place.

mod chain_info;
mod record;
mod ring;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http::Response;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tollgate_chain::{Decision, Lesson, Receipt, Tally};
use tollgate_config::ReceiptsConfig as Settings;
use tollgate_edge::ResponseBody;
use tollgate_edge::respond::Ended;

pub use chain_info::{ChainInfo, ComponentIdentity, PolicyInfo};
pub use record::{DecisionRecord, PolicyRecord, ReceiptRecord, RetentionClass};
use ring::Ring;

/// Time for which a raised sampling rate holds unless it is renewed.
const LEASE: Duration = Duration::from_secs(10);

/// The receipts of this process, which outlive Snapshots. A cheap handle.
#[derive(Debug, Clone)]
pub struct ReceiptLog(Arc<LogState>);

#[derive(Debug)]
struct LogState {
    on: AtomicBool,
    /// One pass in so many is kept, as each thread counts.
    every: AtomicU64,
    /// The rate that the configuration asks for, which holds while there is no lease.
    configured: AtomicU64,
    /// A raised rate and when it ends.
    lease: Mutex<Option<(u64, Instant)>>,
    /// Wakes [`ReceiptLog::watch_leases`] when a lease begins.
    leased: Notify,
    passes: Tally,
    ring: Mutex<Ring>,
}

/// Facts of an ended exchange that decide whether its receipt is kept.
#[derive(Debug, Clone, Copy)]
pub struct ExchangeEnding {
    /// True where a policy replied.
    pub by_policy: bool,
    /// True where the upstream answered with a gRPC status other than OK.
    pub by_upstream: bool,
}

impl ReceiptLog {
    /// Makes an empty log.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let log = Self(Arc::new(LogState {
            on: AtomicBool::new(settings.on),
            every: AtomicU64::new(settings.sample_every),
            configured: AtomicU64::new(settings.sample_every),
            lease: Mutex::new(None),
            leased: Notify::new(),
            passes: Tally::default(),
            ring: Mutex::new(Ring::default()),
        }));
        log.configure(settings);
        log
    }

    /// Applies a changed configuration; receipts that no longer fit are dropped.
    pub fn configure(&self, settings: Settings) {
        self.0.on.store(settings.on, Ordering::Relaxed);
        self.0.configured.store(settings.sample_every, Ordering::Relaxed);
        if self.0.lease.lock().is_none() {
            self.0.every.store(settings.sample_every, Ordering::Relaxed);
        }
        let (entries, bytes) =
            if settings.on { (settings.entries_max, settings.bytes_max) } else { (0, 0) };
        drop(self.0.ring.lock().resize(entries, bytes));
    }

    /// Decides whether a receipt is kept, and in which class. To be called once for each exchange:
    /// it counts passes.
    #[must_use]
    pub fn wants(
        &self,
        receipt: &Receipt<'_>,
        answer: &Response<ResponseBody>,
        ending: ExchangeEnding,
    ) -> Option<RetentionClass> {
        if !self.0.on.load(Ordering::Relaxed) {
            return None;
        }
        if receipt.entries.iter().any(|entry| has_failed(&entry.decision)) {
            return Some(RetentionClass::Failures);
        }

        // An error status of the upstream's own is no refusal of the gateway's.
        let status = answer.status();
        if status.as_u16() >= 400 && !ending.by_upstream {
            let by_gateway = answer.extensions().get::<Ended>().is_some();
            if status.is_server_error() && (by_gateway || ending.by_policy) {
                return Some(RetentionClass::Failures);
            }
            if by_gateway || ending.by_policy {
                return Some(RetentionClass::Refusals);
            }
        }

        let every = self.0.every.load(Ordering::Relaxed).max(1);
        self.0.passes.add(1).is_multiple_of(every).then_some(RetentionClass::Passes)
    }

    /// Keeps a receipt and drops the oldest of its class where there is no room.
    pub fn keep(&self, record: ReceiptRecord) {
        let evicted = self.0.ring.lock().push(record);
        // Dropped here, where nobody waits for the lock.
        drop(evicted);
    }

    /// Finds the newest receipt of a request id and counts how many there are: a caller may repeat
    /// its ids.
    #[must_use]
    pub fn find(&self, request_id: &str) -> Option<(Arc<ReceiptRecord>, usize)> {
        self.0.ring.lock().find(request_id)
    }

    /// Returns at most `limit` of the receipts that `is_wanted` holds for, newest first.
    pub fn newest(
        &self,
        limit: usize,
        is_wanted: impl Fn(&ReceiptRecord) -> bool,
    ) -> Vec<Arc<ReceiptRecord>> {
        let all = self.0.ring.lock().all();
        all.into_iter().rev().filter(|record| is_wanted(record)).take(limit).collect()
    }

    /// Returns at most `limit` of the receipts numbered above `after`, oldest first.
    #[must_use]
    pub fn since(&self, after: u64, limit: usize) -> Vec<Arc<ReceiptRecord>> {
        let mut newer = self.0.ring.lock().since(after);
        newer.truncate(limit);
        newer
    }

    /// Keeps one pass in `every` for ten seconds, where the configuration keeps fewer. A recorder
    /// renews this with each page that it asks for. [`ReceiptLog::watch_leases`] ends it.
    pub fn lease(&self, every: u64) {
        let every = every.clamp(1, self.0.configured.load(Ordering::Relaxed).max(1));
        let until = Instant::now() + LEASE;
        let before = self.0.lease.lock().replace((every, until));
        self.0.every.store(every, Ordering::Relaxed);
        if before.is_none() {
            self.0.leased.notify_one();
        }
    }

    /// Ends each lease when its time has come, for ever. Dropping the future ends the watch; a
    /// lease then lasts until the next watch.
    pub async fn watch_leases(self) {
        loop {
            while let Some(until) = self.lapse() {
                tokio::time::sleep_until(until.into()).await;
            }
            self.0.leased.notified().await;
        }
    }

    /// Ends the lease if its time has come; otherwise returns when that is.
    fn lapse(&self) -> Option<Instant> {
        let mut lease = self.0.lease.lock();
        let (_, until) = (*lease)?;
        if until > Instant::now() {
            return Some(until);
        }
        *lease = None;
        let configured = self.0.configured.load(Ordering::Relaxed);
        self.0.every.store(configured, Ordering::Relaxed);
        None
    }
}

fn has_failed(decision: &Decision<'_>) -> bool {
    match decision {
        Decision::Skipped | Decision::Walked { .. } => false,
        Decision::Ran { outcome, lesson, .. } => {
            outcome.is_err() || *lesson == Some(Lesson::Contradicts)
        }
    }
}

#[cfg(test)]
mod tests;
