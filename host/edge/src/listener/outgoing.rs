//! The clock of responses: a caller who does not take one is cut off, and what the response holds is
//! let go. It runs while nothing polls the response's body, which is what such a caller causes.
//!
//! A caller has [`Patience`]: it may let a response wait for so long at once, and over a whole
//! response for a second more with each kibibyte that it takes. HTTP/1 measures at the socket
//! (`listener/io.rs`); HTTP/2 measures each stream here, where hyper runs it as a task.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt::Executor;
use tokio::task_local;
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tollgate_chain::metric;

/// Least rate at which a response must be taken, in bytes a second.
const RATE_MIN: u64 = 1024;

task_local! {
    /// The stream whose task runs.
    static STREAM: StreamProgress;
}

/// The party that a stream waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WaitsFor {
    /// The handler or the source of the body.
    Gateway,
    /// The caller, who has not yet taken what there is.
    Caller,
}

/// The progress of one HTTP/2 stream, noted by its body and read by its clock.
struct StreamProgress {
    waits_for: Cell<WaitsFor>,
    taken: Cell<u64>,
    deadline: Cell<Option<Instant>>,
    is_cut: Cell<bool>,
    /// Ends the task that sends for the tunnel that the stream becomes.
    tunnel: Cell<Option<CancellationToken>>,
}

/// Notes that the stream whose task runs has a body now, and when that must be over. False where no
/// stream has a task: on HTTP/1.
pub(crate) fn begin(deadline: Option<Instant>) -> bool {
    let begun = STREAM.try_with(|stream| {
        stream.deadline.set(deadline);
        stream.waits_for.set(WaitsFor::Caller);
    });
    begun.is_ok()
}

/// Notes that the connection took a piece of the body; it asks for the next when the caller makes
/// room for it.
pub(crate) fn took(bytes: usize) {
    let _ = STREAM.try_with(|stream| {
        stream.taken.set(stream.taken.get().saturating_add(bytes as u64));
        stream.waits_for.set(WaitsFor::Caller);
    });
}

/// Notes that the body has nothing to give at the moment.
pub(crate) fn rests() {
    let _ = STREAM.try_with(|stream| stream.waits_for.set(WaitsFor::Gateway));
}

/// Notes that the stream whose task runs becomes a tunnel when its response is written, and is over
/// when the token is cancelled.
pub(crate) fn becomes_tunnel(ended: CancellationToken) {
    let _ = STREAM.try_with(|stream| stream.tunnel.set(Some(ended)));
}

/// Tells whether the stream whose task runs was cut off by its clock.
pub(crate) fn is_cut() -> bool {
    STREAM.try_with(|stream| stream.is_cut.get()).unwrap_or(false)
}

/// The time for which a caller may still let a response wait.
#[derive(Debug)]
pub(crate) struct Patience {
    max: Duration,
    left: Duration,
}

impl Patience {
    /// Allows waits of `max` at once.
    pub(crate) fn new(max: Duration) -> Self {
        Self { max, left: max }
    }

    /// The wait that is left.
    pub(crate) fn left(&self) -> Duration {
        self.left
    }

    /// Counts a wait, and what the caller took since the last one.
    pub(crate) fn count(&mut self, waited: Duration, taken: u64) {
        let earned = Duration::from_millis(taken.saturating_mul(1000) / RATE_MIN);
        self.left = self.left.saturating_sub(waited).saturating_add(earned).min(self.max);
    }
}

/// Runs the streams of an HTTP/2 connection as tasks, each with its clock.
#[derive(Debug, Clone)]
pub(super) struct StreamRunner {
    stall_timeout: Duration,
}

impl StreamRunner {
    pub(super) fn new(stall_timeout: Duration) -> Self {
        Self { stall_timeout }
    }
}

impl<F> Executor<F> for StreamRunner
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let progress = StreamProgress {
            waits_for: Cell::new(WaitsFor::Gateway),
            taken: Cell::new(0),
            deadline: Cell::new(None),
            is_cut: Cell::new(false),
            tunnel: Cell::new(None),
        };
        // The task of a stream that becomes a tunnel starts the one that sends for the tunnel. That
        // one may wait for a caller who never reads again: the tunnel's own clock ends both.
        let tunnel = STREAM.try_with(|stream| stream.tunnel.take()).ok().flatten();
        if let Some(ended) = tunnel {
            tokio::spawn(async move { ended.run_until_cancelled(stream).await });
            return;
        }
        tokio::spawn(STREAM.scope(progress, run(stream, self.stall_timeout)));
    }
}

/// Runs a stream to its end, or drops it, by which it is reset.
async fn run(stream: impl Future<Output = ()>, stall_timeout: Duration) {
    let mut stream = pin!(stream);
    let mut clock = StreamClock::new(stall_timeout);
    poll_fn(|cx| match stream.as_mut().poll(cx) {
        Poll::Ready(()) => Poll::Ready(()),
        Poll::Pending => STREAM.with(|progress| clock.poll_overdue(cx, progress)),
    })
    .await;
}

/// Measures the waits of one stream for its caller. The timer exists only once such a wait began.
struct StreamClock {
    patience: Patience,
    since: Option<Instant>,
    taken: u64,
    timer: Option<Pin<Box<Sleep>>>,
}

impl StreamClock {
    fn new(stall_timeout: Duration) -> Self {
        Self { patience: Patience::new(stall_timeout), since: None, taken: 0, timer: None }
    }

    /// Ready when the caller has had its time.
    fn poll_overdue(&mut self, cx: &mut Context<'_>, progress: &StreamProgress) -> Poll<()> {
        let taken = progress.taken.get();
        if progress.waits_for.get() == WaitsFor::Gateway {
            self.waited(taken);
            return Poll::Pending;
        }
        if self.since.is_none() || taken != self.taken {
            self.waited(taken);
            self.since = Some(Instant::now());
        }

        let since = self.since.unwrap_or_else(Instant::now);
        let until = since + self.patience.left();
        let until = progress.deadline.get().map_or(until, |deadline| until.min(deadline));
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(until)));
        if until < timer.deadline() {
            timer.as_mut().reset(until);
        }

        // Left where it was while the caller takes what there is: set back only when it rings.
        while timer.as_mut().poll(cx).is_ready() {
            if until <= Instant::now() {
                return self.cut(progress);
            }
            timer.as_mut().reset(until);
        }
        Poll::Pending
    }

    fn cut(&self, progress: &StreamProgress) -> Poll<()> {
        tracing::debug!(
            taken = self.taken,
            "stream cut off: its caller does not take the response"
        );
        metrics::counter!(metric::SLOW_READERS).increment(1);
        progress.is_cut.set(true);
        Poll::Ready(())
    }

    /// Ends a wait.
    fn waited(&mut self, taken: u64) {
        let waited = self.since.take().map_or(Duration::ZERO, |since| since.elapsed());
        if taken != self.taken || !waited.is_zero() {
            self.patience.count(waited, taken - self.taken);
            self.taken = taken;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_wait_is_paid_for_by_what_is_taken() {
        let mut patience = Patience::new(60 * SECOND);
        patience.count(20 * SECOND, 4096);
        assert_eq!(patience.left(), 44 * SECOND);
        patience.count(20 * SECOND, 4096);
        patience.count(20 * SECOND, 4096);
        assert_eq!(patience.left(), 12 * SECOND, "a drop now and then is not enough");
    }

    #[test]
    fn patience_is_never_longer_than_at_first() {
        let mut patience = Patience::new(60 * SECOND);
        patience.count(SECOND, 1 << 40);
        assert_eq!(patience.left(), 60 * SECOND);
        patience.count(90 * SECOND, 0);
        assert_eq!(patience.left(), Duration::ZERO);
    }
}
