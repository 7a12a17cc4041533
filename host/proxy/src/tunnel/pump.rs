//! Both directions of a tunnel, its clocks, and the order in which it ends.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};
use tollgate_edge::{CallerStream, TunnelEnd, TunnelRecord};
use tollgate_upstream::UpstreamTunnel;

use super::TunnelBounds;
use super::frames::{FrameSource, FrameStop, close_frame};
use super::lane::{Lane, LaneEvent};

/// Longest time from the begin of an end: for a close frame to be answered, for a frame to become
/// whole, and for a side to close its connection.
const ENDING_MAX: Duration = Duration::from_secs(5);

/// Codes of close frames (RFC 6455 §7.4.1; the registry for 1012).
const GOING_AWAY: u16 = 1001;
const PROTOCOL_ERROR: u16 = 1002;
const MESSAGE_TOO_BIG: u16 = 1009;
/// 1014 would say more of a lost upstream, but widely used clients take it for an error of the
/// protocol.
const INTERNAL_ERROR: u16 = 1011;
const SERVICE_RESTART: u16 = 1012;

/// Both directions.
pub(super) struct Pump {
    caller: CallerStream,
    upstream: UpstreamTunnel,
    /// From the caller to the upstream.
    up: Lane,
    /// From the upstream to the caller.
    down: Lane,
    phase: TunnelPhase,
    drained: Pin<Box<dyn Future<Output = ()> + Send>>,
    timer: Pin<Box<Sleep>>,
    idle: Duration,
    last_moved: Instant,
    expires: Instant,
}

#[derive(Debug, Clone, Copy)]
enum TunnelPhase {
    Open,
    /// Ends, at the latest at `until`.
    Ending {
        conclusion: Conclusion,
        until: Instant,
    },
}

/// The outcome of a tunnel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Conclusion {
    pub(super) end: TunnelEnd,
    /// The code of the first close frame.
    pub(super) code: Option<u16>,
    /// True where both sides sent a close frame.
    pub(super) complete: bool,
}

/// The side that something happened on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TunnelSide {
    Caller,
    Upstream,
}

impl Pump {
    pub(super) fn new(
        caller: CallerStream,
        upstream: UpstreamTunnel,
        bounds: TunnelBounds,
    ) -> Self {
        let TunnelBounds { message_bytes_max, idle, lifetime } = bounds;
        let now = Instant::now();
        let expires = now + lifetime;
        let drained = Box::pin(caller.drained());

        Self {
            caller,
            upstream,
            up: Lane::new(FrameSource::Caller { message_bytes_max }),
            down: Lane::new(FrameSource::Upstream),
            phase: TunnelPhase::Open,
            drained,
            timer: Box::pin(sleep_until(expires.min(now + idle))),
            idle,
            last_moved: now,
            expires,
        }
    }

    /// Goes on until the tunnel is over.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        record: &mut TunnelRecord,
    ) -> Poll<Conclusion> {
        loop {
            let (caller, upstream) = (Pin::new(&mut self.caller), Pin::new(&mut self.upstream));
            let up = self.up.poll(cx, caller, upstream);
            if let Poll::Ready(event) = up {
                self.happened(TunnelSide::Caller, event);
            }
            let (caller, upstream) = (Pin::new(&mut self.caller), Pin::new(&mut self.upstream));
            let down = self.down.poll(cx, upstream, caller);
            if let Poll::Ready(event) = down {
                self.happened(TunnelSide::Upstream, event);
            }
            record.received(self.up.take_moved());
            record.sent(self.down.take_moved());

            if let TunnelPhase::Ending { conclusion, .. } = self.phase
                && self.up.is_done()
                && self.down.is_done()
            {
                return Poll::Ready(conclusion);
            }
            if up.is_ready() || down.is_ready() {
                continue;
            }
            if self.is_open() && self.drained.as_mut().poll(cx).is_ready() {
                self.end(TunnelEnd::Draining, SERVICE_RESTART, "the gateway restarts");
                continue;
            }
            match self.poll_clock(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(conclusion)) => return Poll::Ready(conclusion),
                Poll::Ready(None) => {}
            }
        }
    }

    fn is_open(&self) -> bool {
        matches!(self.phase, TunnelPhase::Open)
    }

    fn happened(&mut self, side: TunnelSide, event: LaneEvent) {
        match event {
            LaneEvent::Moved => self.last_moved = Instant::now(),
            LaneEvent::Stopped(FrameStop::Closed(code)) => self.closed(side, code),
            LaneEvent::Stopped(FrameStop::TooLarge) => {
                let reason = "the message is too large";
                self.end(TunnelEnd::MessageTooLarge, MESSAGE_TOO_BIG, reason);
            }
            LaneEvent::Stopped(FrameStop::Invalid(reason)) => match side {
                TunnelSide::Caller => self.end(TunnelEnd::CallerInvalid, PROTOCOL_ERROR, reason),
                TunnelSide::Upstream => self.upstream_failed(TunnelEnd::UpstreamInvalid),
            },
            LaneEvent::Stopped(FrameStop::Boundary) => {}
            LaneEvent::SourceEnded => self.source_ended(side),
            LaneEvent::SourceFailed => self.failed(side),
            LaneEvent::SinkFailed => self.failed(match side {
                TunnelSide::Caller => TunnelSide::Upstream,
                TunnelSide::Upstream => TunnelSide::Caller,
            }),
        }
    }

    /// A close frame of one side was passed on. The other has to answer it; a side that ended
    /// cannot any more.
    fn closed(&mut self, side: TunnelSide, code: Option<u16>) {
        match &mut self.phase {
            TunnelPhase::Open => {
                self.begin_ending(
                    match side {
                        TunnelSide::Caller => TunnelEnd::CallerClosed,
                        TunnelSide::Upstream => TunnelEnd::UpstreamClosed,
                    },
                    code,
                );
                return;
            }
            TunnelPhase::Ending { conclusion, .. } => {
                conclusion.complete = conclusion.end != TunnelEnd::CallerLost;
            }
        }
        self.up.shut();
        self.down.shut();
    }

    /// A side sends no more.
    fn source_ended(&mut self, side: TunnelSide) {
        match (side, self.is_open()) {
            (TunnelSide::Upstream, true) => self.upstream_failed(TunnelEnd::UpstreamLost),
            // It may still read: the upstream learns of the end and may say more.
            (TunnelSide::Caller, true) => {
                self.begin_ending(TunnelEnd::CallerLost, None);
                self.up.shut();
            }
            (_, false) => {
                self.up.shut_if_held();
                self.down.shut_if_held();
            }
        }
    }

    /// The connection of a side is lost in both directions.
    fn failed(&mut self, side: TunnelSide) {
        match side {
            TunnelSide::Upstream if self.is_open() => {
                self.upstream_failed(TunnelEnd::UpstreamLost);
            }
            TunnelSide::Upstream => self.down.shut_if_held(),
            TunnelSide::Caller => {
                if self.is_open() {
                    self.begin_ending(TunnelEnd::CallerLost, None);
                }
                self.up.shut();
                self.down.abandon();
            }
        }
    }

    fn upstream_failed(&mut self, end: TunnelEnd) {
        self.end(end, INTERNAL_ERROR, "the service behind this route failed");
    }

    /// Ends the tunnel with a close frame to each side.
    fn end(&mut self, end: TunnelEnd, code: u16, reason: &'static str) {
        if !self.is_open() {
            return;
        }
        self.begin_ending(end, Some(code));
        self.down.end(close_frame(FrameSource::Upstream, code, reason));
        self.end_upstream(end);
    }

    fn end_upstream(&mut self, end: TunnelEnd) {
        let code = if end == TunnelEnd::UpstreamInvalid { PROTOCOL_ERROR } else { GOING_AWAY };
        let source = FrameSource::Caller { message_bytes_max: 0 };
        self.up.end(close_frame(source, code, end.as_str()));
    }

    fn begin_ending(&mut self, end: TunnelEnd, code: Option<u16>) {
        let conclusion = Conclusion { end, code, complete: false };
        self.phase = TunnelPhase::Ending { conclusion, until: Instant::now() + ENDING_MAX };
    }

    /// Waits for whatever is due next. Returns the conclusion when the time for an end is over.
    fn poll_clock(&mut self, cx: &mut Context<'_>) -> Poll<Option<Conclusion>> {
        loop {
            let due = self.due();
            if due < self.timer.deadline() {
                self.timer.as_mut().reset(due);
            }
            if self.timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            let now = Instant::now();
            if due > now {
                self.timer.as_mut().reset(due);
                continue;
            }

            if let TunnelPhase::Ending { conclusion, .. } = self.phase {
                return Poll::Ready(Some(conclusion));
            }
            self.overdue(now);
            return Poll::Ready(None);
        }
    }

    fn due(&self) -> Instant {
        match self.phase {
            TunnelPhase::Ending { until, .. } => until,
            TunnelPhase::Open => {
                let due = self.expires.min(self.last_moved + self.idle);
                self.caller.stalled_at().map_or(due, |stalled| due.min(stalled))
            }
        }
    }

    fn overdue(&mut self, now: Instant) {
        if self.caller.stalled_at().is_some_and(|stalled| stalled <= now) {
            // It would not take a close frame either.
            self.begin_ending(TunnelEnd::CallerStalled, None);
            self.down.abandon();
            self.end_upstream(TunnelEnd::CallerStalled);
        } else if self.expires <= now {
            self.end(TunnelEnd::Expired, GOING_AWAY, "the longest time for a connection is over");
        } else {
            self.end(TunnelEnd::Idle, GOING_AWAY, "the connection was idle for too long");
        }
    }
}
