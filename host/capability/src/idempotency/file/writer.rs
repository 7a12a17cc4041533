//! The thread that owns the database. Operations that wait are committed together: one
//! write to the disk answers them all.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Weak};
use std::time::Duration;

use redb::{
    Database, ReadableDatabase as _, ReadableTable, ReadableTableMetadata as _, Table,
    TableDefinition,
};
use tokio::sync::oneshot;

use super::form::{decode, encode};
use super::{FileIdempotencyOptions, Queue};
use crate::Clock;
use crate::idempotency::record::{self, Found, Now, Record, State};
use crate::idempotency::{
    Claim, ClaimOutcome, ClaimRequest, Completion, Holder, OperationKey, StoredReply, Ticket,
};

/// Records by operation key.
const RECORDS: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("records");
/// Completed records by the second of their completion, which is the order of their end.
const COMPLETED: TableDefinition<'_, (u64, &[u8; 32]), ()> = TableDefinition::new("completed");

/// Most operations in one commit.
const BATCH: usize = 64;
/// Most past records that one commit forgets.
const FORGOTTEN: usize = 32;
/// How often past records are forgotten though nothing happens.
const SWEEP: Duration = Duration::from_secs(60);

/// What is asked of the writer.
#[derive(Debug)]
pub(super) enum Operation {
    Claim { request: ClaimRequest, answer: oneshot::Sender<ClaimOutcome> },
    Complete { ticket: Ticket, reply: StoredReply, answer: oneshot::Sender<Completion> },
    Retryable { ticket: Ticket, answer: oneshot::Sender<()> },
    Renew { ticket: Ticket, lease: Duration },
    Stop,
}

/// What became of an operation; told after the commit.
enum Done {
    Claim(Option<Found>),
    Completion(Completion),
    Nothing,
}

pub(super) struct Writer {
    database: Database,
    clock: Arc<dyn Clock>,
    options: FileIdempotencyOptions,
    queue: Weak<Queue>,
}

/// The tables of one commit.
struct Tables<'a> {
    records: Table<'a, &'static [u8; 32], &'static [u8]>,
    completed: Table<'a, (u64, &'static [u8; 32]), ()>,
    options: &'a FileIdempotencyOptions,
}

impl Writer {
    pub(super) fn new(
        database: Database,
        clock: Arc<dyn Clock>,
        options: FileIdempotencyOptions,
        queue: Weak<Queue>,
    ) -> Self {
        Self { database, clock, options, queue }
    }

    /// Lets everybody retry what a former process was carrying out.
    pub(super) fn recover(&self) -> Result<(), redb::Error> {
        let orphans = self.executing()?;
        self.commit(|tables, _| {
            for (operation, record) in orphans {
                let state = State::Retryable;
                tables.write(operation, &Record { state, ..record })?;
            }
            Ok(())
        })
    }

    fn executing(&self) -> Result<Vec<(OperationKey, Record)>, redb::Error> {
        self.commit(|_, _| Ok(()))?; // Makes the tables on the first start.
        let reading = self.database.begin_read()?;
        let records = reading.open_table(RECORDS)?;
        let mut found = Vec::new();
        for entry in records.iter()? {
            let (operation, bytes) = entry?;
            let operation = OperationKey(*operation.value());
            let key = self.options.sealing_key.as_ref();
            if let Some(record) = decode(&operation, bytes.value(), key)
                && matches!(record.state, State::Executing { .. })
            {
                found.push((operation, record));
            }
        }
        Ok(found)
    }

    pub(super) fn run(self, waiting: &Receiver<Operation>) {
        let mut stopping = false;
        while !stopping {
            let mut batch = match waiting.recv_timeout(SWEEP) {
                Ok(first) => vec![first],
                Err(RecvTimeoutError::Timeout) => Vec::new(),
                Err(RecvTimeoutError::Disconnected) => return,
            };
            batch.extend(waiting.try_iter().take(BATCH - 1));
            stopping = batch.iter().any(|operation| matches!(operation, Operation::Stop));
            self.carry_out(batch);
        }
    }

    fn carry_out(&self, batch: Vec<Operation>) {
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
                    self.tell(operation, done);
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
        change: impl FnOnce(&mut Tables<'_>, Now) -> Result<T, redb::Error>,
    ) -> Result<T, redb::Error> {
        let (monotonic, unix) = (self.clock.monotonic(), self.clock.unix());
        let now = Now { monotonic, unix, ttl: self.options.ttl };
        let writing = self.database.begin_write()?;
        let changed = {
            let records = writing.open_table(RECORDS)?;
            let completed = writing.open_table(COMPLETED)?;
            change(&mut Tables { records, completed, options: &self.options }, now)?
        };
        writing.commit()?;
        Ok(changed)
    }

    fn tell(&self, operation: Operation, done: Done) {
        match (operation, done) {
            (Operation::Claim { request, answer }, Done::Claim(found)) => {
                // An answer that nobody waits for any more drops its claim, which releases it.
                let _ = answer.send(self.outcome(&request, found));
            }
            (Operation::Complete { answer, .. }, Done::Completion(completion)) => {
                let _ = answer.send(completion);
            }
            (Operation::Retryable { answer, .. }, Done::Nothing) => {
                let _ = answer.send(());
            }
            _ => {}
        }
    }

    fn outcome(&self, request: &ClaimRequest, found: Option<Found>) -> ClaimOutcome {
        match found {
            Some(Found::Granted(record)) => {
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
            Some(Found::Completed(reply)) => ClaimOutcome::Completed(reply),
            Some(Found::InProgress) => ClaimOutcome::InProgress,
            Some(Found::Reused) => ClaimOutcome::Reused,
            None => ClaimOutcome::Unavailable,
        }
    }
}

/// Tells that nothing was written.
fn refuse(operation: Operation) {
    match operation {
        Operation::Claim { answer, .. } => {
            let _ = answer.send(ClaimOutcome::Unavailable);
        }
        Operation::Complete { answer, .. } => {
            let _ = answer.send(Completion::Unavailable);
        }
        Operation::Retryable { answer, .. } => {
            let _ = answer.send(());
        }
        Operation::Renew { .. } | Operation::Stop => {}
    }
}

impl Tables<'_> {
    fn apply(&mut self, operation: &Operation, now: Now) -> Result<Done, redb::Error> {
        match operation {
            Operation::Claim { request, .. } => self.claim(request, now).map(Done::Claim),
            Operation::Complete { ticket, reply, .. } => {
                self.complete(*ticket, reply, now).map(Done::Completion)
            }
            Operation::Retryable { ticket, .. } => {
                self.resolve(*ticket, State::Retryable).map(|()| Done::Nothing)
            }
            Operation::Renew { ticket, lease } => {
                let lease_until = now.monotonic.saturating_add(*lease);
                self.resolve(*ticket, State::Executing { lease_until }).map(|()| Done::Nothing)
            }
            Operation::Stop => Ok(Done::Nothing),
        }
    }

    /// None when the file is full of unresolved operations.
    fn claim(&mut self, request: &ClaimRequest, now: Now) -> Result<Option<Found>, redb::Error> {
        let known = self.read(request.operation)?;
        let found = record::claim(known.as_ref(), &request.fingerprint, request.lease, now);
        if let Found::Granted(record) = &found {
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
        now: Now,
    ) -> Result<Completion, redb::Error> {
        let known = self.read(ticket.operation)?;
        match known {
            Some(record) if record::holds(&record, ticket.generation) => {
                let elided = reply.is_elided();
                let state = record::completed(reply.clone(), now);
                self.write(ticket.operation, &Record { state, ..record })?;
                Ok(if elided { Completion::Elided } else { Completion::Stored })
            }
            other => Ok(Completion::Superseded(record::stored(other))),
        }
    }

    fn resolve(&mut self, ticket: Ticket, state: State) -> Result<(), redb::Error> {
        match self.read(ticket.operation)? {
            Some(record) if record::holds(&record, ticket.generation) => {
                self.write(ticket.operation, &Record { state, ..record })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// A record that cannot be read is none: the service remembers the operation.
    fn read(&self, operation: OperationKey) -> Result<Option<Record>, redb::Error> {
        let bytes = self.records.get(&operation.0)?;
        let key = self.options.sealing_key.as_ref();
        Ok(bytes.and_then(|bytes| decode(&operation, bytes.value(), key)))
    }

    fn write(&mut self, operation: OperationKey, record: &Record) -> Result<(), redb::Error> {
        if let Some(State::Completed { at, .. }) = self.read(operation)?.map(|old| old.state) {
            self.completed.remove(&(at.as_secs(), &operation.0))?;
        }
        if let State::Completed { at, .. } = record.state {
            self.completed.insert(&(at.as_secs(), &operation.0), ())?;
        }
        let bytes = encode(&operation, record, self.options.sealing_key.as_ref());
        self.records.insert(&operation.0, bytes.as_slice())?;
        Ok(())
    }

    fn forget_past(&mut self, now: Now) -> Result<(), redb::Error> {
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

    /// Forgets the oldest completed record, if need be. False when there is none.
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
            (second, OperationKey(*operation))
        }))
    }

    fn forget(&mut self, second: u64, operation: OperationKey) -> Result<(), redb::Error> {
        self.completed.remove(&(second, &operation.0))?;
        self.records.remove(&operation.0)?;
        Ok(())
    }
}
