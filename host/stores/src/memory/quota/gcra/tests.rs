use super::*;
use proptest::prelude::*;

fn rate(quota: u32, window_seconds: u32, burst: u32, cost: u32) -> Rate {
    Rate { quota, window_seconds, burst, cost }
}

fn at(millis: u64) -> Duration {
    Duration::from_secs(1_000) + Duration::from_millis(millis)
}

/// Takes as often as it goes.
fn drain(cell: &mut Cell, rate: Rate, now: Duration) -> usize {
    let mut taken = 0;
    while let Ok(after) = cell.take(rate, now) {
        *cell = after;
        taken += 1;
    }
    taken
}

#[test]
fn exactly_the_burst_passes_and_then_one_for_each_interval() {
    let rate = rate(10, 1, 5, 1);
    let mut cell = Cell::full(rate);
    assert_eq!(drain(&mut cell, rate, at(0)), 5);
    assert_eq!(cell.take(rate, at(0)), Err(Duration::from_millis(100)));
    assert_eq!(drain(&mut cell, rate, at(99)), 0);
    assert_eq!(drain(&mut cell, rate, at(100)), 1);
    assert_eq!(drain(&mut cell, rate, at(10_000)), 5);
}

#[test]
fn a_denial_changes_nothing_and_the_stated_wait_is_enough() {
    let rate = rate(7, 3, 4, 3);
    let mut cell = Cell::full(rate);
    assert_eq!(drain(&mut cell, rate, at(0)), 1);
    let wait = cell.take(rate, at(0)).expect_err("one unit is left, three are due");
    for millis in 1..20 {
        let left = cell.take(rate, at(millis)).expect_err("too early");
        assert_eq!(left, wait - Duration::from_millis(millis));
    }
    assert!(cell.take(rate, at(0) + wait - Duration::from_nanos(1)).is_err());
    assert!(cell.take(rate, at(0) + wait).is_ok());
}

#[test]
fn what_was_used_stays_used_when_the_limit_changes() {
    let (slow, fast) = (rate(100, 86_400, 100, 1), rate(100, 60, 100, 1));
    let mut cell = Cell::full(slow);
    assert_eq!(drain(&mut cell, slow, at(0)), 100);
    let mut raised = cell.under(fast, at(0));
    assert_eq!(drain(&mut raised, fast, at(0)), 0, "it must not be refilled");
    assert_eq!(drain(&mut raised, fast, at(600)), 1, "it must run at the new pace");
    let larger = rate(200, 86_400, 200, 1);
    let mut larger_cell = cell.under(larger, at(0));
    assert_eq!(drain(&mut larger_cell, larger, at(0)), 100);
}

#[test]
fn changing_to_and_fro_earns_nothing() {
    let (a, b) = (rate(999_983, 3, 1_000, 1), rate(7, 5, 3, 1));
    let mut cell = Cell::full(a);
    drain(&mut cell, a, at(0));
    for _ in 0..100 {
        cell = cell.under(b, at(0)).under(a, at(0));
    }
    assert!(cell.take(a, at(0)).is_err());
}

#[test]
fn giving_back_restores_at_once_but_never_what_time_has_restored() {
    let rate = rate(10, 1, 5, 1);
    let before = Cell::full(rate).take(rate, at(0)).expect("full");
    let taken = before.take(rate, at(0)).expect("four are left");
    assert_eq!(taken.give_back(taken, rate, at(0)), before);
    let first = Cell::full(rate).take(rate, at(0)).expect("full");
    let second = first.take(rate, at(500)).expect("full again");
    assert_eq!(second.give_back(first, rate, at(500)), second);
}

#[test]
fn standings_count_whole_units_and_the_time_to_the_next() {
    let rate = rate(10, 1, 5, 1);
    let mut cell = Cell::full(rate);
    assert_eq!(
        cell.standing(rate, at(0)),
        BucketStanding { remaining: 5, more_in: Duration::ZERO }
    );
    drain(&mut cell, rate, at(0));
    let wait = Duration::from_millis(100);
    assert_eq!(cell.standing(rate, at(0)), BucketStanding { remaining: 0, more_in: wait });
    let later = BucketStanding { remaining: 1, more_in: Duration::from_millis(50) };
    assert_eq!(cell.standing(rate, at(150)), later);
}

#[test]
fn the_largest_limits_do_not_overflow() {
    let rate = rate(1, 86_400, 1_000_000, 1_000_000);
    let cell = Cell::full(rate).take(rate, at(0)).expect("the burst");
    assert!(cell.take(rate, at(0)).is_err());
    assert_eq!(cell.standing(rate, at(0)).remaining, 0);
}

/// The reference: a token bucket in exact integers, with `interval` parts to a unit.
struct Model {
    parts: u128,
    at: u128,
}

impl Model {
    fn take(&mut self, rate: Rate, now: Duration) -> bool {
        let full = interval(rate) * u128::from(rate.burst);
        let now = now.as_nanos();
        // A clock that goes back earns nothing, twice.
        self.parts = (self.parts + now.saturating_sub(self.at)).min(full);
        self.at = self.at.max(now);
        match self.parts.checked_sub(interval(rate) * u128::from(rate.cost)) {
            Some(rest) => {
                self.parts = rest;
                true
            }
            None => false,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn it_decides_as_a_token_bucket_in_exact_integers(
        quota in 1u32..=1_000,
        window in 1u32..=100,
        burst in 1u32..=50,
        steps in prop::collection::vec((0u64..3_000_000_000, 1u32..=50), 1..200),
    ) {
        let base = rate(quota, window, burst, 1);
        let mut cell = Cell::full(base);
        let mut now = Duration::from_secs(1_000);
        let full = interval(base) * u128::from(burst);
        let mut model = Model { parts: full, at: now.as_nanos() };

        for (pause, cost) in steps {
            now += Duration::from_nanos(pause / u64::from(quota));
            let rate = rate(quota, window, burst, cost.min(burst));
            let taken = cell.take(rate, now);
            prop_assert_eq!(taken.is_ok(), model.take(rate, now));
            match taken {
                Ok(after) => cell = after,
                Err(wait) => prop_assert!(cell.take(rate, now + wait).is_ok()),
            }
            let left = u128::from(cell.standing(rate, now).remaining);
            prop_assert_eq!(left, model.parts / interval(base));
        }
    }

    #[test]
    fn the_arrival_time_never_decreases_though_the_clock_may(
        burst in 1u32..=20,
        moments in prop::collection::vec(0u64..10_000, 1..200),
    ) {
        let rate = rate(10, 1, burst, 1);
        let mut cell = Cell::full(rate);
        for moment in moments {
            let before = cell.tat;
            if let Ok(after) = cell.take(rate, at(moment)) {
                cell = after;
            }
            prop_assert!(cell.tat >= before);
        }
    }

    #[test]
    fn giving_back_never_leaves_more_than_not_having_taken(
        pauses in prop::collection::vec(0u64..400, 3..30),
        index in 0usize..30,
    ) {
        let rate = rate(10, 1, 5, 1);
        let index = index % pauses.len();
        let (mut with, mut without) = (Cell::full(rate), Cell::full(rate));
        let mut taken = None;
        let mut now = at(0);

        for (step, pause) in pauses.iter().enumerate() {
            now += Duration::from_millis(*pause);
            if step == index {
                taken = with.take(rate, now).ok();
                with = taken.unwrap_or(with);
            } else if let (Ok(a), Ok(b)) = (with.take(rate, now), without.take(rate, now)) {
                (with, without) = (a, b);
            }
        }

        if let Some(taken) = taken {
            let given = with.give_back(taken, rate, now);
            prop_assert!(given.debt(now) >= without.debt(now));
        }
    }
}
