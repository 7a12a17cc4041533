use super::*;
use crate::testing::ManualClock;
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
    let left = |standings: Vec<Standing>| standings.iter().map(|s| s.remaining).collect();
    match store.take_now(charges) {
        Outcome::Allowed { mut reservation, standings } => {
            reservation.commit();
            Ok(left(standings))
        }
        Outcome::Denied { index, retry_after, standings } => {
            Err((index, retry_after, left(standings)))
        }
    }
}

#[test]
fn a_denial_by_the_second_bucket_leaves_the_first_untouched() {
    let (_, store) = store_of(64);
    let both = [rated("tenant", "a", 5), rated("writes", "a", 1)];
    assert_eq!(take(&store, &both), Ok(vec![4, 0]));
    for _ in 0..3 {
        assert_eq!(take(&store, &both), Err((1, Duration::from_secs(1), vec![4, 0])));
    }
    assert_eq!(take(&store, &[rated("tenant", "a", 5)]), Ok(vec![3]));
}

#[test]
fn the_stated_wait_is_that_of_the_slowest_denied_bucket() {
    let (clock, store) = store_of(64);
    let slow = Rule::Rate(Rate { quota: 1, window_seconds: 30, burst: 1, cost: 1 });
    let both = [rated("fast", "a", 1), Charge { rule: slow, ..rated("slow", "a", 1) }];
    assert!(take(&store, &both).is_ok());
    let Err((index, wait, _)) = take(&store, &both) else { panic!("both are spent") };
    assert_eq!((index, wait), (0, Duration::from_secs(30)));
    clock.advance(wait);
    assert!(take(&store, &both).is_ok());
}

#[test]
fn tenants_environments_names_and_partitions_have_buckets_of_their_own() {
    let (_, store) = store_of(64);
    let spent = rated("tenant", "a", 1);
    assert!(take(&store, &[spent]).is_ok());
    assert!(take(&store, &[spent]).is_err());
    let sandbox = Owner::Tenant("a", Environment::Sandbox);
    for other in [
        rated("tenant", "b", 1),
        rated("writes", "a", 1),
        Charge { owner: sandbox, ..spent },
        Charge { owner: Owner::Key("a", Environment::Live), ..spent },
        Charge { owner: Owner::Address([192, 0, 2, 1].into()), ..spent },
    ] {
        assert!(take(&store, &[other]).is_ok(), "{other:?}");
    }
}

#[test]
fn a_bucket_named_twice_in_one_charge_is_charged_twice() {
    let (_, store) = store_of(64);
    let charge = rated("tenant", "a", 3);
    assert_eq!(take(&store, &[charge, charge]), Ok(vec![1, 1]));
    assert_eq!(take(&store, &[charge, charge]), Err((1, Duration::from_secs(1), vec![1, 1])));
    assert_eq!(take(&store, &[charge]), Ok(vec![0]));
}

#[test]
fn what_is_dropped_uncommitted_is_given_back_and_nothing_else() {
    let (_, store) = store_of(64);
    let charges = [rated("tenant", "a", 3), flights("a", 2)];
    assert_eq!(take(&store, &charges[..1]), Ok(vec![2]));
    let Outcome::Allowed { reservation, .. } = store.take_now(&charges) else {
        panic!("there is room")
    };
    drop(reservation);
    assert_eq!(take(&store, &charges), Ok(vec![1, 1]));
}

#[test]
fn slots_end_with_the_reservation_though_it_was_committed() {
    let (_, store) = store_of(64);
    let charge = [flights("a", 2)];
    let mut held = Vec::new();
    for _ in 0..2 {
        let Outcome::Allowed { mut reservation, .. } = store.take_now(&charge) else {
            panic!("there is room")
        };
        reservation.commit();
        held.push(reservation);
    }
    assert_eq!(take(&store, &charge), Err((0, SLOT_WAIT, vec![0])));
    held.pop();
    assert!(take(&store, &charge).is_ok());
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
            Outcome::Allowed { reservation, .. } => {
                held.push(reservation);
                None
            }
            Outcome::Denied { retry_after, .. } => Some(retry_after),
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
