//! Idempotency records in an embedded database that outlives the process.
//!
//! One thread owns the database (`writer.rs`). Exchanges reach it through a bounded queue, whose
//! operations are committed together. Leases belong to this process: one process at a time has
//! the database open, so nobody else can hold a claim when it is opened.

mod form;
mod tables;
mod writer;

use std::fs::OpenOptions;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;
use tollgate_capability::idempotency::{
    ClaimOutcome, ClaimRequest, Completion, Holder, IdempotencyStore, StoredReply, TTL_DEFAULT,
    TTL_MIN, Ticket,
};
use tollgate_capability::{Clock, Later, StoreHealth};
use tollgate_chain::metric;

pub use self::form::SealingKey;
use self::writer::{OpenDatabase, RecordWriter, WriterOperation};
use crate::Error;

/// Most operations that wait for the writer; more are answered *unavailable*.
const QUEUE_MAX: usize = 1_024;

/// Bounds of the file, and how replies are sealed in it.
#[derive(Debug, Clone)]
pub struct FileIdempotencyOptions {
    /// Most records. Beyond it the resolved one that is next to end is forgotten.
    pub records_max: u64,
    /// Most records of one owner, a tenant in one environment. Beyond it, its own are forgotten.
    pub owner_records_max: u64,
    /// Life of a completed record; at least [`TTL_MIN`].
    pub ttl: Duration,
    /// Seals stored replies, which are tenants' data. Without it they are in the clear.
    pub sealing_key: Option<SealingKey>,
}

impl Default for FileIdempotencyOptions {
    fn default() -> Self {
        Self {
            records_max: 1_000_000,
            owner_records_max: 100_000,
            ttl: TTL_DEFAULT,
            sealing_key: None,
        }
    }
}

/// Idempotency store in a file. Cheap to clone; closed when the last clone and the last claim are
/// dropped.
#[derive(Debug, Clone)]
pub struct FileIdempotency {
    queue: Arc<WriterQueue>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
    health: StoreHealth,
}

/// The bounded queue before the writer.
#[derive(Debug)]
struct WriterQueue {
    operations: SyncSender<WriterOperation>,
}

impl FileIdempotency {
    /// Opens or creates the file, readable by its owner alone. Claims that a former process left
    /// unresolved become retryable. Blocks: call it before serving.
    ///
    /// # Errors
    /// Fails if the file cannot be opened, is damaged, or is in use by another process.
    pub fn open(
        path: &Path,
        clock: Arc<dyn Clock>,
        options: FileIdempotencyOptions,
    ) -> Result<Self, Error> {
        let file = path.to_owned();
        // Every opening makes the file anew where it is gone, and locks it.
        let open = Box::new(move || {
            let handle = private(&file).map_err(redb::StorageError::Io)?;
            let backend = redb::backends::FileBackend::new(handle)?;
            Ok(redb::Builder::new().create_with_backend(backend)?)
        });

        private(path).map_err(|source| Error::IdempotencyFile { path: text_of(path), source })?;
        Self::open_with(open, path, clock, options)
    }

    fn open_with(
        open: OpenDatabase,
        path: &Path,
        clock: Arc<dyn Clock>,
        options: FileIdempotencyOptions,
    ) -> Result<Self, Error> {
        let options = FileIdempotencyOptions { ttl: options.ttl.max(TTL_MIN), ..options };
        let (operations, waiting) = sync_channel(QUEUE_MAX);
        let queue = Arc::new(WriterQueue { operations });
        let health = StoreHealth::new("idempotency");
        let shared = (Arc::downgrade(&queue), health.clone());
        let writer = RecordWriter::open(open, clock, options, shared).map_err(|source| {
            Error::IdempotencyDatabase { path: text_of(path), source: Box::new(source) }
        })?;

        let thread = std::thread::Builder::new()
            .name("idempotency".into())
            .spawn(move || writer.run(&waiting))
            .map_err(|source| Error::IdempotencyFile { path: text_of(path), source })?;
        Ok(Self { queue, thread: Arc::new(Mutex::new(Some(thread))), health })
    }

    /// Returns whether records can be written, for readiness and metrics.
    #[must_use]
    pub fn health(&self) -> StoreHealth {
        self.health.clone()
    }

    /// Carries out the queued operations and closes the file; later claims are *unavailable*. Blocks.
    pub fn close(&self) {
        // If the queue is closed the writer has ended already, and joining it suffices.
        let _ = self.queue.operations.send(WriterOperation::Stop);
        if let Some(thread) = self.thread.lock().take() {
            let _ = thread.join();
        }
    }
}

fn text_of(path: &Path) -> Box<str> {
    path.display().to_string().into_boxed_str()
}

/// Opens or creates a file that only its owner can read.
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
        if !self.queue.send(WriterOperation::Claim { request, answer }) {
            return Later::Ready(ClaimOutcome::Unavailable);
        }
        Later::Pending(Box::pin(async move { answered.await.unwrap_or(ClaimOutcome::Unavailable) }))
    }
}

impl WriterQueue {
    /// Returns false if the queue is full or the writer has ended.
    fn send(&self, operation: WriterOperation) -> bool {
        let sent = self.operations.try_send(operation).is_ok();
        if !sent {
            metrics::counter!(metric::IDEMPOTENCY_QUEUE_REFUSED).increment(1);
        }
        sent
    }
}

impl Holder for WriterQueue {
    fn complete(&self, ticket: Ticket, reply: StoredReply) -> Later<'static, Completion> {
        let (answer, answered) = oneshot::channel();
        if !self.send(WriterOperation::Complete { ticket, reply, answer }) {
            return Later::Ready(Completion::Unavailable);
        }
        Later::Pending(Box::pin(async move { answered.await.unwrap_or(Completion::Unavailable) }))
    }

    fn retryable(&self, ticket: Ticket) -> Later<'static, ()> {
        let (answer, answered) = oneshot::channel();
        if !self.send(WriterOperation::Retryable { ticket, answer }) {
            return Later::Ready(());
        }
        Later::Pending(Box::pin(async move { answered.await.unwrap_or_default() }))
    }

    fn renew(&self, ticket: Ticket, lease: Duration) {
        self.send(WriterOperation::Renew { ticket, lease });
    }
}

#[cfg(test)]
mod tests;
