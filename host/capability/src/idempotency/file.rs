//! Records in an embedded file that outlives the process.
//!
//! One thread owns the database (`writer.rs`); exchanges reach it through a bounded queue, and
//! what is waiting there is committed together. A record's leases are this process's: the
//! database is opened by one process at a time, so at opening nobody else can hold a claim.

mod form;
mod writer;

use std::fs::OpenOptions;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;

pub use self::form::SealingKey;
use self::writer::{Operation, Writer};
use super::{
    ClaimOutcome, ClaimRequest, Completion, Holder, IdempotencyStore, StoredReply, TTL_DEFAULT,
    TTL_MIN, Ticket,
};
use crate::Clock;
use crate::later::Later;

/// Operations that may wait for the writer; more are answered *unavailable*.
const QUEUE: usize = 1_024;

/// How the file is kept.
#[derive(Debug, Clone)]
pub struct FileIdempotencyOptions {
    /// Most records. Beyond it the oldest completed one is forgotten.
    pub records_max: u64,
    /// How long a completed record lives; at least [`TTL_MIN`].
    pub ttl: Duration,
    /// Seals stored replies, which are tenants' data. Without it they lie open in the file.
    pub sealing_key: Option<SealingKey>,
}

impl Default for FileIdempotencyOptions {
    fn default() -> Self {
        Self { records_max: 1_000_000, ttl: TTL_DEFAULT, sealing_key: None }
    }
}

/// Why the file could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file could not be made or opened.
    #[error("open idempotency file {path}")]
    File {
        /// The file.
        path: Box<str>,
        /// What went wrong.
        source: std::io::Error,
    },
    /// The file is no database of ours, is damaged, or is in use by another process.
    #[error("open idempotency database {path}")]
    Database {
        /// The file.
        path: Box<str>,
        /// What went wrong.
        source: Box<redb::Error>,
    },
    /// The sealing key is not 32 bytes.
    #[error("sealing key {path} is not 32 bytes long")]
    SealingKey {
        /// The file.
        path: Box<str>,
    },
    /// The system gave no randomness.
    #[error("no randomness for a sealing key")]
    Randomness,
}

/// The store in a file. Cheap to clone; closed when the last clone and the last claim are gone.
#[derive(Debug, Clone)]
pub struct FileIdempotency {
    queue: Arc<Queue>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

/// The way to the writer.
#[derive(Debug)]
struct Queue {
    operations: SyncSender<Operation>,
}

impl FileIdempotency {
    /// Opens or makes the file, readable by its owner alone. Claims that a former process left
    /// unresolved become retryable. Blocks: call it before serving.
    ///
    /// # Errors
    /// The file cannot be opened, is damaged, or belongs to a running process.
    pub fn open(
        path: &Path,
        clock: Arc<dyn Clock>,
        options: FileIdempotencyOptions,
    ) -> Result<Self, OpenError> {
        let shown = || path.display().to_string().into_boxed_str();
        let file = |source| OpenError::File { path: shown(), source };
        let database =
            |source: redb::Error| OpenError::Database { path: shown(), source: Box::new(source) };
        let handle = private(path).map_err(file)?;
        let backend = redb::backends::FileBackend::new(handle).map_err(|e| database(e.into()))?;
        let opened = redb::Builder::new()
            .create_with_backend(backend)
            .map_err(|error| database(error.into()))?;
        let options = FileIdempotencyOptions { ttl: options.ttl.max(TTL_MIN), ..options };
        let (operations, waiting) = sync_channel(QUEUE);
        let queue = Arc::new(Queue { operations });
        let writer = Writer::new(opened, clock, options, Arc::downgrade(&queue));
        writer.recover().map_err(database)?;
        let thread = std::thread::Builder::new()
            .name("idempotency".into())
            .spawn(move || writer.run(&waiting))
            .map_err(file)?;
        Ok(Self { queue, thread: Arc::new(Mutex::new(Some(thread))) })
    }

    /// Writes what is waiting and closes the file; later claims are *unavailable*. Blocks.
    pub fn close(&self) {
        // A queue that is full or gone has a writer that is busy or gone: joining suffices.
        let _ = self.queue.operations.send(Operation::Stop);
        if let Some(thread) = self.thread.lock().take() {
            let _ = thread.join();
        }
    }
}

fn private(path: &Path) -> std::io::Result<std::fs::File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

impl IdempotencyStore for FileIdempotency {
    fn claim(&self, request: ClaimRequest) -> Later<'_, ClaimOutcome> {
        let (answer, answered) = oneshot::channel();
        if !self.queue.send(Operation::Claim { request, answer }) {
            return Later::Ready(ClaimOutcome::Unavailable);
        }
        Later::Pending(Box::pin(async move { answered.await.unwrap_or(ClaimOutcome::Unavailable) }))
    }
}

impl Queue {
    /// False when the queue is full or the writer gone.
    fn send(&self, operation: Operation) -> bool {
        let sent = self.operations.try_send(operation).is_ok();
        if !sent {
            metrics::counter!("tollgate_idempotency_queue_refused_total").increment(1);
        }
        sent
    }
}

impl Holder for Queue {
    fn complete(&self, ticket: Ticket, reply: StoredReply) -> Later<'static, Completion> {
        let (answer, answered) = oneshot::channel();
        if !self.send(Operation::Complete { ticket, reply, answer }) {
            return Later::Ready(Completion::Unavailable);
        }
        Later::Pending(Box::pin(async move { answered.await.unwrap_or(Completion::Unavailable) }))
    }

    fn retryable(&self, ticket: Ticket) -> Later<'static, ()> {
        let (answer, answered) = oneshot::channel();
        if !self.send(Operation::Retryable { ticket, answer }) {
            return Later::Ready(());
        }
        Later::Pending(Box::pin(async move { answered.await.unwrap_or_default() }))
    }

    fn renew(&self, ticket: Ticket, lease: Duration) {
        self.send(Operation::Renew { ticket, lease });
    }
}

#[cfg(test)]
mod tests;
