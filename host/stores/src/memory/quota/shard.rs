//! One shard of the buckets: a bounded table that forgets full buckets first.
//!
//! Forgetting a full bucket changes nothing. When a shard is full of buckets in use, the one
//! that owes least is forgotten, so that a stream of strangers, each owing one request,
//! evicts each other and not who is being held back. Slots in use are never forgotten.

use std::collections::{HashMap, VecDeque};
use std::hash::{Hash, Hasher};
use std::time::Duration;

use nohash_hasher::{BuildNoHashHasher, IsEnabled};
use tollgate_chain::Rule;

use super::gcra::Cell;
use super::rate_of;

/// 128 bits of a keyed hash over name, owner and kind: nobody who does not know the process's
/// keys can make two buckets meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BucketId(pub(super) u64, pub(super) u64);

/// The state of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BucketState {
    Rate(Cell),
    Flight(u32),
}

#[derive(Debug)]
pub(super) struct QuotaShard {
    buckets: HashMap<BucketId, BucketState, BuildNoHashHasher<BucketId>>,
    /// Every id of `buckets` once, the longest unexamined first.
    round: VecDeque<BucketId>,
    max: usize,
}

/// The number of buckets that are examined to find one to forget.
const EXAMINED: usize = 8;

impl QuotaShard {
    pub(super) fn new(max: usize) -> Self {
        Self { buckets: HashMap::default(), round: VecDeque::new(), max: max.max(1) }
    }

    pub(super) fn len(&self) -> usize {
        self.buckets.len()
    }

    pub(super) fn get(&self, id: BucketId) -> Option<BucketState> {
        self.buckets.get(&id).copied()
    }

    pub(super) fn holds(&self, id: BucketId) -> bool {
        self.buckets.contains_key(&id)
    }

    /// Writes a bucket. Each new one pays for examining two old ones, so that buckets of
    /// callers who are gone are forgotten without a sweep.
    pub(super) fn put(&mut self, id: BucketId, bucket: BucketState, now: Duration) {
        if self.buckets.insert(id, bucket).is_some() {
            return;
        }
        for _ in 0..2 {
            let Some(old) = self.round.pop_front() else { break };
            if !self.forget_if_idle(old, now) {
                self.round.push_back(old);
            }
        }
        self.round.push_back(id);
    }

    /// Makes room for so many new buckets, sparing those in `keep`. Returns false if it cannot.
    pub(super) fn make_room(&mut self, places: usize, keep: &[BucketId], now: Duration) -> bool {
        while self.buckets.len() + places > self.max {
            if !self.forget_one(keep, now) {
                return false;
            }
        }
        true
    }

    pub(super) fn give_back(
        &mut self,
        id: BucketId,
        taken: BucketState,
        rule: Rule,
        now: Duration,
    ) {
        let Some(bucket) = self.buckets.get_mut(&id) else { return };
        match (bucket, taken) {
            (BucketState::Rate(cell), BucketState::Rate(taken)) => {
                if let Some(rate) = rate_of(rule) {
                    *cell = cell.give_back(taken, rate, now);
                }
            }
            (BucketState::Flight(count), _) => *count = count.saturating_sub(1),
            (BucketState::Rate(_), BucketState::Flight(_)) => {}
        }
    }

    /// Forgets an idle bucket, or of some that are in use the one that owes least.
    fn forget_one(&mut self, keep: &[BucketId], now: Duration) -> bool {
        let mut unexamined = self.round.len();
        while unexamined > 0 {
            let mut least: Option<(u128, BucketId)> = None;

            // A bounded number is examined at a time, so that a full shard costs no sweep.
            for _ in 0..EXAMINED.min(unexamined) {
                unexamined -= 1;
                let Some(id) = self.round.pop_front() else { break };
                if !keep.contains(&id) && self.forget_if_idle(id, now) {
                    self.round.extend(least.map(|(_, other)| other));
                    return true;
                }
                match self.debt_of(id, now).filter(|_| !keep.contains(&id)) {
                    Some(debt) if least.is_none_or(|(best, _)| debt < best) => {
                        self.round.extend(least.replace((debt, id)).map(|(_, other)| other));
                    }
                    _ => self.round.push_back(id),
                }
            }

            if let Some((_, id)) = least {
                self.buckets.remove(&id);
                return true;
            }
        }
        false
    }

    /// Returns the debt of a bucket. None for slots in use, which cannot be forgotten.
    fn debt_of(&self, id: BucketId, now: Duration) -> Option<u128> {
        match self.buckets.get(&id) {
            Some(BucketState::Rate(cell)) => Some(cell.debt(now)),
            Some(BucketState::Flight(_)) | None => None,
        }
    }

    fn forget_if_idle(&mut self, id: BucketId, now: Duration) -> bool {
        let idle = match self.buckets.get(&id) {
            Some(BucketState::Rate(cell)) => cell.is_idle(now),
            Some(BucketState::Flight(count)) => *count == 0,
            None => true,
        };
        if idle {
            self.buckets.remove(&id);
        }
        idle
    }
}

impl IsEnabled for BucketId {}

impl Hash for BucketId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.1);
    }
}
