//! Idempotency records in this process, for tests and for gateways that can lose them at a restart.
//! Sharded, so that workers do not wait for each other.

use std::collections::{HashMap, VecDeque};
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

/// Bounds of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryIdempotencyLimits {
    /// Most records.
    pub records_max: usize,
    /// Most bytes of stored bodies, together; at least one body of 256 KiB.
    pub body_bytes_max: usize,
    /// Life of a completed record.
    pub ttl: Duration,
}

impl Default for MemoryIdempotencyLimits {
    fn default() -> Self {
        Self { records_max: 100_000, body_bytes_max: 64 * 1024 * 1024, ttl: TTL_DEFAULT }
    }
}

/// Most shards, and the fewest records that are worth one.
const SHARDS_MAX: usize = 16;
const SHARD_RECORDS_MIN: usize = 512;

/// Idempotency store in memory. If there is no room, the oldest resolved record of a shard is
/// forgotten; one in progress never is. Shards have equal parts of the bounds; a store of fewer than 1,024 records, or of less than 512 KiB for bodies, is
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

#[derive(Debug, Default)]
struct Records {
    by_operation: HashMap<OperationKey, OperationRecord>,
    /// The resolved records in the order of their resolution, oldest first. A ticket whose record
    /// has moved on is stale and skipped.
    resolved: VecDeque<Ticket>,
    body_bytes: usize,
}

impl MemoryIdempotency {
    /// Creates an empty store.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, limits: MemoryIdempotencyLimits) -> Self {
        let MemoryIdempotencyLimits { records_max, body_bytes_max, ttl } = limits;
        let worth = (records_max / SHARD_RECORDS_MIN).min(body_bytes_max / BODY_BYTES_MAX);
        let count = worth.clamp(1, SHARDS_MAX);
        let limits = MemoryIdempotencyLimits {
            records_max: records_max.div_ceil(count),
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
        self.shards.iter().map(|shard| shard.records.lock().by_operation.len()).sum()
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

    /// Returns None if the store is full of operations in progress.
    fn claim(&self, request: &ClaimRequest) -> Option<ClaimDecision> {
        let now = self.now();
        let mut records = self.records.lock();
        records.forget_past(now);
        let known = records.by_operation.get(&request.operation);
        let is_new = known.is_none();
        let found = record::claim(known, &request.fingerprint, request.lease, now);
        if let ClaimDecision::Granted(record) = &found {
            if is_new && !records.make_room(self.limits.records_max) {
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
            let record = records.by_operation.get(&ticket.operation).cloned();
            return Later::Ready(Completion::Superseded(record::stored(record)));
        };
        let elided = reply.is_elided();
        let record = OperationRecord { state: record::completed(reply, now), ..record };
        records.write(ticket.operation, record);
        records.resolve(ticket);
        records.bound_bodies(self.limits.body_bytes_max);
        Later::Ready(if elided { Completion::Elided } else { Completion::Stored })
    }

    fn retryable(&self, ticket: Ticket) -> Later<'static, ()> {
        let mut records = self.records.lock();
        if let Some(record) = records.held(ticket) {
            records.write(
                ticket.operation,
                OperationRecord { state: OperationState::Retryable, ..record },
            );
            records.resolve(ticket);
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

impl Records {
    /// Returns the record if the ticket still holds it.
    fn held(&self, ticket: Ticket) -> Option<OperationRecord> {
        let record = self.by_operation.get(&ticket.operation)?;
        record::holds(record, ticket.generation).then(|| record.clone())
    }

    fn write(&mut self, operation: OperationKey, record: OperationRecord) {
        self.body_bytes += body_bytes(&record);
        if let Some(old) = self.by_operation.insert(operation, record) {
            self.body_bytes -= body_bytes(&old);
        }
    }

    fn forget(&mut self, operation: OperationKey) {
        if let Some(old) = self.by_operation.remove(&operation) {
            self.body_bytes -= body_bytes(&old);
        }
    }

    /// Queues a resolved record. One that is retried for ever must not fill the queue.
    fn resolve(&mut self, ticket: Ticket) {
        if self.resolved.len() > 2 * self.by_operation.len() + 16 {
            let mut queue = std::mem::take(&mut self.resolved);
            queue.retain(|old| self.resolved(*old).is_some());
            self.resolved = queue;
        }
        self.resolved.push_back(ticket);
    }

    /// Returns the record that a queued ticket was made for, unless it has moved on since.
    fn resolved(&self, ticket: Ticket) -> Option<&OperationRecord> {
        let record = self.by_operation.get(&ticket.operation)?;
        let executing = matches!(record.state, OperationState::Executing { .. });
        (record.generation == ticket.generation && !executing).then_some(record)
    }

    /// Forgets from the front what is past its life. A retryable record in front of them
    /// goes to the back: it has no life to outlive.
    fn forget_past(&mut self, now: RecordTime) {
        for _ in 0..8 {
            let Some(ticket) = self.resolved.front().copied() else { return };
            match self.resolved(ticket) {
                Some(record) if now.is_past(record) => self.forget(ticket.operation),
                Some(record) if record.state == OperationState::Retryable => {
                    self.resolved.push_back(ticket);
                }
                Some(_) => return,
                None => {}
            }
            self.resolved.pop_front();
        }
    }

    /// Forgets the oldest resolved records until there is room for one more. Returns false if none
    /// is resolved.
    fn make_room(&mut self, records_max: usize) -> bool {
        while self.by_operation.len() >= records_max {
            let Some(ticket) = self.resolved.pop_front() else { return false };
            if self.resolved(ticket).is_some() {
                self.forget(ticket.operation);
            }
        }
        true
    }

    fn bound_bodies(&mut self, body_bytes_max: usize) {
        while self.body_bytes > body_bytes_max {
            let Some(ticket) = self.resolved.pop_front() else { return };
            if self.resolved(ticket).is_some() {
                self.forget(ticket.operation);
            }
        }
    }
}

fn body_bytes(record: &OperationRecord) -> usize {
    match &record.state {
        OperationState::Completed { reply: Some(reply), .. } => reply.body.len(),
        OperationState::Completed { reply: None, .. }
        | OperationState::Executing { .. }
        | OperationState::Retryable => 0,
    }
}

#[cfg(test)]
mod tests;
