//! Bounds on the time spent waiting for a body. Only waiting for the sender counts: while the
//! receiver is the slow one, the sender is not asked for more and the clock stands.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// Bounds of the time that a request body may take, as waited for its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyTimeouts {
    /// Longest wait for the next piece.
    pub idle: Duration,
    /// Longest wait in total.
    pub whole: Duration,
    /// Least average rate in bytes a second, once [`BodyTimeouts::floor_after`] has passed;
    /// 0 for streams that may rest.
    pub floor: u32,
    /// The time before the floor counts.
    pub floor_after: Duration,
}

impl Default for BodyTimeouts {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(10),
            whole: Duration::from_secs(30),
            floor: 1024,
            floor_after: Duration::from_secs(5),
        }
    }
}

impl BodyTimeouts {
    /// For streams, which may rest: the time that they may last and nothing else.
    #[must_use]
    pub fn streaming(whole: Duration) -> Self {
        Self { idle: whole, whole, floor: 0, floor_after: Duration::ZERO }
    }

    /// Returns how much longer a wait that starts now may last.
    fn allowed(&self, waited: Duration, received: usize) -> Duration {
        let whole = self.whole.saturating_sub(waited);
        let floor = match self.floor {
            0 => Duration::MAX,
            rate => {
                let earned = received as f64 / f64::from(rate);
                self.floor_after.max(Duration::from_secs_f64(earned)).saturating_sub(waited)
            }
        };
        self.idle.min(whole).min(floor)
    }
}

/// The time within which a withheld body may come all the same: many senders do not wait.
const WITHHELD_MAX: Duration = Duration::from_millis(250);

/// Measures the waits of one body. The timer exists only once a wait began.
#[derive(Debug)]
pub(super) struct Waiting {
    bounds: BodyTimeouts,
    waited: Duration,
    since: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Waiting {
    pub(super) fn new(bounds: BodyTimeouts) -> Self {
        Self { bounds, waited: Duration::ZERO, since: None, timer: None }
    }

    pub(super) fn set_bounds(&mut self, bounds: BodyTimeouts) {
        self.bounds = bounds;
    }

    /// The sender gave nothing yet; ready when it has had its time, which is short where the body
    /// is withheld: the sender may be waiting for a `100 Continue` that never comes.
    pub(super) fn poll_overdue(
        &mut self,
        cx: &mut Context<'_>,
        received: usize,
        withheld: bool,
    ) -> Poll<()> {
        let Self { bounds, waited, since, timer } = self;
        if since.is_none() {
            let now = Instant::now();
            *since = Some(now);
            let longest = if withheld { WITHHELD_MAX } else { Duration::MAX };
            let deadline = now + bounds.allowed(*waited, received).min(longest);
            match timer {
                Some(timer) => timer.as_mut().reset(deadline),
                None => *timer = Some(Box::pin(tokio::time::sleep_until(deadline))),
            }
        }
        timer.as_mut().map_or(Poll::Pending, |timer| timer.as_mut().poll(cx))
    }

    /// The sender gave something.
    pub(super) fn over(&mut self) {
        if let Some(since) = self.since.take() {
            self.waited += since.elapsed();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_wait_is_bounded_by_whichever_bound_comes_first() {
        let bounds = BodyTimeouts::default();
        assert_eq!(bounds.allowed(Duration::ZERO, 0), 5 * SECOND, "the floor, after its grace");
        assert_eq!(bounds.allowed(Duration::ZERO, 1 << 20), 10 * SECOND, "idle");
        assert_eq!(bounds.allowed(27 * SECOND, 1 << 20), 3 * SECOND, "whole");
        assert_eq!(bounds.allowed(6 * SECOND, 8 * 1024), 2 * SECOND, "what the rate earned");
        assert_eq!(bounds.allowed(6 * SECOND, 1024), Duration::ZERO, "below the floor");
    }

    #[test]
    fn a_stream_may_rest_for_as_long_as_it_may_last() {
        let bounds = BodyTimeouts::streaming(60 * SECOND);
        assert_eq!(bounds.allowed(20 * SECOND, 1), 40 * SECOND);
    }
}
