//! What language runtimes ask of the machine: the time, and randomness. Files, sockets and the
//! environment there are none.

use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};
use tollgate_chain::{Answer, WasiRead};

use crate::Clock;

/// The finest that a policy is told of time: a guest that could time its own questions could tell
/// what the host has at hand from what it must fetch.
const RESOLUTION: Duration = Duration::from_millis(1);

/// The answer. Without randomness in the machine there are fewer bytes than were asked for, which
/// ends the run.
pub(crate) fn answer(asked: WasiRead, clock: &dyn Clock) -> Answer {
    match asked {
        WasiRead::WallClock => Answer::Nanoseconds(coarse(clock.unix())),
        WasiRead::MonotonicClock => Answer::Nanoseconds(coarse(clock.monotonic())),
        WasiRead::Random(count) => {
            let mut bytes = vec![0; usize::try_from(count).unwrap_or_default()];
            let filled = SystemRandom::new().fill(&mut bytes);
            Answer::Random(filled.map(|()| bytes.into()).unwrap_or_default())
        }
    }
}

/// Nanoseconds, in whole steps of the resolution.
fn coarse(time: Duration) -> u64 {
    let steps = time.as_nanos() / RESOLUTION.as_nanos();
    u64::try_from(steps * RESOLUTION.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::ManualClock;

    #[test]
    fn time_is_told_in_milliseconds_and_goes_by_the_clock_that_is_passed_in() {
        let clock = ManualClock::new();
        let told = || {
            [WasiRead::WallClock, WasiRead::MonotonicClock]
                .map(|asked| answer(asked, &clock).into_nanoseconds().unwrap())
        };
        let [wall, monotonic] = told();
        clock.advance(Duration::from_nanos(1_999_999));
        assert_eq!(told(), [wall + 1_000_000, monotonic + 1_000_000]);
        clock.set_unix(Duration::from_secs(7));
        assert_eq!(told(), [7_000_000_000, monotonic + 1_000_000]);
    }

    #[test]
    fn random_bytes_are_as_many_as_asked_for_and_never_the_same() {
        let random = |count| answer(WasiRead::Random(count), &ManualClock::new()).into_random();
        let drawn = || random(32).unwrap();
        assert_eq!(drawn().len(), 32);
        assert_ne!(drawn(), drawn());
        assert_eq!(random(0), Ok(Box::default()));
    }
}
