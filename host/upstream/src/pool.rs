//! One endpoint and the connections to it.
//!
//! A request first takes a place (a bound on what one endpoint may have in hand), then a connection:
//! an HTTP/1.1 one for itself alone (`pool/h1.rs`), or a stream on a shared HTTP/2 one
//! (`pool/h2.rs`). No lock is held across an await.

mod h1;
mod h2;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tollgate_chain::Error;

use crate::balance::Latency;
use crate::connect::{Connector, Target, Tls};
use crate::error::{ConnectError, chain_text};
use crate::health::Health;
use crate::outgoing::Outgoing;
use crate::retry::Failure;
use crate::settings::{Protocol, UpstreamSettings};

/// Requests that may wait for a place at one endpoint; beyond it the gateway is at its limit.
const WAITING_MAX: usize = 4096;
/// A connection is not used for new requests when it is older: names and certificates change.
const AGE_MAX: Duration = Duration::from_secs(300);
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
    pool: Pool,
    places: Semaphore,
    places_max: usize,
    waiting: AtomicUsize,
    idle_timeout: Duration,
    swept: AtomicBool,
    upstream: Arc<str>,
}

enum Pool {
    Http1(h1::Pool),
    Http2(h2::Pool),
}

/// One request as an attempt needs it.
pub(crate) struct Attempt {
    pub(crate) request: Box<Request<Outgoing>>,
    /// Use no connection that was idle before: it may have died like the last one.
    pub(crate) fresh: bool,
}

/// An answer and what it holds until its body ended.
pub(crate) struct Answer {
    pub(crate) response: Response<Incoming>,
    pub(crate) held: Held,
}

impl Endpoint {
    pub(crate) fn new(
        settings: &UpstreamSettings,
        target: Target,
        tls: Option<Tls>,
    ) -> Result<Self, crate::Error> {
        let refused = |_| crate::Error::Endpoint { endpoint: target.authority.to_string() };
        let host_field = http::HeaderValue::from_str(target.authority.as_str()).map_err(refused)?;
        let (pool, places_max) = match settings.protocol {
            Protocol::Http => (Pool::Http1(h1::Pool::default()), settings.connections_max),
            Protocol::Grpc => {
                let pool = h2::Pool::new(settings.connections_max);
                let places = pool.streams_max();
                (Pool::Http2(pool), places)
            }
        };
        let places_max = places_max.min(Semaphore::MAX_PERMITS);
        Ok(Self {
            connector: Connector::new(&target, tls, settings.connect_timeout),
            target,
            host_field,
            health: Health::new(),
            latency: Latency::new(),
            pool,
            places: Semaphore::new(places_max),
            places_max,
            waiting: AtomicUsize::new(0),
            idle_timeout: settings.idle_timeout,
            swept: AtomicBool::new(false),
            upstream: (*settings.name).into(),
        })
    }

    /// Requests in hand.
    pub(crate) fn active(&self) -> usize {
        self.places_max.saturating_sub(self.places.available_permits())
    }

    /// What one request more would cost, in nanoseconds of waiting.
    pub(crate) fn load(&self) -> f64 {
        self.latency.cost(self.active(), Instant::now())
    }

    /// Sends a request once, and waits for the head of its answer.
    pub(crate) async fn attempt(self: &Arc<Self>, attempt: Attempt) -> Result<Answer, Failure> {
        let place = self.place().await.map_err(Failure::Final)?;
        match &self.pool {
            Pool::Http1(pool) => pool.attempt(place, attempt).await,
            Pool::Http2(pool) => pool.attempt(place, attempt).await,
        }
    }

    async fn place(self: &Arc<Self>) -> Result<Place, Error> {
        let permit = match self.places.try_acquire() {
            Ok(permit) => permit,
            Err(_) => {
                let _waiting = Waiting::new(&self.waiting).ok_or(Error::Overloaded)?;
                self.places.acquire().await.map_err(|_| Error::Overloaded)?
            }
        };
        permit.forget();
        Ok(Place { endpoint: self.clone() })
    }

    /// Closes what was idle for too long, for as long as the endpoint lives.
    fn sweep(self: &Arc<Self>) {
        if self.swept.swap(true, Ordering::AcqRel) {
            return;
        }
        let endpoint = Arc::downgrade(self);
        let period = (self.idle_timeout / 2).max(Duration::from_millis(10));
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(period).await;
                let Some(endpoint) = endpoint.upgrade() else { return };
                let now = Instant::now();
                match &endpoint.pool {
                    Pool::Http1(pool) => pool.sweep(now, endpoint.idle_timeout),
                    Pool::Http2(pool) => pool.sweep(now, endpoint.idle_timeout),
                }
            }
        });
    }

    fn http1(&self) -> Option<&h1::Pool> {
        match &self.pool {
            Pool::Http1(pool) => Some(pool),
            Pool::Http2(_) => None,
        }
    }

    fn http2(&self) -> Option<&h2::Pool> {
        match &self.pool {
            Pool::Http2(pool) => Some(pool),
            Pool::Http1(_) => None,
        }
    }

    /// Counts a failure that no caller can cause.
    pub(crate) fn failed(&self) {
        if self.health.failed() {
            let authority = self.target.authority.as_str();
            tracing::warn!(upstream = %self.upstream, authority, "endpoint ejected");
            metrics::counter!(
                "tollgate_upstream_ejections_total", "upstream" => self.upstream.clone()
            )
            .increment(1);
        }
    }

    /// A connection was made, or not.
    fn opened(self: &Arc<Self>, error: Option<&ConnectError>) {
        let outcome = error.map_or("ok", ConnectError::reason);
        match error {
            None => self.sweep(),
            Some(error) => {
                tracing::debug!(upstream = %self.upstream, error = chain_text(error), "no connection");
                self.failed();
            }
        }
        metrics::counter!(
            "tollgate_upstream_connects_total",
            "upstream" => self.upstream.clone(),
            "outcome" => outcome
        )
        .increment(1);
    }
}

/// The right to have one request in hand at an endpoint.
pub(crate) struct Place {
    endpoint: Arc<Endpoint>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.endpoint.places.add_permits(1);
    }
}

/// What an answer's body keeps until it ended.
pub(crate) enum Held {
    /// The whole connection.
    Http1 { sender: h1::Sender, place: Place },
    /// A stream of a connection. Kept for its drop.
    Http2 { _stream: h2::Stream, _place: Place },
}

impl Held {
    /// Ends the use of the connection; an HTTP/1.1 one is kept when `reusable`.
    pub(crate) fn give_back(self, reusable: bool) {
        match self {
            Self::Http1 { sender, place } if reusable => {
                // First the connection, then the place: who gets the place finds the connection.
                if let Some(pool) = place.endpoint.http1() {
                    pool.put(sender);
                }
                drop(place);
            }
            Self::Http1 { .. } | Self::Http2 { .. } => {}
        }
    }
}

struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Option<Self> {
        let waiting = Self(count);
        (count.fetch_add(1, Ordering::AcqRel) < WAITING_MAX).then_some(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
