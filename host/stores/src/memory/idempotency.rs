//! Idempotency records in this process, for tests and for gateways that can lose them at a restart.
//! Sharded, so that workers do not wait for each other.

mod records;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use tollgate_capability::idempotency::record::{
    self, ClaimDecision, OperationRecord, OperationState, RecordTime,
};
use tollgate_capability::idempotency::{
    BODY_BYTES_MAX, Claim, ClaimOutcome, ClaimRequest, Completion, Holder, IdempotencyStore,
    OperationKey, StoredReply, TTL_DEFAULT, Ticket,
};
use tollgate_capability::{Clock, Later};

use self::records::Records;

/// Bounds of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryIdempotencyLimits {
    /// Most records.
    pub records_max: usize,
    /// Most records of one owner, a tenant in one environment.
    pub owner_records_max: usize,
    /// Most bytes of stored bodies, together; at least one body of 256 KiB.
    pub body_bytes_max: usize,
    /// Life of a completed record.
    pub ttl: Duration,
}

impl Default for MemoryIdempotencyLimits {
    fn default() -> Self {
        Self {
            records_max: 100_000,
            owner_records_max: 10_000,
            body_bytes_max: 64 * 1024 * 1024,
            ttl: TTL_DEFAULT,
        }
    }
}

/// Most shards, and the fewest records that are worth one.
const SHARDS_MAX: usize = 16;
const SHARD_RECORDS_MIN: usize = 512;

/// Idempotency store in memory. If an owner has no room, the oldest resolved record of that owner
/// is forgotten, and if a shard has none, its oldest; one in progress never is. Of the bytes of
/// bodies no owner has more than an eighth, or one largest body. Shards have equal parts of the bounds; a store of fewer than 1,024 records, or of less than 512 KiB for bodies, is
/// a single one.
#[derive(Debug, Clone)]
pub struct MemoryIdempotency {
    shards: Arc<[Arc<RecordShard>]>,
}

#[derive(Debug)]
struct RecordShard {
    clock: Arc<dyn Clock>,
    limits: MemoryIdempotencyLimits,
    records: Mutex<Records>,
}

impl MemoryIdempotency {
    /// Creates an empty store.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, limits: MemoryIdempotencyLimits) -> Self {
        let MemoryIdempotencyLimits { records_max, owner_records_max, body_bytes_max, ttl } =
            limits;
        let worth = (records_max / SHARD_RECORDS_MIN).min(body_bytes_max / BODY_BYTES_MAX);
        let count = worth.clamp(1, SHARDS_MAX);
        let limits = MemoryIdempotencyLimits {
            records_max: records_max.div_ceil(count),
            owner_records_max: owner_records_max.div_ceil(count),
            body_bytes_max: (body_bytes_max / count).max(BODY_BYTES_MAX),
            ttl,
        };
        let shard = || RecordShard { clock: Arc::clone(&clock), limits, records: Mutex::default() };
        Self { shards: (0..count).map(|_| Arc::new(shard())).collect() }
    }

    fn shard(&self, operation: OperationKey) -> Option<&Arc<RecordShard>> {
        let [.., last] = operation.0.0;
        self.shards.get(usize::from(last) % self.shards.len())
    }

    /// Forgets every record, as an operator may at any moment.
    pub fn clear(&self) {
        self.shards.iter().for_each(|shard| *shard.records.lock() = Records::default());
    }

    /// Returns the number of records that are held now.
    #[must_use]
    pub fn records(&self) -> usize {
        self.shards.iter().map(|shard| shard.records.lock().len()).sum()
    }
}

impl IdempotencyStore for MemoryIdempotency {
    fn claim(&self, request: ClaimRequest) -> Later<'_, ClaimOutcome> {
        let Some(shard) = self.shard(request.operation) else {
            return Later::Ready(ClaimOutcome::Unavailable);
        };
        Later::Ready(match shard.claim(&request) {
            Some(ClaimDecision::Granted(record)) => {
                let ticket = Ticket { operation: request.operation, generation: record.generation };
                let holder: Arc<dyn Holder> = Arc::<RecordShard>::clone(shard);
                let claim = Claim::new(holder, ticket, request.fingerprint, request.lease);
                ClaimOutcome::Claimed(claim)
            }
            Some(ClaimDecision::Completed(reply)) => ClaimOutcome::Completed(reply),
            Some(ClaimDecision::InProgress) => ClaimOutcome::InProgress,
            Some(ClaimDecision::Reused) => ClaimOutcome::Reused,
            None => ClaimOutcome::Unavailable,
        })
    }
}

impl RecordShard {
    fn now(&self) -> RecordTime {
        let (monotonic, unix) = (self.clock.monotonic(), self.clock.unix());
        RecordTime { monotonic, unix, ttl: self.limits.ttl }
    }

    /// Returns None if the owner's part of the store, or all of it, is full of operations in
    /// progress.
    fn claim(&self, request: &ClaimRequest) -> Option<ClaimDecision> {
        let now = self.now();
        let mut records = self.records.lock();
        records.forget_past(now);
        let known = records.get(request.operation);
        let is_new = known.is_none();
        let found = record::claim(known, request, now);
        if let ClaimDecision::Granted(record) = &found {
            if is_new && !records.make_room(record.owner, &self.limits) {
                return None;
            }
            records.write(request.operation, record.clone());
        }
        Some(found)
    }
}

impl Holder for RecordShard {
    fn complete(&self, ticket: Ticket, reply: StoredReply) -> Later<'static, Completion> {
        let now = self.now();
        let mut records = self.records.lock();
        let Some(record) = records.held(ticket) else {
            let record = records.get(ticket.operation).cloned();
            return Later::Ready(Completion::Superseded(record::stored(record)));
        };
        let elided = reply.is_elided();
        let (owner, state) = (record.owner, record::completed(reply, now));
        records.write(ticket.operation, OperationRecord { state, ..record });
        records.resolve(owner, ticket);
        records.bound_bodies(owner, self.limits.body_bytes_max);
        Later::Ready(if elided { Completion::Elided } else { Completion::Stored })
    }

    fn retryable(&self, ticket: Ticket) -> Later<'static, ()> {
        let state = self.now().retryable();
        let mut records = self.records.lock();
        if let Some(record) = records.held(ticket) {
            let owner = record.owner;
            records.write(ticket.operation, OperationRecord { state, ..record });
            records.resolve(owner, ticket);
        }
        Later::Ready(())
    }

    fn renew(&self, ticket: Ticket, lease: Duration) {
        let lease_until = self.now().monotonic.saturating_add(lease);
        let mut records = self.records.lock();
        if let Some(record) = records.held(ticket) {
            let state = OperationState::Executing { lease_until };
            records.write(ticket.operation, OperationRecord { state, ..record });
        }
    }
}

#[cfg(test)]
mod tests;
