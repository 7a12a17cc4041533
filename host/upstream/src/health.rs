//! Outlier ejection: several failures in a row eject an endpoint for a while that grows, and one
//! success brings it back.
//!
//! Only failures that no caller can cause count: connections that could not be made or were lost.
//! A deadline does not, else a caller with a short one could eject a service.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// Failures in a row that eject.
const FAILURES_MAX: u32 = 5;
/// The first ejection; each that follows without a success between is twice as long.
const EJECTED_FIRST: Duration = Duration::from_millis(500);
const EJECTED_MAX: Duration = Duration::from_secs(10);
/// The time that one trial request has before another may be made.
const TRIAL: Duration = Duration::from_secs(2);

pub(crate) struct Health {
    epoch: Instant,
    failures: AtomicU32,
    ejections: AtomicU32,
    /// Milliseconds since `epoch`; 0 is not ejected.
    ejected_until: AtomicU64,
    /// Set while a trial is out; others that fail meanwhile are stragglers from before.
    trial: AtomicBool,
}

impl Health {
    pub(crate) fn new() -> Self {
        Self {
            epoch: Instant::now(),
            failures: AtomicU32::new(0),
            ejections: AtomicU32::new(0),
            ejected_until: AtomicU64::new(0),
            trial: AtomicBool::new(false),
        }
    }

    /// Tells whether a request may be sent: not ejected, or due for a trial.
    pub(crate) fn is_open(&self) -> bool {
        self.is_open_at(Instant::now)
    }

    /// Takes the right to send: always, unless ejected; then one caller at a time, for a trial.
    pub(crate) fn admit(&self) -> bool {
        self.admit_at(Instant::now)
    }

    /// Counts a failure and returns whether it ejected the endpoint.
    pub(crate) fn failed(&self) -> bool {
        self.failed_at(Instant::now())
    }

    pub(crate) fn succeeded(&self) {
        // Steady traffic only reads: a written line of cache would wander between workers.
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Release);
        }
        if self.ejected_until.load(Ordering::Relaxed) != 0 {
            self.ejections.store(0, Ordering::Release);
            self.ejected_until.store(0, Ordering::Release);
        }
    }

    // The clock is read only where an ejection needs it.
    fn is_open_at(&self, now: impl FnOnce() -> Instant) -> bool {
        let until = self.ejected_until.load(Ordering::Acquire);
        until == 0 || self.since_epoch(now()) >= until
    }

    fn admit_at(&self, now: impl FnOnce() -> Instant) -> bool {
        let until = self.ejected_until.load(Ordering::Acquire);
        if until == 0 {
            return true;
        }
        let now = self.since_epoch(now());
        let next = now.saturating_add(millis(TRIAL));
        let admitted = now >= until
            && self
                .ejected_until
                .compare_exchange(until, next, Ordering::AcqRel, Ordering::Acquire)
                .is_ok();
        if admitted {
            self.trial.store(true, Ordering::Release);
        }
        admitted
    }

    fn failed_at(&self, now: Instant) -> bool {
        let failures = self.failures.fetch_add(1, Ordering::AcqRel).saturating_add(1);
        let is_ejected = self.ejected_until.load(Ordering::Acquire) != 0;
        let counts = match is_ejected {
            true => self.trial.swap(false, Ordering::AcqRel),
            false => failures >= FAILURES_MAX,
        };
        if !counts {
            return false;
        }
        let before = self.ejections.fetch_add(1, Ordering::AcqRel).min(16);
        let pause = EJECTED_FIRST.saturating_mul(1 << before).min(EJECTED_MAX);
        let until = self.since_epoch(now).saturating_add(millis(pause));
        self.ejected_until.store(until.max(1), Ordering::Release);
        true
    }

    fn since_epoch(&self, now: Instant) -> u64 {
        millis(now.saturating_duration_since(self.epoch))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn open(health: &Health, now: Instant) -> bool {
        health.is_open_at(|| now)
    }

    fn admit(health: &Health, now: Instant) -> bool {
        health.admit_at(|| now)
    }

    fn ejected() -> (Health, Instant) {
        let health = Health::new();
        let now = health.epoch;
        for _ in 1..FAILURES_MAX {
            assert!(!health.failed_at(now));
            assert!(open(&health, now));
        }
        assert!(health.failed_at(now));
        (health, now)
    }

    #[test]
    fn five_failures_in_a_row_eject_for_half_a_second() {
        let (health, now) = ejected();
        assert!(!open(&health, now) && !admit(&health, now));
        assert!(!open(&health, now + 499 * MS));
        assert!(open(&health, now + 500 * MS));
    }

    #[test]
    fn a_success_between_failures_starts_the_count_anew() {
        let health = Health::new();
        for _ in 0..10 {
            for _ in 1..FAILURES_MAX {
                assert!(!health.failed_at(health.epoch));
            }
            health.succeeded();
        }
        assert!(open(&health, health.epoch));
    }

    #[test]
    fn after_an_ejection_one_caller_tries_and_its_success_brings_the_endpoint_back() {
        let (health, now) = ejected();
        let later = now + EJECTED_FIRST;
        assert!(admit(&health, later));
        assert!(!admit(&health, later), "a second caller waits for the first one's outcome");
        health.succeeded();
        assert!(admit(&health, later) && admit(&health, later));
    }

    #[test]
    fn a_failed_trial_ejects_for_twice_as_long_up_to_ten_seconds() {
        let (health, now) = ejected();
        let later = now + EJECTED_FIRST;
        assert!(admit(&health, later));
        assert!(health.failed_at(later));
        assert!(!open(&health, later + 999 * MS));
        assert!(admit(&health, later + 1000 * MS));
        let mut later = later + 1000 * MS;
        for _ in 0..20 {
            assert!(health.failed_at(later));
            later += EJECTED_MAX;
            assert!(admit(&health, later));
        }
        assert!(health.failed_at(later));
        assert!(!open(&health, later + 9_999 * MS));
        assert!(open(&health, later + EJECTED_MAX));
    }

    #[test]
    fn many_requests_that_fail_together_eject_once() {
        let (health, now) = ejected();
        for _ in 0..100 {
            assert!(!health.failed_at(now));
        }
        assert!(open(&health, now + EJECTED_FIRST));
    }

    #[test]
    fn a_trial_that_never_ended_gives_way_to_another() {
        let (health, now) = ejected();
        assert!(admit(&health, now + EJECTED_FIRST));
        assert!(admit(&health, now + EJECTED_FIRST + TRIAL));
    }
}
