//! One structured record for each exchange, written by a thread of its own.
//!
//! A record that finds the queue full is dropped and counted: a slow disk must never slow a
//! request. The thread looks at the queue at intervals instead of being woken for each record,
//! which would cost a system call on the serving thread. No query strings and no header values
//! are recorded: they may hold secrets.

mod record;

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::mpsc;
use tollgate_chain::metric;

pub use record::Facts;
pub(crate) use record::{AccessRecord, Recording, bounded, bounded_path, fingerprint, protocol};

use crate::Error;

/// The queue towards the access log. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AccessLog(Arc<LogShared>);

#[derive(Debug)]
struct LogShared {
    queue: mpsc::Sender<Box<AccessRecord>>,
    dropped: Arc<AtomicU64>,
    is_reopening: Arc<AtomicBool>,
    thread: Mutex<Option<Thread>>,
}

#[derive(Debug)]
struct Thread {
    stop: SyncSender<()>,
    handle: JoinHandle<()>,
}

impl AccessLog {
    /// Starts the thread that writes records to `target`, one JSON object a line. At most
    /// `capacity` records wait.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(target: impl Write + Send + 'static, capacity: usize) -> Result<Self, Error> {
        Self::start_writer(target, None, capacity)
    }

    /// Starts the thread with a file that [`reopen`](Self::reopen) replaces by what `open` opens.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start_file(
        file: File,
        open: impl FnMut() -> io::Result<File> + Send + 'static,
        capacity: usize,
    ) -> Result<Self, Error> {
        Self::start_writer(file, Some(Box::new(open)), capacity)
    }

    fn start_writer<W: Write + Send + 'static>(
        target: W,
        open: Option<Open<W>>,
        capacity: usize,
    ) -> Result<Self, Error> {
        let (queue, records) = mpsc::channel(capacity.max(1));
        let (stop, stopped) = sync_channel(1);
        let dropped = Arc::new(AtomicU64::new(0));
        let is_reopening = Arc::new(AtomicBool::new(false));
        let mut writer = LogWriter {
            records,
            target,
            open,
            buffer: Vec::new(),
            dropped: Arc::clone(&dropped),
            is_reopening: Arc::clone(&is_reopening),
        };

        let handle = std::thread::Builder::new()
            .name("access-log".to_owned())
            .spawn(move || {
                while stopped.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                    writer.drain();
                }
                writer.drain();
            })
            .map_err(Error::AccessLog)?;
        let thread = Mutex::new(Some(Thread { stop, handle }));
        Ok(Self(Arc::new(LogShared { queue, dropped, is_reopening, thread })))
    }

    /// Has the file opened anew before the next record is written: a tool that rotates logs has
    /// moved it. Where it cannot be opened that is logged, and the previous file is kept.
    pub fn reopen(&self) {
        self.0.is_reopening.store(true, Ordering::Relaxed);
    }

    /// Returns the number of records that were dropped: the queue was full, or the target refused
    /// them.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }

    /// Returns whether the thread that writes is running. It is not after [`close`](Self::close), nor
    /// where it panicked.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.0.thread.lock().as_ref().is_some_and(|thread| !thread.handle.is_finished())
    }

    /// Writes what is queued and ends the thread; blocks for as long as the target does. Records
    /// that come later are dropped and counted.
    pub fn close(&self) {
        let Some(thread) = self.0.thread.lock().take() else { return };
        // Either may fail only when the thread is gone already.
        let _ = thread.stop.send(());
        let _ = thread.handle.join();
    }

    pub(crate) fn push(&self, record: Box<AccessRecord>) {
        if self.0.queue.try_send(record).is_err() {
            lose(&self.0.dropped, 1);
        }
    }
}

/// The interval at which the thread looks at the queue.
const INTERVAL: Duration = Duration::from_millis(50);

/// The bytes that are gathered for one write.
const BATCH: usize = 64 * 1024;

/// Opens a target anew.
type Open<W> = Box<dyn FnMut() -> io::Result<W> + Send>;

struct LogWriter<W> {
    records: mpsc::Receiver<Box<AccessRecord>>,
    target: W,
    open: Option<Open<W>>,
    buffer: Vec<u8>,
    dropped: Arc<AtomicU64>,
    is_reopening: Arc<AtomicBool>,
}

impl<W: Write> LogWriter<W> {
    fn drain(&mut self) {
        if self.is_reopening.swap(false, Ordering::Relaxed) {
            self.reopen();
        }

        let mut waiting = 0;
        while let Ok(record) = self.records.try_recv() {
            waiting += 1;
            if serde_json::to_writer(&mut self.buffer, &record).is_err() {
                continue;
            }
            self.buffer.push(b'\n');
            if self.buffer.len() >= BATCH {
                self.write(waiting);
                waiting = 0;
            }
        }
        if waiting > 0 {
            self.write(waiting);
        }
    }

    fn reopen(&mut self) {
        let Some(open) = &mut self.open else { return };
        match open() {
            Ok(target) => {
                self.target = target;
                tracing::info!("access log reopened");
            }
            Err(error) => {
                tracing::error!(%error, "access log cannot be reopened; keeping the previous file");
            }
        }
    }

    fn write(&mut self, records: u64) {
        let written = self.target.write_all(&self.buffer).and_then(|()| self.target.flush());
        self.buffer.clear();
        if written.is_err() {
            lose(&self.dropped, records);
        }
    }
}

fn lose(dropped: &AtomicU64, records: u64) {
    dropped.fetch_add(records, Ordering::Relaxed);
    metrics::counter!(metric::ACCESS_LOG_DROPPED).increment(records);
}

#[cfg(test)]
mod tests;
