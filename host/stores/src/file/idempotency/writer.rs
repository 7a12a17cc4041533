//! The thread that owns the database. Queued operations are committed together: one write to the
//! disk answers them all.
//!
//! After a write that failed, a full disk most of the time, the database takes no more: it is
//! closed, and opened again at intervals until that succeeds.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Weak};
use std::time::Duration;

use redb::Database;
use tokio::sync::oneshot;
use tollgate_capability::idempotency::record::{ClaimDecision, RecordTime};
use tollgate_capability::idempotency::{
    Claim, ClaimOutcome, ClaimRequest, Completion, Holder, StoredReply, Ticket,
};
use tollgate_capability::{Clock, StoreHealth};

use super::tables::{Holdings, RecordTables};
use super::{FileIdempotencyOptions, WriterQueue};

/// Most operations in one commit.
const BATCH: usize = 64;
/// The interval in which past records are forgotten without any operation.
const SWEEP: Duration = Duration::from_secs(60);
/// The interval in which a database that failed is opened again.
const REOPEN: Duration = Duration::from_secs(1);

/// Opens the database, at the start and after a failure.
pub(super) type OpenDatabase = Box<dyn Fn() -> Result<Database, redb::Error> + Send>;

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
pub(super) enum Done {
    Claim(Option<ClaimDecision>),
    Completion(Completion),
    Nothing,
}

pub(super) struct RecordWriter {
    open: OpenDatabase,
    /// None after a failure, until it is opened again.
    database: Option<Database>,
    holdings: Holdings,
    clock: Arc<dyn Clock>,
    options: FileIdempotencyOptions,
    queue: Weak<WriterQueue>,
    health: StoreHealth,
}

impl RecordWriter {
    /// Opens the database and makes every claim that a former process left unresolved retryable.
    pub(super) fn open(
        open: OpenDatabase,
        clock: Arc<dyn Clock>,
        options: FileIdempotencyOptions,
        (queue, health): (Weak<WriterQueue>, StoreHealth),
    ) -> Result<Self, redb::Error> {
        let database = Some(open()?);
        let holdings = Holdings::new();
        let mut writer = Self { open, database, holdings, clock, options, queue, health };
        writer.commit(|tables, now| tables.recover(now))?;
        Ok(writer)
    }

    pub(super) fn run(mut self, waiting: &Receiver<WriterOperation>) {
        let mut stopping = false;
        while !stopping {
            let pause = if self.database.is_some() { SWEEP } else { REOPEN };
            let mut batch = match waiting.recv_timeout(pause) {
                Ok(first) => vec![first],
                Err(RecvTimeoutError::Timeout) => Vec::new(),
                Err(RecvTimeoutError::Disconnected) => return,
            };
            batch.extend(waiting.try_iter().take(BATCH - 1));
            stopping = batch.iter().any(|operation| matches!(operation, WriterOperation::Stop));
            self.carry_out(batch);
        }
    }

    fn carry_out(&mut self, batch: Vec<WriterOperation>) {
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
                tracing::error!(%error, "the idempotency file could not be written; opening it again");
                self.database = None;
                self.health.failed();
                batch.into_iter().for_each(refuse);
            }
        }
    }

    /// Changes the tables, all or nothing. A database that failed before is opened first.
    fn commit<T>(
        &mut self,
        change: impl FnOnce(&mut RecordTables<'_>, RecordTime) -> Result<T, redb::Error>,
    ) -> Result<T, redb::Error> {
        let (monotonic, unix) = (self.clock.monotonic(), self.clock.unix());
        let now = RecordTime { monotonic, unix, ttl: self.options.ttl };
        let database = match &mut self.database {
            Some(database) => database,
            closed @ None => closed.insert((self.open)()?),
        };

        let writing = database.begin_write()?;
        let (done, changed) = {
            let mut tables = RecordTables::open(&writing, &self.options, &self.holdings)?;
            (change(&mut tables, now)?, tables.into_changed())
        };
        writing.commit()?;

        self.health.works();
        for (owner, records) in changed {
            if records == 0 {
                self.holdings.remove(&owner);
            } else {
                self.holdings.insert(owner, records);
            }
        }
        Ok(done)
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
