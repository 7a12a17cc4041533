//! The thread that owns the database. Queued operations are committed together: one write to the
//! disk answers them all.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Weak};
use std::time::Duration;

use redb::{
    Database, ReadableDatabase as _, ReadableTable, ReadableTableMetadata as _, Table,
    TableDefinition,
};
use tokio::sync::oneshot;
use tollgate_capability::idempotency::record::{
    self, ClaimDecision, OperationRecord, OperationState, RecordTime,
};
use tollgate_capability::idempotency::{
    Claim, ClaimOutcome, ClaimRequest, Completion, Holder, OperationKey, StoredReply, Ticket,
};
use tollgate_capability::{Clock, Sha256Digest};

use super::form::{decode, encode};
use super::{FileIdempotencyOptions, WriterQueue};

/// Records by operation key.
const RECORDS: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("records");
/// Completed records by the second of their completion, which is the order of their end.
const COMPLETED: TableDefinition<'_, (u64, &[u8; 32]), ()> = TableDefinition::new("completed");

/// Most operations in one commit.
const BATCH: usize = 64;
/// Most past records that one commit forgets.
const FORGOTTEN: usize = 32;
/// The interval in which past records are forgotten without any operation.
const SWEEP: Duration = Duration::from_secs(60);

/// An operation for the writer, with the channel for its answer.
#[derive(Debug)]
pub(super) enum WriterOperation {
    Claim { request: ClaimRequest, answer: oneshot::Sender<ClaimOutcome> },
    Complete { ticket: Ticket, reply: StoredReply, answer: oneshot::Sender<Completion> },
    Retryable { ticket: Ticket, answer: oneshot::Sender<()> },
    Renew { ticket: Ticket, lease: Duration },
    Stop,
}

/// The result of an operation, answered after the commit.
enum Done {
    Claim(Option<ClaimDecision>),
    Completion(Completion),
    Nothing,
}

pub(super) struct RecordWriter {
    database: Database,
    clock: Arc<dyn Clock>,
    options: FileIdempotencyOptions,
    queue: Weak<WriterQueue>,
}

/// The tables of one commit.
struct RecordTables<'a> {
    records: Table<'a, &'static [u8; 32], &'static [u8]>,
    completed: Table<'a, (u64, &'static [u8; 32]), ()>,
    options: &'a FileIdempotencyOptions,
}

impl RecordWriter {
    pub(super) fn new(
        database: Database,
        clock: Arc<dyn Clock>,
        options: FileIdempotencyOptions,
        queue: Weak<WriterQueue>,
    ) -> Self {
        Self { database, clock, options, queue }
    }

    /// Makes every claim that a former process left unresolved retryable.
    pub(super) fn recover(&self) -> Result<(), redb::Error> {
        let orphans = self.executing()?;
        self.commit(|tables, _| {
            for (operation, record) in orphans {
                let state = OperationState::Retryable;
                tables.write(operation, &OperationRecord { state, ..record })?;
            }
            Ok(())
        })
    }

    fn executing(&self) -> Result<Vec<(OperationKey, OperationRecord)>, redb::Error> {
        self.commit(|_, _| Ok(()))?; // Makes the tables on the first start.
        let reading = self.database.begin_read()?;
        let records = reading.open_table(RECORDS)?;
        let mut executing = Vec::new();
        for entry in records.iter()? {
            let (operation, bytes) = entry?;
            let operation = OperationKey(Sha256Digest(*operation.value()));
            let key = self.options.sealing_key.as_ref();
            if let Some(record) = decode(&operation, bytes.value(), key)
                && matches!(record.state, OperationState::Executing { .. })
            {
                executing.push((operation, record));
            }
        }
        Ok(executing)
    }

    pub(super) fn run(self, waiting: &Receiver<WriterOperation>) {
        let mut stopping = false;
        while !stopping {
            let mut batch = match waiting.recv_timeout(SWEEP) {
                Ok(first) => vec![first],
                Err(RecvTimeoutError::Timeout) => Vec::new(),
                Err(RecvTimeoutError::Disconnected) => return,
            };
            batch.extend(waiting.try_iter().take(BATCH - 1));
            stopping = batch.iter().any(|operation| matches!(operation, WriterOperation::Stop));
            self.carry_out(batch);
        }
    }

    fn carry_out(&self, batch: Vec<WriterOperation>) {
        let results = self.commit(|tables, now| {
            tables.forget_past(now)?;
            batch
                .iter()
                .map(|operation| tables.apply(operation, now))
                .collect::<Result<Vec<_>, _>>()
        });
        match results {
            Ok(results) => {
                for (operation, done) in batch.into_iter().zip(results) {
                    self.answer(operation, done);
                }
            }
            Err(error) => {
                tracing::error!(%error, "the idempotency file could not be written");
                batch.into_iter().for_each(refuse);
            }
        }
    }

    fn commit<T>(
        &self,
        change: impl FnOnce(&mut RecordTables<'_>, RecordTime) -> Result<T, redb::Error>,
    ) -> Result<T, redb::Error> {
        let (monotonic, unix) = (self.clock.monotonic(), self.clock.unix());
        let now = RecordTime { monotonic, unix, ttl: self.options.ttl };
        let writing = self.database.begin_write()?;
        let changed = {
            let records = writing.open_table(RECORDS)?;
            let completed = writing.open_table(COMPLETED)?;
            change(&mut RecordTables { records, completed, options: &self.options }, now)?
        };
        writing.commit()?;
        Ok(changed)
    }

    fn answer(&self, operation: WriterOperation, done: Done) {
        match (operation, done) {
            (WriterOperation::Claim { request, answer }, Done::Claim(found)) => {
                // If nobody waits for the answer any more, its claim is dropped, which releases it.
                let _ = answer.send(self.outcome(&request, found));
            }
            (WriterOperation::Complete { answer, .. }, Done::Completion(completion)) => {
                let _ = answer.send(completion);
            }
            (WriterOperation::Retryable { answer, .. }, Done::Nothing) => {
                let _ = answer.send(());
            }
            _ => {}
        }
    }

    fn outcome(&self, request: &ClaimRequest, found: Option<ClaimDecision>) -> ClaimOutcome {
        match found {
            Some(ClaimDecision::Granted(record)) => {
                let ticket = Ticket { operation: request.operation, generation: record.generation };
                match self.queue.upgrade() {
                    Some(queue) => {
                        let holder: Arc<dyn Holder> = queue;
                        let claim = Claim::new(holder, ticket, record.fingerprint, request.lease);
                        ClaimOutcome::Claimed(claim)
                    }
                    None => ClaimOutcome::Unavailable,
                }
            }
            Some(ClaimDecision::Completed(reply)) => ClaimOutcome::Completed(reply),
            Some(ClaimDecision::InProgress) => ClaimOutcome::InProgress,
            Some(ClaimDecision::Reused) => ClaimOutcome::Reused,
            None => ClaimOutcome::Unavailable,
        }
    }
}

/// Answers that nothing was written.
fn refuse(operation: WriterOperation) {
    match operation {
        WriterOperation::Claim { answer, .. } => {
            let _ = answer.send(ClaimOutcome::Unavailable);
        }
        WriterOperation::Complete { answer, .. } => {
            let _ = answer.send(Completion::Unavailable);
        }
        WriterOperation::Retryable { answer, .. } => {
            let _ = answer.send(());
        }
        WriterOperation::Renew { .. } | WriterOperation::Stop => {}
    }
}

impl RecordTables<'_> {
    fn apply(&mut self, operation: &WriterOperation, now: RecordTime) -> Result<Done, redb::Error> {
        match operation {
            WriterOperation::Claim { request, .. } => self.claim(request, now).map(Done::Claim),
            WriterOperation::Complete { ticket, reply, .. } => {
                self.complete(*ticket, reply, now).map(Done::Completion)
            }
            WriterOperation::Retryable { ticket, .. } => {
                self.resolve(*ticket, OperationState::Retryable).map(|()| Done::Nothing)
            }
            WriterOperation::Renew { ticket, lease } => {
                let lease_until = now.monotonic.saturating_add(*lease);
                self.resolve(*ticket, OperationState::Executing { lease_until })
                    .map(|()| Done::Nothing)
            }
            WriterOperation::Stop => Ok(Done::Nothing),
        }
    }

    /// Returns None if the file is full of unresolved operations.
    fn claim(
        &mut self,
        request: &ClaimRequest,
        now: RecordTime,
    ) -> Result<Option<ClaimDecision>, redb::Error> {
        let known = self.read(request.operation)?;
        let found = record::claim(known.as_ref(), &request.fingerprint, request.lease, now);
        if let ClaimDecision::Granted(record) = &found {
            if known.is_none() && !self.make_room()? {
                return Ok(None);
            }
            self.write(request.operation, record)?;
        }
        Ok(Some(found))
    }

    fn complete(
        &mut self,
        ticket: Ticket,
        reply: &StoredReply,
        now: RecordTime,
    ) -> Result<Completion, redb::Error> {
        let known = self.read(ticket.operation)?;
        match known {
            Some(record) if record::holds(&record, ticket.generation) => {
                let elided = reply.is_elided();
                let state = record::completed(reply.clone(), now);
                self.write(ticket.operation, &OperationRecord { state, ..record })?;
                Ok(if elided { Completion::Elided } else { Completion::Stored })
            }
            other => Ok(Completion::Superseded(record::stored(other))),
        }
    }

    fn resolve(&mut self, ticket: Ticket, state: OperationState) -> Result<(), redb::Error> {
        match self.read(ticket.operation)? {
            Some(record) if record::holds(&record, ticket.generation) => {
                self.write(ticket.operation, &OperationRecord { state, ..record })
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
    ) -> Result<(), redb::Error> {
        if let Some(OperationState::Completed { at, .. }) =
            self.read(operation)?.map(|old| old.state)
        {
            self.completed.remove(&(at.as_secs(), &operation.0.0))?;
        }
        if let OperationState::Completed { at, .. } = record.state {
            self.completed.insert(&(at.as_secs(), &operation.0.0), ())?;
        }
        let bytes = encode(&operation, record, self.options.sealing_key.as_ref());
        self.records.insert(&operation.0.0, bytes.as_slice())?;
        Ok(())
    }

    fn forget_past(&mut self, now: RecordTime) -> Result<(), redb::Error> {
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

    /// Forgets the oldest completed records until there is room for one more. Returns false if
    /// there is none to forget.
    fn make_room(&mut self) -> Result<bool, redb::Error> {
        while self.records.len()? >= self.options.records_max {
            match self.oldest()? {
                Some((second, operation)) => self.forget(second, operation)?,
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    fn oldest(&self) -> Result<Option<(u64, OperationKey)>, redb::Error> {
        Ok(self.completed.first()?.map(|(entry, _)| {
            let (second, operation) = entry.value();
            (second, OperationKey(Sha256Digest(*operation)))
        }))
    }

    fn forget(&mut self, second: u64, operation: OperationKey) -> Result<(), redb::Error> {
        self.completed.remove(&(second, &operation.0.0))?;
        self.records.remove(&operation.0.0)?;
        Ok(())
    }
}
