//! The records of a shard, and what is forgotten where there is no room: an owner's own oldest, or
//! the oldest of all.

use std::collections::{HashMap, VecDeque};

use tollgate_capability::idempotency::record::{self, OperationRecord, OperationState, RecordTime};
use tollgate_capability::idempotency::{BODY_BYTES_MAX, OperationKey, RecordOwner, Ticket};

use super::MemoryIdempotencyLimits;

/// The part of the bytes of bodies that one owner may have.
const OWNER_BODIES_PART: usize = 8;
/// Past records that one claim forgets.
const FORGOTTEN_AT_ONCE: usize = 8;

#[derive(Debug, Default)]
pub(super) struct Records {
    by_operation: HashMap<OperationKey, OperationRecord>,
    owners: HashMap<RecordOwner, Holdings>,
    /// The resolved records of all owners.
    resolved: ResolvedQueue,
    body_bytes: usize,
}

/// The records of one owner.
#[derive(Debug, Default)]
struct Holdings {
    records: usize,
    body_bytes: usize,
    resolved: ResolvedQueue,
}

/// Tickets of resolved records in the order of their resolution, oldest first. One whose record has
/// moved on is stale and skipped.
#[derive(Debug, Default)]
struct ResolvedQueue(VecDeque<Ticket>);

impl Records {
    pub(super) fn len(&self) -> usize {
        self.by_operation.len()
    }

    pub(super) fn get(&self, operation: OperationKey) -> Option<&OperationRecord> {
        self.by_operation.get(&operation)
    }

    /// Returns the record if the ticket still holds it.
    pub(super) fn held(&self, ticket: Ticket) -> Option<OperationRecord> {
        let record = self.by_operation.get(&ticket.operation)?;
        record::holds(record, ticket.generation).then(|| record.clone())
    }

    pub(super) fn write(&mut self, operation: OperationKey, record: OperationRecord) {
        let (owner, bytes) = (record.owner, body_bytes(&record));
        let old = self.by_operation.insert(operation, record);
        if let Some(old) = old {
            self.account(&old, false);
        }

        self.body_bytes += bytes;
        let holdings = self.owners.entry(owner).or_default();
        holdings.records += 1;
        holdings.body_bytes += bytes;
    }

    /// Queues a resolved record.
    pub(super) fn resolve(&mut self, owner: RecordOwner, ticket: Ticket) {
        let Self { by_operation, owners, resolved, .. } = self;
        let all = by_operation.len();
        resolved.push(ticket, all, by_operation);
        if let Some(holdings) = owners.get_mut(&owner) {
            holdings.resolved.push(ticket, holdings.records, by_operation);
        }
    }

    /// Forgets from the front what is past its life.
    pub(super) fn forget_past(&mut self, now: RecordTime) {
        for _ in 0..FORGOTTEN_AT_ONCE {
            let Some(ticket) = self.resolved.0.front().copied() else { return };
            match resolved(&self.by_operation, ticket) {
                Some(record) if now.is_past(record) => self.forget(ticket.operation),
                Some(_) => return,
                None => {}
            }
            self.resolved.0.pop_front();
        }
    }

    /// Forgets resolved records until the owner may have one more. Returns false if none of the
    /// owner's, or none at all, is resolved.
    pub(super) fn make_room(
        &mut self,
        owner: RecordOwner,
        limits: &MemoryIdempotencyLimits,
    ) -> bool {
        while self.owners.get(&owner).is_some_and(|own| own.records >= limits.owner_records_max) {
            if !self.forget_oldest_of(owner) {
                return false;
            }
        }
        while self.by_operation.len() >= limits.records_max {
            if !self.forget_oldest() {
                return false;
            }
        }
        true
    }

    /// Forgets resolved records until the owner's bodies, and all, are within their bounds.
    pub(super) fn bound_bodies(&mut self, owner: RecordOwner, bytes_max: usize) {
        let owner_bytes_max = (bytes_max / OWNER_BODIES_PART).max(BODY_BYTES_MAX);
        while self.owners.get(&owner).is_some_and(|own| own.body_bytes > owner_bytes_max) {
            if !self.forget_oldest_of(owner) {
                break;
            }
        }
        while self.body_bytes > bytes_max && self.forget_oldest() {}
    }

    fn forget_oldest(&mut self) -> bool {
        while let Some(ticket) = self.resolved.0.pop_front() {
            if resolved(&self.by_operation, ticket).is_some() {
                self.forget(ticket.operation);
                return true;
            }
        }
        false
    }

    fn forget_oldest_of(&mut self, owner: RecordOwner) -> bool {
        let Some(holdings) = self.owners.get_mut(&owner) else { return false };
        while let Some(ticket) = holdings.resolved.0.pop_front() {
            if resolved(&self.by_operation, ticket).is_some() {
                self.forget(ticket.operation);
                return true;
            }
        }
        false
    }

    fn forget(&mut self, operation: OperationKey) {
        if let Some(old) = self.by_operation.remove(&operation) {
            self.account(&old, true);
        }
    }

    /// Takes a record that is no longer there from its owner's holdings.
    fn account(&mut self, old: &OperationRecord, is_forgotten: bool) {
        let bytes = body_bytes(old);
        self.body_bytes -= bytes;
        if let Some(holdings) = self.owners.get_mut(&old.owner) {
            holdings.records -= 1;
            holdings.body_bytes -= bytes;
            if is_forgotten && holdings.records == 0 {
                self.owners.remove(&old.owner);
            }
        }
    }

    /// Tickets in the queue of all, and in the longest of an owner.
    #[cfg(test)]
    pub(super) fn queued(&self) -> (usize, usize) {
        let longest = self.owners.values().map(|holdings| holdings.resolved.0.len()).max();
        (self.resolved.0.len(), longest.unwrap_or_default())
    }
}

impl ResolvedQueue {
    /// Queues a ticket. A record that is retried for ever must not fill the queue.
    fn push(
        &mut self,
        ticket: Ticket,
        records: usize,
        by_operation: &HashMap<OperationKey, OperationRecord>,
    ) {
        if self.0.len() > 2 * records + 16 {
            self.0.retain(|old| resolved(by_operation, *old).is_some());
        }
        self.0.push_back(ticket);
    }
}

/// Returns the record that a queued ticket was made for, unless it has moved on since.
fn resolved(
    by_operation: &HashMap<OperationKey, OperationRecord>,
    ticket: Ticket,
) -> Option<&OperationRecord> {
    let record = by_operation.get(&ticket.operation)?;
    let executing = matches!(record.state, OperationState::Executing { .. });
    (record.generation == ticket.generation && !executing).then_some(record)
}

fn body_bytes(record: &OperationRecord) -> usize {
    match &record.state {
        OperationState::Completed { reply: Some(reply), .. } => reply.body.len(),
        OperationState::Completed { reply: None, .. }
        | OperationState::Executing { .. }
        | OperationState::Retryable { .. } => 0,
    }
}
