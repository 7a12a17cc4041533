//! WASI: the clocks and the randomness that language runtimes ask of the machine. There are no
//! files, no sockets and no environment.

use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};
use tollgate_chain::{Answer, WasiRead};

use crate::Clock;

/// The finest resolution of time for a policy: a guest that could time its own questions could tell
/// answers that are cached from answers that are fetched.
const RESOLUTION: Duration = Duration::from_millis(1);

/// Answers a read. Without randomness in the machine there are fewer bytes than were asked for,
/// which ends the run.
pub(crate) fn ask(read: WasiRead, clock: &dyn Clock) -> Answer {
    match read {
        WasiRead::WallClock => Answer::Nanoseconds(coarse(clock.unix())),
        WasiRead::MonotonicClock => Answer::Nanoseconds(coarse(clock.monotonic())),
        WasiRead::Random(count) => {
            let mut bytes = vec![0; usize::try_from(count).unwrap_or_default()];
            let filled = SystemRandom::new().fill(&mut bytes);
            Answer::Random(filled.map(|()| bytes.into()).unwrap_or_default())
        }
    }
}

/// Converts to nanoseconds, in whole steps of the resolution.
fn coarse(time: Duration) -> u64 {
    let steps = time.as_nanos() / RESOLUTION.as_nanos();
    u64::try_from(steps * RESOLUTION.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::ManualClock;

    #[test]
    fn time_is_answered_in_milliseconds_and_goes_by_the_clock_that_is_passed_in() {
        let clock = ManualClock::new();
        let read_clocks = || {
            [WasiRead::WallClock, WasiRead::MonotonicClock]
                .map(|read| ask(read, &clock).into_nanoseconds().unwrap())
        };
        let [wall, monotonic] = read_clocks();
        clock.advance(Duration::from_nanos(1_999_999));
        assert_eq!(read_clocks(), [wall + 1_000_000, monotonic + 1_000_000]);
        clock.set_unix(Duration::from_secs(7));
        assert_eq!(read_clocks(), [7_000_000_000, monotonic + 1_000_000]);
    }

    #[test]
    fn random_bytes_are_as_many_as_asked_for_and_never_the_same() {
        let random = |count| ask(WasiRead::Random(count), &ManualClock::new()).into_random();
        let drawn = || random(32).unwrap();
        assert_eq!(drawn().len(), 32);
        assert_ne!(drawn(), drawn());
        assert_eq!(random(0), Ok(Box::default()));
    }
}
