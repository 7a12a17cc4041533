//! The tables of the file, within one commit.
//!
//! Records are found by their operation. Resolved ones are also in the order of their end, once for
//! all and once for each owner, so that the next to end is the first to be forgotten.

use std::collections::HashMap;

use redb::{ReadableTable, ReadableTableMetadata as _, Table, TableDefinition, WriteTransaction};
use tollgate_capability::Sha256Digest;
use tollgate_capability::idempotency::record::{
    self, ClaimDecision, OperationRecord, OperationState, RecordTime,
};
use tollgate_capability::idempotency::{
    ClaimRequest, Completion, OperationKey, RETRYABLE_TTL, RecordOwner, StoredReply, Ticket,
};

use super::FileIdempotencyOptions;
use super::form::{decode, encode};
use super::writer::{Done, WriterOperation};

/// Records by operation key.
pub(super) const RECORDS: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("records");
/// Resolved records by the second from which they live for the life of a completed one.
const RESOLVED: TableDefinition<'_, (u64, &[u8; 32]), ()> = TableDefinition::new("completed");
/// The same, for each owner.
const OWNED: TableDefinition<'_, (&[u8; 16], u64, &[u8; 32]), ()> = TableDefinition::new("owned");

/// Most past records that one commit forgets.
const FORGOTTEN: usize = 32;

/// Records of each owner, as of the last commit.
pub(super) type Holdings = HashMap<RecordOwner, u64>;

/// The tables of one commit.
pub(super) struct RecordTables<'a> {
    records: Table<'a, &'static [u8; 32], &'static [u8]>,
    resolved: Table<'a, (u64, &'static [u8; 32]), ()>,
    owned: Table<'a, (&'static [u8; 16], u64, &'static [u8; 32]), ()>,
    options: &'a FileIdempotencyOptions,
    committed: &'a Holdings,
    /// Counts of owners that this commit changes.
    changed: Holdings,
}

impl<'a> RecordTables<'a> {
    /// Opens the tables, which makes them on the first start.
    pub(super) fn open(
        writing: &'a WriteTransaction,
        options: &'a FileIdempotencyOptions,
        committed: &'a Holdings,
    ) -> Result<Self, redb::Error> {
        Ok(Self {
            records: writing.open_table(RECORDS)?,
            resolved: writing.open_table(RESOLVED)?,
            owned: writing.open_table(OWNED)?,
            options,
            committed,
            changed: Holdings::new(),
        })
    }

    /// Returns the counts that hold once the commit is through.
    pub(super) fn into_changed(self) -> Holdings {
        self.changed
    }

    pub(super) fn apply(
        &mut self,
        operation: &WriterOperation,
        now: RecordTime,
    ) -> Result<Done, redb::Error> {
        match operation {
            WriterOperation::Claim { request, .. } => self.claim(request, now).map(Done::Claim),
            WriterOperation::Complete { ticket, reply, .. } => {
                self.complete(*ticket, reply, now).map(Done::Completion)
            }
            WriterOperation::Retryable { ticket, .. } => {
                self.resolve(*ticket, now.retryable()).map(|()| Done::Nothing)
            }
            WriterOperation::Renew { ticket, lease } => {
                let lease_until = now.monotonic.saturating_add(*lease);
                self.resolve(*ticket, OperationState::Executing { lease_until })
                    .map(|()| Done::Nothing)
            }
            WriterOperation::Stop => Ok(Done::Nothing),
        }
    }

    /// Makes what a former process left fit: claims become retryable, resolved records of a file
    /// without the table of owners get into it, and every record is counted.
    pub(super) fn recover(&mut self, now: RecordTime) -> Result<(), redb::Error> {
        let mut rewritten = Vec::new();
        for entry in self.records.iter()? {
            let (operation, bytes) = entry?;
            let operation = OperationKey(Sha256Digest(*operation.value()));
            let key = self.options.sealing_key.as_ref();
            let Some(record) = decode(&operation, bytes.value(), key) else { continue };
            *self.changed.entry(record.owner).or_default() += 1;

            if matches!(record.state, OperationState::Executing { .. }) {
                rewritten.push((operation, OperationRecord { state: now.retryable(), ..record }));
                continue;
            }
            let owned = order(&record, self.options)
                .map(|second| self.owned.get((&record.owner.0, second, &operation.0.0)));
            if owned.transpose()?.flatten().is_none() {
                // A record that was given up before that was timed is given up now.
                let is_timed = order(&record, self.options) != Some(0);
                let state = if is_timed { record.state } else { now.retryable() };
                rewritten.push((operation, OperationRecord { state, ..record }));
            }
        }

        for (operation, record) in rewritten {
            self.put(operation, &record)?;
        }
        Ok(())
    }

    /// Returns None if the owner's part of the file, or all of it, is full of operations in
    /// progress.
    fn claim(
        &mut self,
        request: &ClaimRequest,
        now: RecordTime,
    ) -> Result<Option<ClaimDecision>, redb::Error> {
        let known = self.read(request.operation)?;
        let found = record::claim(known.as_ref(), request, now);
        if let ClaimDecision::Granted(record) = &found {
            if known.is_none() && !self.make_room(record.owner)? {
                return Ok(None);
            }
            self.write(request.operation, record, known.as_ref())?;
        }
        Ok(Some(found))
    }

    fn complete(
        &mut self,
        ticket: Ticket,
        reply: &StoredReply,
        now: RecordTime,
    ) -> Result<Completion, redb::Error> {
        match self.read(ticket.operation)? {
            Some(record) if record::holds(&record, ticket.generation) => {
                let elided = reply.is_elided();
                let state = record::completed(reply.clone(), now);
                let completed = OperationRecord { state, ..record.clone() };
                self.write(ticket.operation, &completed, Some(&record))?;
                Ok(if elided { Completion::Elided } else { Completion::Stored })
            }
            other => Ok(Completion::Superseded(record::stored(other))),
        }
    }

    fn resolve(&mut self, ticket: Ticket, state: OperationState) -> Result<(), redb::Error> {
        match self.read(ticket.operation)? {
            Some(record) if record::holds(&record, ticket.generation) => {
                let resolved = OperationRecord { state, ..record.clone() };
                self.write(ticket.operation, &resolved, Some(&record))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Reads a record. One that cannot be decoded counts as absent: the service remembers the
    /// operation.
    fn read(&self, operation: OperationKey) -> Result<Option<OperationRecord>, redb::Error> {
        let bytes = self.records.get(&operation.0.0)?;
        let key = self.options.sealing_key.as_ref();
        Ok(bytes.and_then(|bytes| decode(&operation, bytes.value(), key)))
    }

    fn write(
        &mut self,
        operation: OperationKey,
        record: &OperationRecord,
        old: Option<&OperationRecord>,
    ) -> Result<(), redb::Error> {
        match old {
            Some(old) => self.strike(operation, old)?,
            None => self.count(record.owner, 1),
        }
        self.put(operation, record)
    }

    fn put(
        &mut self,
        operation: OperationKey,
        record: &OperationRecord,
    ) -> Result<(), redb::Error> {
        if let Some(second) = order(record, self.options) {
            self.resolved.insert(&(second, &operation.0.0), ())?;
            self.owned.insert(&(&record.owner.0, second, &operation.0.0), ())?;
        }
        let bytes = encode(&operation, record, self.options.sealing_key.as_ref());
        self.records.insert(&operation.0.0, bytes.as_slice())?;
        Ok(())
    }

    /// Takes a record out of the orders.
    fn strike(
        &mut self,
        operation: OperationKey,
        record: &OperationRecord,
    ) -> Result<(), redb::Error> {
        if let Some(second) = order(record, self.options) {
            self.resolved.remove(&(second, &operation.0.0))?;
            self.owned.remove(&(&record.owner.0, second, &operation.0.0))?;
        }
        Ok(())
    }

    pub(super) fn forget_past(&mut self, now: RecordTime) -> Result<(), redb::Error> {
        let Some(past) = now.unix.checked_sub(now.ttl) else { return Ok(()) };
        for _ in 0..FORGOTTEN {
            match self.oldest()? {
                Some((second, operation)) if second < past.as_secs() => {
                    self.forget(second, operation)?;
                }
                Some(_) | None => return Ok(()),
            }
        }
        Ok(())
    }

    /// Forgets resolved records until the owner may have one more: first the owner's own, then the
    /// next to end of all. Returns false if there is none to forget.
    fn make_room(&mut self, owner: RecordOwner) -> Result<bool, redb::Error> {
        while self.held(owner) >= self.options.owner_records_max {
            match self.oldest_of(owner)? {
                Some((second, operation)) => self.forget(second, operation)?,
                None => return Ok(false),
            }
        }
        while self.records.len()? >= self.options.records_max {
            match self.oldest()? {
                Some((second, operation)) => self.forget(second, operation)?,
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    fn oldest(&self) -> Result<Option<(u64, OperationKey)>, redb::Error> {
        Ok(self.resolved.first()?.map(|(entry, _)| {
            let (second, operation) = entry.value();
            (second, OperationKey(Sha256Digest(*operation)))
        }))
    }

    fn oldest_of(&self, owner: RecordOwner) -> Result<Option<(u64, OperationKey)>, redb::Error> {
        let first = (&owner.0, 0, &[0_u8; 32]);
        let last = (&owner.0, u64::MAX, &[u8::MAX; 32]);
        let entry = self.owned.range(first..=last)?.next().transpose()?;
        Ok(entry.map(|(entry, _)| {
            let (_, second, operation) = entry.value();
            (second, OperationKey(Sha256Digest(*operation)))
        }))
    }

    /// Forgets a record that an order names, unless the entry is a leftover of other settings.
    fn forget(&mut self, second: u64, operation: OperationKey) -> Result<(), redb::Error> {
        let record = self.read(operation)?;
        self.resolved.remove(&(second, &operation.0.0))?;
        let Some(record) = record else { return Ok(()) };

        self.owned.remove(&(&record.owner.0, second, &operation.0.0))?;
        if order(&record, self.options) == Some(second) {
            self.records.remove(&operation.0.0)?;
            self.count(record.owner, -1);
        }
        Ok(())
    }

    fn held(&self, owner: RecordOwner) -> u64 {
        let changed = self.changed.get(&owner).or_else(|| self.committed.get(&owner));
        changed.copied().unwrap_or_default()
    }

    fn count(&mut self, owner: RecordOwner, change: i64) {
        let records = self.held(owner).saturating_add_signed(change);
        self.changed.insert(owner, records);
    }
}

/// Returns the second by which a resolved record is ordered: a completed one lives for the ttl from
/// it on, and one that was given up is placed so that it ends at its own time.
fn order(record: &OperationRecord, options: &FileIdempotencyOptions) -> Option<u64> {
    match record.state {
        OperationState::Completed { at, .. } => Some(at.as_secs()),
        OperationState::Retryable { at } => {
            Some(at.saturating_add(RETRYABLE_TTL).saturating_sub(options.ttl).as_secs())
        }
        OperationState::Executing { .. } => None,
    }
}
