//! Drives a connection and watches its clocks: head, idle, age, drain. One timer serves them
//! all and is set back only when it fires or when something earlier comes up, so that a request
//! costs no timer of its own.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::state::{ConnectionState, DrainDemand};

/// A connection that can be asked to finish.
pub(super) trait Graceful: Future<Output = Result<(), hyper::Error>> {
    /// Starts no further exchange, and ends when those in flight have ended.
    fn finish(self: Pin<&mut Self>);
}

/// The clocks of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clocks {
    /// For a head; none for HTTP/2, where frames of other kinds come in between.
    pub(super) head: Option<Duration>,
    /// For the time between exchanges.
    pub(super) idle: Duration,
    /// When the connection is asked to finish; none where its next response tells so.
    pub(super) old: Option<Instant>,
}

/// The end of a connection.
#[derive(Debug)]
pub(super) enum End {
    /// By itself, or after it was asked to.
    Closed(Result<(), hyper::Error>),
    /// The head did not come in time.
    SlowHead,
    /// The peer took nothing of what we sent.
    Stalled,
    /// It was asked to finish and did not, or the drain was over.
    Aborted,
    /// Too many control frames.
    Flooded,
}

/// The action that is due.
#[derive(Debug, Clone, Copy)]
enum Due {
    /// The last byte of a head.
    Head,
    /// That the peer takes what we send.
    Taking,
    /// The end of the connection: first asked for, then made.
    End,
}

/// A connection and its clocks, as one future.
pub(super) struct Watched<C> {
    connection: Pin<Box<C>>,
    state: Arc<ConnectionState>,
    clocks: Clocks,
    finishing: Option<Instant>,
    armed: Instant,
    timer: Pin<Box<Sleep>>,
}

impl<C: Graceful> Watched<C> {
    pub(super) fn new(connection: C, state: Arc<ConnectionState>, clocks: Clocks) -> Self {
        let armed = clocks.old.unwrap_or_else(|| Instant::now() + clocks.idle);
        let timer = Box::pin(sleep_until(armed));
        Self { connection: Box::pin(connection), state, clocks, finishing: None, armed, timer }
    }

    fn finish(&mut self) {
        if self.finishing.is_none() {
            self.finishing = Some(Instant::now());
            self.connection.as_mut().finish();
        }
    }

    /// The next moment at which something is due, and what.
    fn due(&self) -> (Instant, Due) {
        let (at, due) = self.due_by_state();
        match self.state.blocked_until() {
            Some(until) if until < at => (until, Due::Taking),
            _ => (at, due),
        }
    }

    fn due_by_state(&self) -> (Instant, Due) {
        if let Some(since) = self.finishing {
            return match self.state.idle_since() {
                Some(idle) => (idle.max(since) + FAREWELL, Due::End),
                None => (since + FINISH_MAX, Due::End),
            };
        }
        if let (Some(head), Some(since)) = (self.clocks.head, self.state.head_since()) {
            return (since + head, Due::Head);
        }
        let idle = match (self.state.idle_since(), self.clocks.head) {
            (None, _) => return (self.clocks.old.unwrap_or_else(far), Due::End),
            (Some(since), Some(head)) if self.state.is_fresh() => since + head,
            (Some(since), _) => since + self.clocks.idle,
        };
        (self.clocks.old.map_or(idle, |old| idle.min(old)), Due::End)
    }

    /// Waits for the timer; something is due when it fires and the time has really come.
    fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<Due> {
        let (at, _) = self.due();
        if at < self.armed {
            self.arm(at);
        }
        while self.timer.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            let (at, due) = self.due();
            if at <= now {
                return Poll::Ready(due);
            }
            // Idleness may begin without this task being woken: look again within that time.
            self.arm(at.min(now + self.clocks.idle));
        }
        Poll::Pending
    }

    fn arm(&mut self, at: Instant) {
        self.armed = at;
        self.timer.as_mut().reset(at);
    }
}

impl<C: Graceful> Future for Watched<C> {
    type Output = End;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<End> {
        let this = &mut *self;
        this.state.register(cx.waker());

        match this.state.order() {
            DrainDemand::Serve => {}
            DrainDemand::Finish => this.finish(),
            DrainDemand::Abort => return Poll::Ready(End::Aborted),
        }

        loop {
            if let Poll::Ready(result) = this.connection.as_mut().poll(cx) {
                let flooded = this.state.is_flooded();
                return Poll::Ready(if flooded { End::Flooded } else { End::Closed(result) });
            }
            match this.poll_due(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Due::Head) => return Poll::Ready(End::SlowHead),
                Poll::Ready(Due::Taking) => return Poll::Ready(End::Stalled),
                Poll::Ready(Due::End) if this.finishing.is_some() => {
                    return Poll::Ready(End::Aborted);
                }
                Poll::Ready(Due::End) => this.finish(),
            }
        }
    }
}

/// Later than anything else that is due.
fn far() -> Instant {
    Instant::now() + FINISH_MAX
}

/// The time that a connection without exchanges may take to close.
const FAREWELL: Duration = Duration::from_secs(5);

/// The time for which exchanges may go on once a connection was asked to finish: longer than any
/// Route allows a stream to last. Each exchange has clocks of its own.
const FINISH_MAX: Duration = Duration::from_secs(25 * 3600);
