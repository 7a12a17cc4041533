//! One endpoint and the connections to it.
//!
//! A request first takes a place (a bound on what one endpoint may have in hand, `pool/places.rs`),
//! then a connection: an HTTP/1.1 one for itself alone (`pool/h1.rs`), or a stream on a shared
//! HTTP/2 one (`pool/h2.rs`). No lock is held across an await.

mod h1;
mod h2;
mod places;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use tokio::time::Instant;
use tollgate_chain::{Error, metric};

use self::places::{PlaceLookup, Places, Waiter};
use crate::balance::Latency;
use crate::caller::CallerKey;
use crate::connect::{ClientTls, Connector, Target};
use crate::error::{ConnectionError, chain_text};
use crate::health::Health;
use crate::outgoing::OutboundBody;
use crate::retry::AttemptFailure;
use crate::settings::{UpstreamSettings, WireProtocol};

/// A connection is not used for new requests when it is older: names and certificates change.
const AGE_MAX: Duration = Duration::from_secs(300);
/// The interval at which a name is resolved again while the endpoint is used. A connection is left
/// after two answers without its address, so that no new request goes to it ten seconds after a
/// move.
const FOLLOW_EVERY: Duration = Duration::from_secs(3);
/// Head of an answer. HTTP/1.1 allows 100 fields in it, hyper's default: asking for another number
/// would cost an allocation for each answer.
const ANSWER_HEAD_BYTES_MAX: u32 = 64 * 1024;

/// One address of an upstream.
pub(crate) struct Endpoint {
    pub(crate) target: Target,
    pub(crate) host_field: http::HeaderValue,
    pub(crate) health: Health,
    pub(crate) latency: Latency,
    connector: Connector,
    pool: ProtocolPool,
    places: Places,
    /// Places of WebSockets, each of which has one of `places` too. Requests, which come and go,
    /// have the rest to themselves.
    websockets: Places,
    idle_timeout: Duration,
    swept: AtomicBool,
    upstream: Arc<str>,
    /// True where there is no other endpoint to send to.
    is_alone: bool,
}

enum ProtocolPool {
    Http1(h1::Http1Pool),
    Http2(h2::Http2Pool),
}

/// One request as an attempt needs it.
pub(crate) struct Attempt {
    pub(crate) request: Box<Request<OutboundBody>>,
    /// Use no connection that was idle before: it may have died like the last one.
    pub(crate) fresh: bool,
    /// The caller whose share of the places the request counts against.
    pub(crate) caller: CallerKey,
    /// True for the handshake of a WebSocket, which may keep its place for hours.
    pub(crate) is_handshake: bool,
}

/// An answer, with the connection or stream that its body holds until it ended.
pub(crate) struct PooledAnswer {
    pub(crate) response: Response<Incoming>,
    pub(crate) lease: PoolLease,
}

impl Endpoint {
    pub(crate) fn new(
        settings: &UpstreamSettings,
        target: Target,
        tls: Option<ClientTls>,
    ) -> Result<Self, crate::Error> {
        let refused = |_| crate::Error::Endpoint { endpoint: target.authority.to_string() };
        let host_field = http::HeaderValue::from_str(target.authority.as_str()).map_err(refused)?;
        let (pool, places_max) = match settings.protocol {
            WireProtocol::Http => {
                (ProtocolPool::Http1(h1::Http1Pool::default()), settings.connections_max)
            }
            WireProtocol::Grpc => {
                let pool = h2::Http2Pool::new(settings.connections_max);
                let places = pool.places_max(None);
                (ProtocolPool::Http2(pool), places)
            }
        };

        Ok(Self {
            connector: Connector::new(&target, tls, settings.connect_timeout),
            target,
            host_field,
            health: Health::new(),
            latency: Latency::new(),
            pool,
            places: Places::new(places_max),
            websockets: Places::new(settings.websockets_max),
            idle_timeout: settings.idle_timeout,
            swept: AtomicBool::new(false),
            upstream: (*settings.name).into(),
            is_alone: settings.endpoints.len() <= 1,
        })
    }

    /// Requests in hand.
    pub(crate) fn active(&self) -> usize {
        self.places.taken()
    }

    /// Estimates the cost of one request more, in nanoseconds of waiting.
    pub(crate) fn load(&self) -> f64 {
        self.latency.cost(self.active(), Instant::now())
    }

    /// Sends a request once, and waits for the head of its answer.
    pub(crate) async fn attempt(
        self: &Arc<Self>,
        attempt: Attempt,
    ) -> Result<PooledAnswer, AttemptFailure> {
        // Before the wait for a place: who cannot stay does not queue.
        let websocket = match attempt.is_handshake {
            true => Some(self.websocket(attempt.caller).map_err(AttemptFailure::Final)?),
            false => None,
        };
        let mut place = self.place(attempt.caller).await.map_err(AttemptFailure::Final)?;
        place.websocket = websocket;

        match &self.pool {
            ProtocolPool::Http1(pool) => pool.attempt(place, attempt).await,
            ProtocolPool::Http2(pool) => pool.attempt(place, attempt).await,
        }
    }

    /// Takes a place of a WebSocket; nobody waits for one.
    fn websocket(self: &Arc<Self>, caller: CallerKey) -> Result<WebSocketSlot, Error> {
        let is_taken = self.websockets.take_now(caller);
        is_taken.then(|| WebSocketSlot { endpoint: self.clone(), caller }).ok_or(Error::Overloaded)
    }

    async fn place(self: &Arc<Self>, caller: CallerKey) -> Result<RequestSlot, Error> {
        match self.places.take(caller)? {
            PlaceLookup::Taken => Ok(RequestSlot::new(self, caller)),
            // The sender goes with the endpoint, which this borrow keeps.
            PlaceLookup::Soon(place) => place.await.map_err(|_| Error::Overloaded),
        }
    }

    /// Hands free places to the requests that wait for them.
    fn hand_out(self: &Arc<Self>, first: Option<(CallerKey, Waiter)>) {
        let mut granted = first;
        while let Some((caller, waiter)) = granted {
            // A request that gave up meanwhile returns its place by dropping it.
            drop(waiter.send(RequestSlot::new(self, caller)));
            granted = self.places.next();
        }
    }

    /// Sets the number of places to what the peer allows.
    fn set_places(self: &Arc<Self>, max: usize) {
        self.places.set_max(max);
        self.hand_out(self.places.next());
    }

    /// Closes what was idle for too long or leads to an address that the name left, for as long as
    /// the endpoint lives.
    fn sweep(self: &Arc<Self>) {
        if self.swept.swap(true, Ordering::AcqRel) {
            return;
        }
        let endpoint = Arc::downgrade(self);
        let mut period = self.idle_timeout / 2;
        if self.connector.resolver().is_name() {
            period = period.min(FOLLOW_EVERY);
        }
        let period = period.max(Duration::from_millis(10));
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(period).await;
                let Some(endpoint) = endpoint.upgrade() else { return };
                endpoint.sweep_now().await;
            }
        });
    }

    async fn sweep_now(&self) {
        let resolver = self.connector.resolver();
        let has_moved = |address| resolver.has_moved(address);
        if resolver.is_name() && (self.has_connections() || self.active() > 0) {
            resolver.follow().await;
        }

        let now = Instant::now();
        match &self.pool {
            ProtocolPool::Http1(pool) => {
                pool.sweep(now, self.idle_timeout);
                pool.leave(&has_moved);
            }
            ProtocolPool::Http2(pool) => {
                pool.sweep(now, self.idle_timeout);
                pool.leave(&has_moved);
            }
        }
    }

    fn has_connections(&self) -> bool {
        match &self.pool {
            ProtocolPool::Http1(pool) => pool.has_connections(),
            ProtocolPool::Http2(pool) => pool.has_connections(),
        }
    }

    fn http1(&self) -> Option<&h1::Http1Pool> {
        match &self.pool {
            ProtocolPool::Http1(pool) => Some(pool),
            ProtocolPool::Http2(_) => None,
        }
    }

    fn http2(&self) -> Option<&h2::Http2Pool> {
        match &self.pool {
            ProtocolPool::Http2(pool) => Some(pool),
            ProtocolPool::Http1(_) => None,
        }
    }

    /// Counts a failure that no caller can cause.
    pub(crate) fn failed(&self) {
        if self.health.failed() {
            let authority = self.target.authority.as_str();
            tracing::warn!(upstream = %self.upstream, authority, "endpoint ejected");
            metrics::counter!(
                metric::UPSTREAM_EJECTIONS, "upstream" => self.upstream.clone()
            )
            .increment(1);
        }
    }

    /// Records that a connection was made, or that it could not be made.
    fn opened(self: &Arc<Self>, error: Option<&ConnectionError>) {
        let outcome = error.map_or("ok", ConnectionError::reason);
        match error {
            None => self.sweep(),
            Some(error) => {
                tracing::debug!(upstream = %self.upstream, error = chain_text(error), "no connection");
                // Ejected, a server alone with a wrong certificate would look like one that is down.
                if !(self.is_alone && error.is_of_trust()) {
                    self.failed();
                }
            }
        }
        metrics::counter!(
            metric::UPSTREAM_CONNECTS,
            "upstream" => self.upstream.clone(),
            "outcome" => outcome
        )
        .increment(1);
    }
}

/// The right to have one request in hand at an endpoint.
pub(crate) struct RequestSlot {
    endpoint: Arc<Endpoint>,
    caller: CallerKey,
    /// Held beside the place where the request opens a WebSocket.
    websocket: Option<WebSocketSlot>,
}

impl RequestSlot {
    fn new(endpoint: &Arc<Endpoint>, caller: CallerKey) -> Self {
        Self { endpoint: endpoint.clone(), caller, websocket: None }
    }
}

/// The right to have one WebSocket open at an endpoint.
struct WebSocketSlot {
    endpoint: Arc<Endpoint>,
    caller: CallerKey,
}

impl Drop for WebSocketSlot {
    fn drop(&mut self) {
        // Nobody waits for it.
        let _ = self.endpoint.websockets.release(self.caller);
    }
}

impl Drop for RequestSlot {
    fn drop(&mut self) {
        let next = self.endpoint.places.release(self.caller);
        if next.is_some() {
            self.endpoint.hand_out(next);
        }
    }
}

/// The connection or stream that the body of an answer holds until it ended.
pub(crate) enum PoolLease {
    /// The whole connection.
    Http1 { sender: h1::Sender, place: RequestSlot },
    /// A stream of a connection. Kept for its drop.
    Http2 { _stream: h2::StreamGuard, _place: RequestSlot },
}

impl PoolLease {
    /// Ends the use of the connection; an HTTP/1.1 one is kept when `reusable`.
    pub(crate) fn give_back(self, reusable: bool) {
        match self {
            Self::Http1 { sender, place } if reusable => {
                // First the connection, then the place: who gets the place finds the connection.
                if let Some(pool) = place.endpoint.http1() {
                    pool.put(sender, place.endpoint.connector.resolver());
                }
                drop(place);
            }
            Self::Http1 { .. } | Self::Http2 { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests;
