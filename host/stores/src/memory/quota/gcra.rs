//! The generic cell rate algorithm in integer nanoseconds.
//!
//! A bucket is one moment: the theoretical arrival time (TAT) at which it will be full again.
//! Its distance from now is the *debt*; a charge adds to it and is allowed while the debt
//! stays within the burst. A denial writes nothing, so hammering lengthens no wait.

use std::time::Duration;

use tollgate_capability::quota::BucketStanding;
use tollgate_chain::Rate;

/// A bucket of a rate, in nanoseconds of the monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cell {
    tat: u128,
    /// Nanoseconds a unit, when `tat` was written.
    interval: u128,
}

impl Cell {
    /// Creates a bucket that is full.
    pub(super) fn full(rate: Rate) -> Self {
        Self { tat: 0, interval: interval(rate) }
    }

    /// Returns true if the bucket is full, so that forgetting it changes nothing.
    pub(super) fn is_idle(self, now: Duration) -> bool {
        self.tat <= now.as_nanos()
    }

    /// Returns the distance from being full, in nanoseconds.
    pub(super) fn debt(self, now: Duration) -> u128 {
        self.tat.saturating_sub(now.as_nanos())
    }

    /// Converts the bucket to a rate that may have changed: units that were used stay used, and are
    /// earned back at the new pace. Rounded up, so that changing to and fro earns nothing.
    pub(super) fn under(self, rate: Rate, now: Duration) -> Self {
        let interval = interval(rate);
        if interval == self.interval {
            return self;
        }
        let debt = (self.debt(now) * interval).div_ceil(self.interval);
        Self { tat: now.as_nanos() + debt, interval }
    }

    /// Takes the cost.
    ///
    /// # Errors
    /// Returns the wait after which it could be taken. Nothing changed.
    pub(super) fn take(self, rate: Rate, now: Duration) -> Result<Self, Duration> {
        let debt = self.debt(now) + self.interval * u128::from(rate.cost);
        match debt.checked_sub(self.tolerance(rate)) {
            None | Some(0) => {
                Ok(Self { tat: self.tat.max(now.as_nanos()) + cost(self, rate), ..self })
            }
            Some(wait) => Err(nanos(wait)),
        }
    }

    /// Gives back the cost of a take that left the bucket at `taken`, as far as it was not
    /// earned back meanwhile: the bucket never becomes fuller than without that take.
    pub(super) fn give_back(self, taken: Self, rate: Rate, now: Duration) -> Self {
        let taken = taken.under(rate, now);
        let current = self.under(rate, now);
        let refund = cost(current, rate).min(taken.debt(now));
        Self { tat: current.tat.saturating_sub(refund), ..current }
    }

    /// Returns the units that are left and the wait for the next one.
    pub(super) fn standing(self, rate: Rate, now: Duration) -> BucketStanding {
        let debt = self.debt(now);
        let remaining = self.tolerance(rate).saturating_sub(debt) / self.interval;
        let next = (remaining + 1) * self.interval;
        let wait = (debt + next).saturating_sub(self.tolerance(rate));
        BucketStanding {
            remaining: u32::try_from(remaining).unwrap_or(u32::MAX),
            more_in: if debt == 0 { Duration::ZERO } else { nanos(wait) },
        }
    }

    fn tolerance(self, rate: Rate) -> u128 {
        self.interval * u128::from(rate.burst)
    }
}

fn cost(cell: Cell, rate: Rate) -> u128 {
    cell.interval * u128::from(rate.cost)
}

/// Computes the nanoseconds in which a unit is earned: at least 1,000 within the contract's bounds, so that rounding down
/// errs by less than 0.1 % of the rate, and never in the size of the burst.
fn interval(rate: Rate) -> u128 {
    let window = u128::from(rate.window_seconds) * 1_000_000_000;
    (window / u128::from(rate.quota.max(1))).max(1)
}

fn nanos(nanos: u128) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
