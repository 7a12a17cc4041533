//! What language runtimes ask of the machine: the time, and randomness. Files, sockets and the
//! environment there are none.

use std::sync::LazyLock;
use std::time::Duration;

use ring::rand::{SecureRandom, SystemRandom};
use tollgate_chain::{Answer, System};

use crate::{Clock, SystemClock};

/// The finest that a policy is told of time: a guest that could time its own questions could tell
/// what the host has at hand from what it must fetch.
const RESOLUTION: Duration = Duration::from_millis(1);

/// The answer. Without randomness in the machine there are fewer bytes than were asked for, which
/// ends the run.
pub(crate) fn answer(asked: System) -> Answer {
    static CLOCK: LazyLock<SystemClock> = LazyLock::new(SystemClock::new);
    match asked {
        System::WallClock => Answer::Nanoseconds(coarse(CLOCK.unix())),
        System::MonotonicClock => Answer::Nanoseconds(coarse(CLOCK.monotonic())),
        System::Random(count) => {
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

    #[test]
    fn time_is_told_in_milliseconds() {
        assert_eq!(coarse(Duration::from_nanos(1_999_999)), 1_000_000);
        let Answer::Nanoseconds(now) = answer(System::WallClock) else { panic!("no moment") };
        assert!(now > 1_700_000_000_000_000_000 && now.is_multiple_of(1_000_000), "{now}");
        let Answer::Nanoseconds(passed) = answer(System::MonotonicClock) else {
            panic!("no moment")
        };
        assert!(passed < now);
    }

    #[test]
    fn random_bytes_are_as_many_as_asked_for_and_never_the_same() {
        let drawn = || answer(System::Random(32)).into_random().unwrap();
        assert_eq!(drawn().len(), 32);
        assert_ne!(drawn(), drawn());
        assert_eq!(answer(System::Random(0)).into_random(), Ok(Box::default()));
    }
}
