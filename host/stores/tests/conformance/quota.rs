//! The promises of a `QuotaStore`.

use std::sync::Arc;
use std::time::Duration;

use tollgate_capability::quota::{Charge, ChargeOutcome, Owner, QuotaStore, Reservation};
use tollgate_capability::testing::ManualClock;
use tollgate_chain::{Environment, Rate, Rule};
use tollgate_stores::memory::{MemoryQuota, MemoryQuotaLimits};

suite! {
    [memory]
    [
        exactly_the_burst_passes_and_then_one_for_each_interval,
        a_denial_by_the_second_bucket_leaves_the_first_untouched,
        the_stated_wait_is_that_of_the_slowest_denied_bucket_and_suffices,
        owners_environments_names_and_kinds_have_buckets_of_their_own,
        a_bucket_named_twice_in_one_charge_is_charged_twice,
        a_reservation_that_is_dropped_uncommitted_is_given_back,
        committed_rates_stay_used_and_slots_end_with_the_reservation,
        a_changed_limit_keeps_the_units_that_were_used,
        charges_at_once_admit_exactly_the_burst,
    ]
}

/// An open store and the clock that it goes by.
struct Bench {
    clock: Arc<ManualClock>,
    store: Arc<dyn QuotaStore>,
}

type Open = fn() -> Bench;

fn memory() -> Bench {
    let clock = Arc::new(ManualClock::new());
    let store = MemoryQuota::new(Arc::clone(&clock) as _, MemoryQuotaLimits::default());
    Bench { clock, store: Arc::new(store) }
}

/// A denial: the index of the bucket, the wait, and what is left in each.
type Denial = (usize, Duration, Vec<u32>);

impl Bench {
    /// Takes and keeps the reservation; the units that are left in each bucket.
    async fn reserve(&self, charges: &[Charge<'_>]) -> Result<(Reservation, Vec<u32>), Denial> {
        match self.store.take(charges.to_vec()).get().await {
            ChargeOutcome::Allowed { reservation, standings } => {
                Ok((reservation, standings.iter().map(|standing| standing.remaining).collect()))
            }
            ChargeOutcome::Denied { index, retry_after, standings } => {
                let left = standings.iter().map(|standing| standing.remaining).collect();
                Err((index, retry_after, left))
            }
        }
    }

    /// Takes for good.
    async fn take(&self, charges: &[Charge<'_>]) -> Result<Vec<u32>, Denial> {
        let (mut reservation, left) = self.reserve(charges).await?;
        reservation.commit();
        Ok(left)
    }
}

/// A bucket that earns a unit each second.
fn rated(name: &'static str, tenant: &'static str, burst: u32) -> Charge<'static> {
    let rule = Rule::Rate(Rate { quota: 10, window_seconds: 10, burst, cost: 1 });
    Charge { name, owner: Owner::Tenant(tenant, Environment::Live), rule }
}

fn slots(tenant: &'static str, max: u32) -> Charge<'static> {
    Charge { rule: Rule::Concurrency(max), ..rated("in-flight", tenant, 1) }
}

const SECOND: Duration = Duration::from_secs(1);

async fn exactly_the_burst_passes_and_then_one_for_each_interval(open: Open) {
    let bench = open();
    let charge = [rated("tenant", "a", 2)];
    assert_eq!(bench.take(&charge).await, Ok(vec![1]));
    assert_eq!(bench.take(&charge).await, Ok(vec![0]));
    assert_eq!(bench.take(&charge).await, Err((0, SECOND, vec![0])));
    bench.clock.advance(Duration::from_millis(999));
    assert!(bench.take(&charge).await.is_err());
    bench.clock.advance(Duration::from_millis(1));
    assert_eq!(bench.take(&charge).await, Ok(vec![0]));
    bench.clock.advance(Duration::from_secs(3_600));
    assert_eq!(bench.take(&charge).await, Ok(vec![1]));
}

async fn a_denial_by_the_second_bucket_leaves_the_first_untouched(open: Open) {
    let bench = open();
    let both = [rated("tenant", "a", 5), rated("writes", "a", 1)];
    assert_eq!(bench.take(&both).await, Ok(vec![4, 0]));
    for _ in 0..3 {
        assert_eq!(bench.take(&both).await, Err((1, SECOND, vec![4, 0])));
    }
    assert_eq!(bench.take(&[rated("tenant", "a", 5)]).await, Ok(vec![3]));
}

async fn the_stated_wait_is_that_of_the_slowest_denied_bucket_and_suffices(open: Open) {
    let bench = open();
    let slow = Rule::Rate(Rate { quota: 1, window_seconds: 30, burst: 1, cost: 1 });
    let both = [rated("fast", "a", 1), Charge { rule: slow, ..rated("slow", "a", 1) }];
    assert!(bench.take(&both).await.is_ok());
    let Err((index, wait, _)) = bench.take(&both).await else { panic!("both are spent") };
    assert_eq!((index, wait), (0, Duration::from_secs(30)));
    bench.clock.advance(wait);
    assert!(bench.take(&both).await.is_ok());
}

async fn owners_environments_names_and_kinds_have_buckets_of_their_own(open: Open) {
    let bench = open();
    let spent = rated("tenant", "a", 1);
    assert!(bench.take(&[spent]).await.is_ok());
    assert!(bench.take(&[spent]).await.is_err());
    for other in [
        rated("tenant", "b", 1),
        rated("writes", "a", 1),
        Charge { rule: Rule::Concurrency(1), ..spent },
        Charge { owner: Owner::Tenant("a", Environment::Sandbox), ..spent },
        Charge { owner: Owner::Key("a", Environment::Live), ..spent },
        Charge { owner: Owner::Address([192, 0, 2, 1].into()), ..spent },
    ] {
        assert!(bench.take(&[other]).await.is_ok(), "{other:?}");
    }
}

async fn a_bucket_named_twice_in_one_charge_is_charged_twice(open: Open) {
    let bench = open();
    let charge = rated("tenant", "a", 3);
    assert_eq!(bench.take(&[charge, charge]).await, Ok(vec![1, 1]));
    assert_eq!(bench.take(&[charge, charge]).await, Err((1, SECOND, vec![1, 1])));
    assert_eq!(bench.take(&[charge]).await, Ok(vec![0]));
}

async fn a_reservation_that_is_dropped_uncommitted_is_given_back(open: Open) {
    let bench = open();
    let charges = [rated("tenant", "a", 3), slots("a", 2)];
    assert_eq!(bench.take(&charges[..1]).await, Ok(vec![2]));
    drop(bench.reserve(&charges).await.expect("there is room"));
    assert_eq!(bench.take(&charges).await, Ok(vec![1, 1]));
}

async fn committed_rates_stay_used_and_slots_end_with_the_reservation(open: Open) {
    let bench = open();
    let charges = [rated("tenant", "a", 10), slots("a", 2)];
    let mut held = Vec::new();
    for _ in 0..2 {
        let (mut reservation, _) = bench.reserve(&charges).await.expect("there is room");
        reservation.commit();
        held.push(reservation);
    }
    let denial = bench.take(&charges).await.expect_err("both slots are in use");
    assert_eq!((denial.0, denial.2), (1, vec![8, 0]));
    held.pop();
    assert_eq!(bench.take(&charges).await, Ok(vec![7, 0]));
}

async fn a_changed_limit_keeps_the_units_that_were_used(open: Open) {
    let bench = open();
    let charge = rated("tenant", "a", 3);
    for _ in 0..3 {
        assert!(bench.take(&[charge]).await.is_ok());
    }
    let faster = Rule::Rate(Rate { quota: 100, window_seconds: 10, burst: 5, cost: 1 });
    let changed = Charge { rule: faster, ..charge };
    assert_eq!(bench.take(&[changed]).await, Ok(vec![1]));
    assert_eq!(bench.take(&[changed]).await, Ok(vec![0]));
    assert_eq!(bench.take(&[changed]).await, Err((0, Duration::from_millis(100), vec![0])));
}

async fn charges_at_once_admit_exactly_the_burst(open: Open) {
    let bench = open();
    let charges = [rated("tenant", "a", 100), rated("writes", "a", 500), rated("k", "b", 500)];
    let tasks: Vec<_> = (0..4)
        .map(|turn| {
            let (store, mut charges) = (Arc::clone(&bench.store), charges);
            let bench = Bench { clock: Arc::clone(&bench.clock), store };
            // Each task names the buckets in another order.
            charges.rotate_left(turn % 3);
            tokio::task::spawn_blocking(move || {
                let admitted = |_: &u32| {
                    let taking = bench.take(&charges);
                    futures_util::FutureExt::now_or_never(taking).is_some_and(|t| t.is_ok())
                };
                (0..100).filter(admitted).count()
            })
        })
        .collect();

    let mut admitted = 0;
    for task in tasks {
        admitted += task.await.expect("no panic");
    }
    assert_eq!(admitted, 100);
}
