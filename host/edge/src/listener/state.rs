//! The state of a connection, as atomics that its exchanges, its socket and the drain
//! share. No lock is taken for a request.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use hyper::body::Incoming;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::head::RequestId;
use crate::tunnel::TunnelTask;

/// The state of one connection. Times are in microseconds since it opened, 0 for none.
#[derive(Debug)]
pub(crate) struct ConnectionState {
    /// The number of the connection in this process.
    number: u64,
    opened: Instant,
    /// When the connection is old.
    old: Instant,
    in_flight: AtomicU32,
    idle_since: AtomicU64,
    head_since: AtomicU64,
    /// When a peer that takes nothing of what we send has had its time.
    blocked_until: AtomicU64,
    /// When the response in flight must be over; HTTP/1 has one at a time.
    respond_by: AtomicU64,
    unread: AtomicBool,
    body: AtomicU8,
    expecting: AtomicBool,
    leftover: Mutex<Option<Incoming>>,
    refusal: OnceLock<RequestId>,
    flooded: AtomicBool,
    order: AtomicU8,
    waker: AtomicWaker,
    /// Wakes the tunnels of the connection when something is demanded.
    demanded: Notify,
    tunnel: Mutex<Option<TunnelTask>>,
}

/// The demand of a drain on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum DrainDemand {
    Serve,
    Finish,
    Abort,
}

impl ConnectionState {
    pub(super) fn new(age_max: Duration) -> Self {
        static CONNECTIONS: AtomicU64 = AtomicU64::new(0);
        let opened = Instant::now();

        Self {
            number: CONNECTIONS.fetch_add(1, Ordering::Relaxed),
            opened,
            old: opened + age_max,
            in_flight: AtomicU32::new(0),
            idle_since: AtomicU64::new(FRESH),
            head_since: AtomicU64::new(0),
            blocked_until: AtomicU64::new(0),
            respond_by: AtomicU64::new(0),
            unread: AtomicBool::new(false),
            body: AtomicU8::new(BODY_NONE),
            expecting: AtomicBool::new(false),
            leftover: Mutex::new(None),
            refusal: OnceLock::new(),
            flooded: AtomicBool::new(false),
            order: AtomicU8::new(0),
            waker: AtomicWaker::new(),
            demanded: Notify::const_new(),
            tunnel: Mutex::new(None),
        }
    }

    /// The number of the connection in this process.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// When the connection is old.
    pub(super) fn old(&self) -> Instant {
        self.old
    }

    /// Tells whether this response is to be the connection's last.
    pub(crate) fn is_old(&self) -> bool {
        Instant::now() >= self.old
    }

    /// Bytes came in. Outside an exchange they begin a head.
    pub(super) fn received(&self) {
        if self.in_flight.load(Ordering::Relaxed) == 0
            && self.head_since.load(Ordering::Relaxed) == 0
        {
            self.head_since.store(self.now(), Ordering::Relaxed);
        }
    }

    /// Tells whether bytes came in that begin a head, outside an exchange.
    pub(super) fn is_within_head(&self) -> bool {
        self.head_since.load(Ordering::Relaxed) != 0 && self.in_flight.load(Ordering::Relaxed) == 0
    }

    /// Notes under which identifier the parser's refusal is answered. False for a second one.
    pub(super) fn refused(&self, request_id: RequestId) -> bool {
        self.refusal.set(request_id).is_ok()
    }

    /// The identifier under which the parser's refusal was answered.
    pub(super) fn refusal(&self) -> Option<RequestId> {
        self.refusal.get().cloned()
    }

    /// The peer takes nothing of what we send, and may do so for this long.
    pub(super) fn block(&self, patience: Duration) {
        let until = self.now().saturating_add(micros(patience));
        let until = match self.respond_by.load(Ordering::Relaxed) {
            0 => until,
            respond_by => until.min(respond_by),
        };
        self.blocked_until.store(until, Ordering::Relaxed);
    }

    /// The peer takes again what we send.
    pub(super) fn unblock(&self) {
        self.blocked_until.store(0, Ordering::Relaxed);
    }

    /// Sets when the response in flight must be over.
    pub(crate) fn respond_by(&self, deadline: Option<Instant>) {
        let since = |at: Instant| micros(at.saturating_duration_since(self.opened)).max(1);
        self.respond_by.store(deadline.map_or(0, since), Ordering::Relaxed);
    }

    /// When a peer that takes nothing of what we send has had its time.
    pub(super) fn blocked_until(&self) -> Option<Instant> {
        self.moment(&self.blocked_until)
    }

    /// When the head began that is being received, outside an exchange.
    pub(super) fn head_since(&self) -> Option<Instant> {
        self.resting(&self.head_since)
    }

    /// Since when no exchange is in flight.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        self.resting(&self.idle_since)
    }

    /// Tells whether no exchange has begun yet.
    pub(super) fn is_fresh(&self) -> bool {
        self.idle_since.load(Ordering::Relaxed) == FRESH
            && self.in_flight.load(Ordering::Relaxed) == 0
    }

    fn resting(&self, since: &AtomicU64) -> Option<Instant> {
        if self.in_flight.load(Ordering::Acquire) > 0 {
            return None;
        }
        self.moment(since)
    }

    fn moment(&self, since: &AtomicU64) -> Option<Instant> {
        match since.load(Ordering::Relaxed) {
            0 => None,
            since => Some(self.opened + Duration::from_micros(since)),
        }
    }

    /// A body was answered without being read to its end.
    pub(crate) fn left_unread(&self) {
        self.unread.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_unread(&self) -> bool {
        self.unread.load(Ordering::Relaxed)
    }

    /// The body of an HTTP/1 request begins: until it ends, the connection is within a message.
    /// Reading one whose sender expects a `100 Continue` would send that.
    pub(crate) fn body_began(&self, is_expecting: bool) {
        self.expecting.store(is_expecting, Ordering::Relaxed);
        self.body.store(BODY_OPEN, Ordering::Relaxed);
    }

    /// The body of an HTTP/1 request was read to its end.
    pub(crate) fn body_ended(&self) {
        self.body.store(BODY_NONE, Ordering::Relaxed);
    }

    /// Tells whether an answer that is ready now overtakes the body of its request.
    pub(crate) fn is_within_body(&self) -> bool {
        self.body.load(Ordering::Relaxed) != BODY_NONE
    }

    /// Leaves what is unread of a body to [`settle_body`](Self::settle_body); after it, drops it.
    pub(crate) fn leave_body(&self, incoming: Incoming) {
        let mut leftover = self.leftover.lock();
        if self.body.load(Ordering::Relaxed) == BODY_OPEN {
            *leftover = Some(incoming);
        } else {
            self.left_unread();
        }
    }

    /// Takes what was left of a body. None while somebody still reads it, and where its sender
    /// expects a `100 Continue` before it sends the body.
    pub(crate) fn settle_body(&self) -> Option<Incoming> {
        let mut leftover = self.leftover.lock();
        self.body.store(BODY_ANSWERED, Ordering::Relaxed);
        let incoming = leftover.take()?;
        drop(leftover);

        if self.expecting.load(Ordering::Relaxed) {
            self.left_unread();
            return None;
        }
        Some(incoming)
    }

    /// The peer sends more control frames than it may.
    pub(super) fn flood(&self) {
        self.flooded.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_flooded(&self) -> bool {
        self.flooded.load(Ordering::Relaxed)
    }

    pub(super) fn order(&self) -> DrainDemand {
        match self.order.load(Ordering::Acquire) {
            0 => DrainDemand::Serve,
            1 => DrainDemand::Finish,
            _ => DrainDemand::Abort,
        }
    }

    /// Demands something and wakes the connection.
    pub(super) fn demand(&self, order: DrainDemand) {
        self.order.fetch_max(order as u8, Ordering::AcqRel);
        self.waker.wake();
        self.demanded.notify_waiters();
    }

    /// Waits until this, or more, is demanded.
    pub(crate) async fn demanded(&self, wanted: DrainDemand) {
        loop {
            let mut notified = pin!(self.demanded.notified());
            // Registered before the look: a demand between the two is not missed.
            notified.as_mut().enable();
            if self.order() >= wanted {
                return;
            }
            notified.await;
        }
    }

    /// Leaves the tunnel that an HTTP/1 connection becomes.
    pub(crate) fn leave_tunnel(&self, task: TunnelTask) {
        *self.tunnel.lock() = Some(task);
    }

    /// Takes the tunnel that the connection has become.
    pub(super) fn take_tunnel(&self) -> Option<TunnelTask> {
        self.tunnel.lock().take()
    }

    pub(super) fn register(&self, waker: &std::task::Waker) {
        self.waker.register(waker);
    }

    fn now(&self) -> u64 {
        micros(self.opened.elapsed()).max(FRESH + 1)
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// No body, or one that was read to its end.
const BODY_NONE: u8 = 0;
/// A body that the exchange, or whoever it gave the body to, may still read.
const BODY_OPEN: u8 = 1;
/// A body that was not at its end when the answer was ready.
const BODY_ANSWERED: u8 = 2;

/// The time at which a connection has been idle from the start.
const FRESH: u64 = 1;

/// An exchange in flight; dropping it ends the exchange.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<ConnectionState>);

impl InFlight {
    pub(crate) fn begin(state: &Arc<ConnectionState>) -> Self {
        state.in_flight.fetch_add(1, Ordering::AcqRel);
        state.head_since.store(0, Ordering::Relaxed);
        Self(Arc::clone(state))
    }

    /// Sets when the only response in flight must be over.
    pub(crate) fn respond_by(&self, deadline: Option<Instant>) {
        self.0.respond_by(deadline);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let state = &self.0;
        state.idle_since.store(state.now(), Ordering::Relaxed);
        if state.in_flight.fetch_sub(1, Ordering::AcqRel) == 1
            && state.order() != DrainDemand::Serve
        {
            state.waker.wake();
        }
    }
}
