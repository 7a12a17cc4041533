//! Receipts: why an exchange got its answer, kept for a while and found by request id.
//!
//! Whether one is kept is decided before anything is made. What is kept shares the tree's leaf and
//! is put in words only when somebody looks: `kept.rs` is the record, `ring.rs` where it stays,
//! `form.rs` what is told of it, `redact.rs` what is never told.

mod cast;
mod form;
mod kept;
mod redact;
mod ring;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http::Response;
use parking_lot::Mutex;
use tollgate_chain::{Decision, Lesson, Receipt, Tally};
use tollgate_config::Receipts as Settings;
use tollgate_edge::ResponseBody;
use tollgate_edge::respond::Ended;

pub(crate) use cast::{Cast, Edition, casts};
#[cfg(test)]
pub(crate) use form::Hidden;
pub(crate) use form::{Form, PolicyForm, StepForm, Way};
pub(crate) use kept::{Kept, Lane};
pub(crate) use redact::Redactor;
use ring::Ring;

/// Longest time that a recorder's wish for more samples holds unless it is renewed.
const LEASE: Duration = Duration::from_secs(10);

/// The receipts of this process: Snapshots come and go, receipts stay. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Receipts(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    on: AtomicBool,
    /// Of passes, one in so many is kept, as each thread counts.
    every: AtomicU64,
    configured: AtomicU64,
    lease: Mutex<Option<(u64, Instant)>>,
    passes: Tally,
    ring: Mutex<Ring>,
    redactor: Redactor,
}

/// What the gateway knows of an exchange that may make it worth keeping.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ending {
    /// Whether a policy replied.
    pub(crate) by_policy: bool,
    /// Whether the upstream answered with a gRPC status other than OK.
    pub(crate) by_upstream: bool,
}

impl Receipts {
    /// None yet.
    pub(crate) fn new(settings: Settings) -> Self {
        let own = Self(Arc::new(Inner {
            on: AtomicBool::new(settings.on),
            every: AtomicU64::new(settings.sample_every),
            configured: AtomicU64::new(settings.sample_every),
            lease: Mutex::new(None),
            passes: Tally::default(),
            ring: Mutex::new(Ring::default()),
            redactor: Redactor::new(),
        }));
        own.configure(settings);
        own
    }

    /// Follows the configuration; what no longer fits is dropped.
    pub(crate) fn configure(&self, settings: Settings) {
        self.0.on.store(settings.on, Ordering::Relaxed);
        self.0.configured.store(settings.sample_every, Ordering::Relaxed);
        if self.0.lease.lock().is_none() {
            self.0.every.store(settings.sample_every, Ordering::Relaxed);
        }
        let (entries, bytes) =
            if settings.on { (settings.entries_max, settings.bytes_max) } else { (0, 0) };
        drop(self.0.ring.lock().resize(entries, bytes));
    }

    /// Whether this exchange's receipt is to be kept, and with which others.
    pub(crate) fn wants(
        &self,
        receipt: &Receipt<'_>,
        answer: &Response<ResponseBody>,
        ending: Ending,
    ) -> Option<Lane> {
        if !self.0.on.load(Ordering::Relaxed) {
            return None;
        }
        if receipt.entries.iter().any(|entry| has_failed(&entry.decision)) {
            return Some(Lane::Failures);
        }
        let status = answer.status();
        if status.as_u16() >= 400 && !ending.by_upstream {
            let by_gateway = answer.extensions().get::<Ended>().is_some();
            if status.is_server_error() && (by_gateway || ending.by_policy) {
                return Some(Lane::Failures);
            }
            if by_gateway || ending.by_policy {
                return Some(Lane::Refusals);
            }
        }
        let every = self.0.every.load(Ordering::Relaxed).max(1);
        self.0.passes.add(1).is_multiple_of(every).then_some(Lane::Passes)
    }

    /// Keeps a receipt, and lets go of the oldest of its lane where there is no room.
    pub(crate) fn keep(&self, kept: Kept) {
        let evicted = self.0.ring.lock().push(kept);
        // Dropped here, where nobody waits for the lock.
        drop(evicted);
    }

    /// The newest receipt of a request id, and how many there are: a caller may repeat its ids.
    pub(crate) fn find(&self, request_id: &str) -> Option<(Arc<Kept>, usize)> {
        self.0.ring.lock().find(request_id)
    }

    /// The newest receipts that `wanted` holds for, newest first.
    pub(crate) fn newest(&self, limit: usize, wanted: impl Fn(&Kept) -> bool) -> Vec<Arc<Kept>> {
        let all = self.0.ring.lock().all();
        all.into_iter().rev().filter(|kept| wanted(kept)).take(limit).collect()
    }

    /// The oldest receipts numbered above `after`, oldest first.
    pub(crate) fn since(&self, after: u64, limit: usize) -> Vec<Arc<Kept>> {
        let mut newer = self.0.ring.lock().since(after);
        newer.truncate(limit);
        newer
    }

    /// Keeps one pass in `every` for a while, where the configuration keeps fewer: what a recorder
    /// asks for with each page. To be called within the runtime.
    pub(crate) fn lease(&self, every: u64) {
        let every = every.clamp(1, self.0.configured.load(Ordering::Relaxed).max(1));
        let until = Instant::now() + LEASE;
        let before = self.0.lease.lock().replace((every, until));
        self.0.every.store(every, Ordering::Relaxed);
        if before.is_some() {
            return;
        }
        let own = self.clone();
        tokio::spawn(async move {
            while let Some(until) = own.lapse() {
                tokio::time::sleep_until(until.into()).await;
            }
        });
    }

    /// Ends the lease if its time has come; else says when that is.
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

    /// What is told of a receipt.
    pub(crate) fn form(&self, kept: &Kept) -> Form {
        Form::of(kept, &self.0.redactor)
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
