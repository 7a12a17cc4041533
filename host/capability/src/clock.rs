//! The two clocks that answers may depend on, passed in so that tests advance them by hand.

use std::fmt;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Reads the time. Rates, leases and the age of cached answers go by the monotonic clock;
/// only what outlives the process, or was dated by somebody else, goes by the wall clock.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// Returns the time since some fixed moment of this process; never goes back.
    fn monotonic(&self) -> Duration;

    /// Returns the time since 1970-01-01T00:00:00Z; zero if the wall clock is before that.
    fn unix(&self) -> Duration;
}

/// The machine's clocks.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// Creates a clock whose monotonic time starts now.
    #[must_use]
    pub fn new() -> Self {
        Self { started: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }

    fn unix(&self) -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }
}
