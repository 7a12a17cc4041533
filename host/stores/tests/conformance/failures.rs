//! The promises of a `FailureLimit`.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tollgate_capability::credentials::FailureLimit;
use tollgate_capability::testing::ManualClock;
use tollgate_chain::Rate;
use tollgate_stores::memory::AddressFailures;

suite! {
    [memory]
    [
        an_address_is_held_back_after_its_failures_and_no_other_is,
        a_check_charges_nothing,
        the_stated_wait_suffices,
    ]
}

/// A limit of three failures at once, and one more in each second.
struct Bench {
    clock: Arc<ManualClock>,
    failures: Arc<dyn FailureLimit>,
}

type Open = fn() -> Bench;

fn memory() -> Bench {
    let clock = Arc::new(ManualClock::new());
    // A failure costs one unit, whatever the rate says about requests.
    let rate = Rate { quota: 60, window_seconds: 60, burst: 3, cost: 2 };
    let failures = AddressFailures::new(Arc::clone(&clock) as _, rate);
    Bench { clock, failures: Arc::new(failures) }
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

async fn an_address_is_held_back_after_its_failures_and_no_other_is(open: Open) {
    let bench = open();
    let guesser = address("192.0.2.1");
    for _ in 0..3 {
        assert_eq!(bench.failures.check(guesser), Ok(()));
        bench.failures.count(guesser);
    }
    assert_eq!(bench.failures.check(guesser), Err(Duration::from_secs(1)));
    assert_eq!(bench.failures.check(address("192.0.2.2")), Ok(()));
}

async fn a_check_charges_nothing(open: Open) {
    let bench = open();
    for _ in 0..10 {
        assert_eq!(bench.failures.check(address("192.0.2.1")), Ok(()));
    }
}

async fn the_stated_wait_suffices(open: Open) {
    let bench = open();
    let guesser = address("2001:db8::1");
    for _ in 0..3 {
        bench.failures.count(guesser);
    }
    // An IPv6 caller is held back with the /64 it was given.
    let neighbour = address("2001:db8::2");
    let wait = bench.failures.check(neighbour).expect_err("the network is held back");
    bench.clock.advance(wait);
    assert_eq!(bench.failures.check(neighbour), Ok(()));
}
