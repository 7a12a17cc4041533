//! Test doubles for this crate and for those above it.

use std::time::Duration;

use parking_lot::Mutex;

use crate::Clock;

/// A clock that stands still until it is advanced.
#[derive(Debug)]
pub struct ManualClock {
    hands: Mutex<(Duration, Duration)>,
}

impl ManualClock {
    /// Creates a clock whose monotonic time is one hour, and whose wall time is 2026-11-22.
    #[must_use]
    pub fn new() -> Self {
        Self { hands: Mutex::new((Duration::from_secs(3_600), Duration::from_secs(1_795_305_600))) }
    }

    /// Lets time pass on both clocks.
    pub fn advance(&self, by: Duration) {
        let mut hands = self.hands.lock();
        hands.0 += by;
        hands.1 += by;
    }

    /// Sets the wall clock alone, as an operator or NTP might.
    pub fn set_unix(&self, to: Duration) {
        self.hands.lock().1 = to;
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    fn monotonic(&self) -> Duration {
        self.hands.lock().0
    }

    fn unix(&self) -> Duration {
        self.hands.lock().1
    }
}
