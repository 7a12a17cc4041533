//! The running time of a guest, as its ticks see it.
//!
//! On a machine that is busy with others ticks come late, and a guest is off the processor between
//! them; so a tick is charged with what the thread ran, not with its interval. The wall clock bounds
//! the whole: a request must not be held for long because its guest gets little of the machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

use crate::ticker::TICK;

/// The wall-clock time that a guest may take, as a multiple of its running time.
const WALL_FACTOR: u32 = 10;

/// The time that a guest has left.
#[derive(Debug)]
pub(crate) struct RunClock {
    left: Duration,
    wall_left: Duration,
    ticked_at: Option<Instant>,
    resumed: Option<Resumed>,
}

/// The thread's own clock, in nanoseconds, when the guest was resumed last; 0 when that is not
/// known. Shared with what gives way, after which the guest may go on in another thread.
#[derive(Debug, Clone, Default)]
pub(crate) struct Resumed(Arc<AtomicU64>);

impl RunClock {
    pub(crate) fn new(time: Duration) -> Self {
        let wall_left = time.saturating_mul(WALL_FACTOR);
        Self { left: time, wall_left, ticked_at: None, resumed: None }
    }

    /// Charges for the time up to a tick, and returns true if there is time left. Of the start of
    /// the run no more than a tick is charged; nothing of a time in which the host waited.
    pub(crate) fn tick(&mut self, thread_time: Duration, now: Instant, waited: bool) -> bool {
        let since = self.resumed.as_ref().map_or(0, |resumed| resumed.0.swap(0, Ordering::Relaxed));
        let ticked_at = self.ticked_at.replace(now);

        if !waited {
            let ran = match since {
                0 => TICK,
                since => thread_time.saturating_sub(Duration::from_nanos(since)),
            };
            let took = ticked_at.map_or(TICK, |before| now.saturating_duration_since(before));
            self.left = self.left.saturating_sub(ran);
            self.wall_left = self.wall_left.saturating_sub(took);
        }
        !self.left.is_zero() && !self.wall_left.is_zero()
    }

    /// Where the guest's next resumption is noted.
    pub(crate) fn resumed(&mut self) -> Resumed {
        self.resumed.get_or_insert_default().clone()
    }
}

impl Resumed {
    /// Notes that the guest is resumed in this thread.
    pub(crate) fn now(&self) {
        let nanoseconds = u64::try_from(thread_time().as_nanos()).unwrap_or(u64::MAX);
        self.0.store(nanoseconds, Ordering::Relaxed);
    }
}

/// The time for which this thread has run. Zero where the system does not tell; a tick is then
/// charged as a tick.
pub(crate) fn thread_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// The thread's clock and the wall clock.
    struct Clocks {
        thread: Duration,
        wall: Instant,
    }

    impl Clocks {
        fn new() -> Self {
            Self { thread: MS, wall: Instant::now() }
        }

        /// Resumes the guest, and ticks after so much running and so much time.
        fn tick(&mut self, clock: &mut RunClock, ran: Duration, took: Duration) -> bool {
            clock
                .resumed()
                .0
                .store(u64::try_from(self.thread.as_nanos()).unwrap(), Ordering::Relaxed);
            self.thread += ran;
            self.wall += took;
            clock.tick(self.thread, self.wall, false)
        }
    }

    #[test]
    fn ticks_that_come_late_are_charged_with_what_the_guest_ran() {
        let (mut clock, mut clocks) = (RunClock::new(20 * MS), Clocks::new());
        assert!(clocks.tick(&mut clock, 9 * MS, 30 * MS));
        assert!(clocks.tick(&mut clock, 9 * MS, 30 * MS));
        assert!(!clocks.tick(&mut clock, 9 * MS, 30 * MS), "27 of 20 ms");
    }

    #[test]
    fn a_guest_that_gets_little_of_the_machine_is_stopped_by_the_wall_clock() {
        let (mut clock, mut clocks) = (RunClock::new(20 * MS), Clocks::new());
        let ticks = (0..).take_while(|_| clocks.tick(&mut clock, MS / 10, 50 * MS)).count();
        assert_eq!(ticks, 4, "of the first tick one millisecond, then 50 each");
    }

    #[test]
    fn the_start_of_a_run_is_charged_as_a_tick_and_a_wait_of_the_host_as_nothing() {
        let mut clock = RunClock::new(2 * MS);
        let wall = Instant::now();
        assert!(clock.tick(1_000 * MS, wall, false));
        clock.resumed().now();
        assert!(clock.tick(2_000 * MS, wall + 1_000 * MS, true));
        assert!(!clock.tick(3_000 * MS, wall + 1_001 * MS, false));
    }

    #[test]
    fn the_thread_s_clock_advances_while_it_runs() {
        let before = thread_time();
        let end = Instant::now() + Duration::from_secs(30);
        while thread_time() <= before {
            assert!(Instant::now() < end, "the thread's clock stands still");
        }
    }
}
