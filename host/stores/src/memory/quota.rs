//! Quota buckets in this process: sharded, bounded, and charged under the locks of all shards that
//! a request touches, taken in one order, so that a charge is one step.

mod gcra;
mod shard;

use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use smallvec::SmallVec;
use tollgate_capability::quota::{
    BucketStanding, Charge, ChargeOutcome, Owner, QuotaStore, Reservation, Reserved,
};
use tollgate_capability::{Clock, Later};
use tollgate_chain::{Rate, Rule};

use self::gcra::Cell;
use self::shard::{BucketId, BucketState, QuotaShard};

/// The wait stated to a caller for a slot or for room: nobody knows when there is one.
const SLOT_WAIT: Duration = Duration::from_secs(1);

/// Shards for each of the two groups: strangers' addresses cannot evict tenants' buckets.
const SHARDS: usize = 16;

/// Bounds of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryQuotaLimits {
    /// Most buckets of tenants and keys; about 100 bytes each.
    pub principal_buckets_max: usize,
    /// Most buckets of addresses; about 100 bytes each.
    pub address_buckets_max: usize,
}

impl Default for MemoryQuotaLimits {
    fn default() -> Self {
        Self { principal_buckets_max: 1 << 20, address_buckets_max: 1 << 18 }
    }
}

/// Quota store of a gateway that is alone. Buckets are full after a restart.
#[derive(Debug, Clone)]
pub struct MemoryQuota {
    inner: Arc<Buckets>,
}

#[derive(Debug)]
struct Buckets {
    clock: Arc<dyn Clock>,
    hashers: RandomState,
    shards: Vec<Mutex<QuotaShard>>,
}

/// The number of buckets that a request is usually charged to; more take an allocation.
const USUAL: usize = 2;

type Plans = SmallVec<[PlannedCharge; USUAL]>;

/// A charge with the shard it goes to and the bucket as it would be afterwards.
#[derive(Debug, Clone, Copy)]
struct PlannedCharge {
    id: BucketId,
    shard: usize,
    rule: Rule,
    bucket: BucketState,
    /// The wait, if there is no room.
    denied: Option<Duration>,
}

impl MemoryQuota {
    /// Creates a store in which every bucket is full.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, limits: MemoryQuotaLimits) -> Self {
        let shards_of = |max: usize| {
            (0..SHARDS).map(move |_| Mutex::new(QuotaShard::new(max.div_ceil(SHARDS))))
        };
        let shards =
            shards_of(limits.principal_buckets_max).chain(shards_of(limits.address_buckets_max));
        let hashers = RandomState::new();
        Self { inner: Arc::new(Buckets { clock, hashers, shards: shards.collect() }) }
    }

    /// Returns the number of buckets that are held now.
    #[must_use]
    pub fn buckets(&self) -> usize {
        self.inner.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    /// Takes at once; see [`QuotaStore::take`].
    #[must_use]
    pub fn take_now(&self, charges: &[Charge<'_>]) -> ChargeOutcome {
        let now = self.inner.clock.monotonic();
        let mut planned: Plans = charges.iter().map(|charge| self.inner.place(charge)).collect();
        let mut guards = self.inner.lock(&planned);
        plan(&mut planned, &guards, now);
        if planned.iter().all(|plan| plan.denied.is_none()) {
            make_room(&mut planned, &mut guards, now);
        }
        match planned.iter().position(|plan| plan.denied.is_some()) {
            Some(index) => denied(index, &planned, &guards, now),
            None => self.allowed(&planned, &mut guards, now),
        }
    }

    /// Checks that the charge would succeed, without taking anything.
    ///
    /// # Errors
    /// Returns the wait after which it would.
    pub fn peek(&self, charge: &Charge<'_>) -> Result<(), Duration> {
        let now = self.inner.clock.monotonic();
        let mut planned = [self.inner.place(charge)];
        let guards = self.inner.lock(&planned);
        plan(&mut planned, &guards, now);
        planned.iter().find_map(|plan| plan.denied).map_or(Ok(()), Err)
    }

    fn allowed(
        &self,
        planned: &[PlannedCharge],
        guards: &mut Guards<'_>,
        now: Duration,
    ) -> ChargeOutcome {
        for plan in planned {
            if let Some(shard) = guards.shard_mut(plan.shard) {
                shard.put(plan.id, plan.bucket, now);
            }
        }
        let standings = standings(planned, guards, now);
        let reservation: Reservation =
            Box::new(MemoryReservation { store: Arc::clone(&self.inner), charges: planned.into() });
        ChargeOutcome::Allowed { reservation, standings }
    }
}

impl QuotaStore for MemoryQuota {
    fn take<'a>(&'a self, charges: Vec<Charge<'a>>) -> Later<'a, ChargeOutcome> {
        Later::Ready(self.take_now(&charges))
    }
}

impl Buckets {
    fn place(&self, charge: &Charge<'_>) -> PlannedCharge {
        let kind = matches!(charge.rule, Rule::Concurrency(_));
        // Two hashes of two texts under one key: 128 bits that nobody outside can steer.
        let mut hasher = self.hashers.build_hasher();
        (charge.name, charge.owner, kind).hash(&mut hasher);
        let high = hasher.finish();
        hasher.write_u8(1);
        let low = hasher.finish();
        let group = if matches!(charge.owner, Owner::Address(_)) { SHARDS } else { 0 };
        let shard = group + usize::try_from(high).unwrap_or(0) % SHARDS;
        let bucket = BucketState::full(charge.rule);
        PlannedCharge { id: BucketId(high, low), shard, rule: charge.rule, bucket, denied: None }
    }

    /// Locks every shard that is planned for, in ascending order: two charges that touch the
    /// same shards cannot wait for each other.
    fn lock(&self, planned: &[PlannedCharge]) -> Guards<'_> {
        let mut wanted: SmallVec<[_; USUAL]> = planned.iter().map(|plan| plan.shard).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let lock = |index: usize| self.shards.get(index).map(|shard| (index, shard.lock()));
        Guards(wanted.into_iter().filter_map(lock).collect())
    }
}

/// The locked shards, by index.
struct Guards<'a>(SmallVec<[(usize, MutexGuard<'a, QuotaShard>); USUAL]>);

impl Guards<'_> {
    fn shard_mut(&mut self, index: usize) -> Option<&mut QuotaShard> {
        self.0.iter_mut().find(|(locked, _)| *locked == index).map(|(_, shard)| &mut **shard)
    }

    fn bucket(&self, plan: &PlannedCharge) -> Option<BucketState> {
        let (_, shard) = self.0.iter().find(|(locked, _)| *locked == plan.shard)?;
        shard.get(plan.id)
    }
}

/// Computes what each bucket would be after its charge. A bucket that is charged twice by
/// one request is charged on from the first.
fn plan(planned: &mut [PlannedCharge], guards: &Guards<'_>, now: Duration) {
    for index in 0..planned.len() {
        let Some((plan, before)) = planned.get_mut(..=index).and_then(<[_]>::split_last_mut) else {
            return;
        };
        let earlier =
            before.iter().rev().find(|other| other.id == plan.id && other.denied.is_none());
        let current = earlier.map(|other| other.bucket).or_else(|| guards.bucket(plan));
        match current.unwrap_or(plan.bucket).take(plan.rule, now) {
            Ok(after) => plan.bucket = after,
            Err(wait) => plan.denied = Some(wait),
        }
    }
}

/// Ensures that every new bucket has a place before any is written.
fn make_room(planned: &mut [PlannedCharge], guards: &mut Guards<'_>, now: Duration) {
    for index in 0..planned.len() {
        // Other charges of this request may want new places in the same shard.
        let wanted = |plan: &PlannedCharge| {
            planned.iter().take(index + 1).filter(|other| other.shard == plan.shard).count()
        };
        let Some((plan, places)) = planned.get(index).map(|plan| (*plan, wanted(plan))) else {
            return;
        };
        let keep: SmallVec<[_; USUAL]> = planned.iter().map(|plan| plan.id).collect();
        let has_room = guards
            .shard_mut(plan.shard)
            .is_some_and(|shard| shard.holds(plan.id) || shard.make_room(places, &keep, now));
        if let Some(plan) = planned.get_mut(index).filter(|_| !has_room) {
            plan.denied = Some(SLOT_WAIT);
        }
    }
}

fn denied(
    index: usize,
    planned: &[PlannedCharge],
    guards: &Guards<'_>,
    now: Duration,
) -> ChargeOutcome {
    // All of them must have room at once for a retry to succeed.
    let retry_after = planned.iter().filter_map(|plan| plan.denied).max().unwrap_or_default();
    let mut standings = standings(planned, guards, now);
    for (standing, plan) in standings.iter_mut().zip(planned) {
        if let (Rule::Rate(_), Some(wait)) = (plan.rule, plan.denied) {
            standing.more_in = wait;
        }
    }
    ChargeOutcome::Denied { index, retry_after, standings }
}

fn standings(planned: &[PlannedCharge], guards: &Guards<'_>, now: Duration) -> Vec<BucketStanding> {
    let standing = |plan: &PlannedCharge| {
        let bucket = guards.bucket(plan).unwrap_or_else(|| BucketState::full(plan.rule));
        bucket.standing(plan.rule, now)
    };
    planned.iter().map(standing).collect()
}

/// The units and slots that one charge took from this store.
#[derive(Debug)]
struct MemoryReservation {
    store: Arc<Buckets>,
    charges: Plans,
}

impl Reserved for MemoryReservation {
    fn commit(&mut self) {
        self.charges.retain(|plan| matches!(plan.rule, Rule::Concurrency(_)));
    }

    fn holds_slots(&self) -> bool {
        self.charges.iter().any(|plan| matches!(plan.rule, Rule::Concurrency(_)))
    }
}

impl Drop for MemoryReservation {
    fn drop(&mut self) {
        if self.charges.is_empty() {
            return;
        }
        let now = self.store.clock.monotonic();
        for plan in self.charges.iter().rev() {
            if let Some(shard) = self.store.shards.get(plan.shard) {
                shard.lock().give_back(plan.id, plan.bucket, plan.rule, now);
            }
        }
    }
}

impl BucketState {
    fn full(rule: Rule) -> Self {
        match rule {
            Rule::Rate(rate) => Self::Rate(Cell::full(rate)),
            Rule::Concurrency(_) => Self::Flight(0),
        }
    }

    fn take(self, rule: Rule, now: Duration) -> Result<Self, Duration> {
        match (self, rule) {
            (Self::Rate(cell), Rule::Rate(rate)) => {
                cell.under(rate, now).take(rate, now).map(Self::Rate)
            }
            (Self::Flight(count), Rule::Concurrency(max)) if count < max => {
                Ok(Self::Flight(count + 1))
            }
            // The kind is part of a bucket's id, so the kinds never differ.
            _ => Err(SLOT_WAIT),
        }
    }

    fn standing(self, rule: Rule, now: Duration) -> BucketStanding {
        match (self, rule) {
            (Self::Rate(cell), Rule::Rate(rate)) => cell.under(rate, now).standing(rate, now),
            (Self::Flight(count), Rule::Concurrency(max)) => {
                BucketStanding { remaining: max.saturating_sub(count), more_in: Duration::ZERO }
            }
            _ => BucketStanding { remaining: 0, more_in: SLOT_WAIT },
        }
    }
}

/// Returns the rate of a rule that is one.
fn rate_of(rule: Rule) -> Option<Rate> {
    match rule {
        Rule::Rate(rate) => Some(rate),
        Rule::Concurrency(_) => None,
    }
}

#[cfg(test)]
mod tests;
