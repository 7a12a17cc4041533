use super::*;
use tollgate_capability::testing::ManualClock;
use tollgate_chain::Environment;

fn store_of(max: usize) -> (Arc<ManualClock>, MemoryQuota) {
    let clock = Arc::new(ManualClock::new());
    let limits = MemoryQuotaLimits { principal_buckets_max: max, address_buckets_max: max };
    (Arc::clone(&clock), MemoryQuota::new(clock, limits))
}

fn rated(name: &'static str, tenant: &'static str, burst: u32) -> Charge<'static> {
    let rule = Rule::Rate(Rate { quota: 10, window_seconds: 10, burst, cost: 1 });
    Charge { name, owner: Owner::Tenant(tenant, Environment::Live), rule }
}

fn flights(tenant: &'static str, max: u32) -> Charge<'static> {
    let owner = Owner::Tenant(tenant, Environment::Live);
    Charge { name: "in-flight", owner, rule: Rule::Concurrency(max) }
}

/// Takes for good; the standings, or the index and wait of the denial.
fn take(
    store: &MemoryQuota,
    charges: &[Charge<'_>],
) -> Result<Vec<u32>, (usize, Duration, Vec<u32>)> {
    let left = |standings: Vec<BucketStanding>| standings.iter().map(|s| s.remaining).collect();
    match store.take_now(charges) {
        ChargeOutcome::Allowed { mut reservation, standings } => {
            reservation.commit();
            Ok(left(standings))
        }
        ChargeOutcome::Denied { index, retry_after, standings } => {
            Err((index, retry_after, left(standings)))
        }
    }
}

#[test]
fn a_stream_of_new_owners_does_not_grow_the_store() {
    let (_, store) = store_of(256);
    for index in 0..20_000_u32 {
        let owner = Owner::Address(std::net::Ipv4Addr::from_bits(index).into());
        assert!(take(&store, &[Charge { owner, ..rated("address", "", 5) }]).is_ok());
    }
    assert!(store.buckets() <= 256 + 2 * SHARDS);
}

#[test]
fn strangers_evict_each_other_and_not_who_is_held_back() {
    let (_, store) = store_of(256);
    let owner = Owner::Address([192, 0, 2, 1].into());
    let guesser = Charge { owner, ..rated("address", "", 20) };
    while take(&store, &[guesser]).is_ok() {}
    for index in 0..5_000_u32 {
        let owner = Owner::Address(std::net::Ipv4Addr::from_bits(index).into());
        let _ = take(&store, &[Charge { owner, ..guesser }]);
    }
    assert!(take(&store, &[guesser]).is_err(), "the debtor was forgotten");
}

#[test]
fn buckets_that_are_full_again_are_forgotten() {
    let (clock, store) = store_of(1 << 20);
    let flood = |from: u32| {
        for index in from..from + 10_000 {
            let owner = Owner::Address(std::net::Ipv4Addr::from_bits(index).into());
            assert!(take(&store, &[Charge { owner, ..rated("address", "", 5) }]).is_ok());
        }
    };
    flood(0);
    clock.advance(Duration::from_secs(60));
    flood(1 << 20);
    assert!(store.buckets() <= 11_000, "{}", store.buckets());
}

#[test]
fn a_store_full_of_slots_in_use_denies_and_takes_nothing() {
    let (_, store) = store_of(1);
    let mut held = Vec::new();
    let denied = (0..1_000).find_map(|index: u32| {
        let owner = Owner::Address(std::net::Ipv4Addr::from_bits(index).into());
        match store.take_now(&[Charge { owner, ..flights("", 5) }]) {
            ChargeOutcome::Allowed { reservation, .. } => {
                held.push(reservation);
                None
            }
            ChargeOutcome::Denied { retry_after, .. } => Some(retry_after),
        }
    });
    assert_eq!(denied, Some(SLOT_WAIT));
    assert!(store.buckets() <= SHARDS);
    drop(held);
    let owner = Owner::Address([203, 0, 113, 9].into());
    assert!(take(&store, &[Charge { owner, ..flights("", 5) }]).is_ok());
}

#[test]
fn many_threads_admit_exactly_the_burst() {
    let (_, store) = store_of(1_024);
    let charges = [rated("tenant", "a", 100), rated("writes", "a", 500), rated("k", "b", 500)];
    let admitted: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|turn| {
                let (store, mut charges) = (&store, charges);
                charges.rotate_left(turn % 3);
                scope.spawn(move || (0..100).filter(|_| take(store, &charges).is_ok()).count())
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
    });
    assert_eq!(admitted, 100);
}
