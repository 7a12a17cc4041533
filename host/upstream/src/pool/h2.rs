//! HTTP/2: a few connections, each shared by many requests.
//!
//! Whoever finds no connection with a free stream begins one or joins the one that is being made; it
//! is made on a task of its own, so that no caller's departure ends it for the others. A connection
//! has as many streams as its peer allows (`h2/greeting.rs` waits for the peer's first word on it),
//! and a window that all of its streams together cannot use up.

mod greeting;

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};

use self::greeting::{Greeting, Spawner};
use super::{
    AGE_MAX, ANSWER_HEAD_BYTES_MAX, Attempt, Endpoint, PoolLease, PooledAnswer, RequestSlot,
};
use crate::connect::{Connector, TransportStream};
use crate::error::{ConnectionError, chain_text, reset_code};
use crate::outgoing::OutboundBody;
use crate::retry::{AttemptFailure, is_unprocessed};

/// Streams of one connection, where the peer does not allow fewer.
const STREAMS_MAX: u32 = 100;
/// Streams on the least busy connection from which on another one is made.
const STREAMS_SPREAD: usize = 64;
/// Requests in hand at one endpoint, whatever the settings and the peer allow.
const PLACES_MAX: usize = 1024;
/// Requests in hand at one endpoint before its peer has said how many streams it allows.
const PLACES_FIRST: usize = 16;
/// A peer that went without a word is found by these.
const PINGS: Pings = Pings { interval: Duration::from_secs(20), timeout: Duration::from_secs(10) };
/// The window of a stream: one answer cannot fill the memory, and few round trips are lost to it.
const STREAM_WINDOW: u32 = 128 * 1024;
/// The window of a connection. It has room for the windows of all its streams: answers that nobody
/// reads would otherwise use it up, and the answers of others would wait for them for ever.
const CONNECTION_WINDOW: u32 = STREAMS_MAX * STREAM_WINDOW;

/// The interval of HTTP/2 pings, and the time for their answer.
#[derive(Clone, Copy)]
pub(super) struct Pings {
    interval: Duration,
    timeout: Duration,
}

struct Connection {
    requests: http2::SendRequest<OutboundBody>,
    peer: SocketAddr,
    opened: Instant,
    last_used: Mutex<Instant>,
    streams: AtomicUsize,
    /// Streams that the peer allows at once (RFC 9113 §5.1.2).
    limit: Arc<AtomicUsize>,
    dead: AtomicBool,
}

impl Connection {
    fn streams_max(&self) -> usize {
        self.limit.load(Ordering::Relaxed).min(STREAMS_MAX as usize)
    }

    fn is_usable(&self, now: Instant) -> bool {
        !self.dead.load(Ordering::Acquire)
            && !self.requests.is_closed()
            && now.saturating_duration_since(self.opened) <= AGE_MAX
    }
}

/// One stream's share in a connection.
pub(crate) struct StreamGuard(Arc<Connection>);

impl StreamGuard {
    fn new(connection: Arc<Connection>) -> Self {
        connection.streams.fetch_add(1, Ordering::AcqRel);
        Self(connection)
    }

    /// Takes a stream, unless all that the peer allows are taken.
    fn claim(connection: Arc<Connection>) -> Option<Self> {
        let max = connection.streams_max();
        connection
            .streams
            .try_update(Ordering::AcqRel, Ordering::Acquire, |streams| {
                (streams < max).then(|| streams + 1)
            })
            .is_ok()
            .then(|| Self(connection))
    }
}

impl Drop for StreamGuard {
    fn drop(&mut self) {
        if self.0.streams.fetch_sub(1, Ordering::AcqRel) == 1 {
            *self.0.last_used.lock() = Instant::now();
        }
    }
}

type Opening = Shared<BoxFuture<'static, Result<Arc<Connection>, ConnectionError>>>;

#[derive(Default)]
struct Http2State {
    connections: Vec<Arc<Connection>>,
    opening: Option<Opening>,
}

pub(crate) struct Http2Pool {
    state: Mutex<Http2State>,
    connections_max: usize,
    pings: Pings,
}

enum StreamLookup {
    Ready(StreamGuard),
    Soon(Opening),
}

impl Http2Pool {
    pub(super) fn new(connections_max: usize) -> Self {
        Self { state: Mutex::default(), connections_max, pings: PINGS }
    }

    /// Requests that the endpoint may have in hand, where its peer allows so many streams or has not
    /// said yet how many.
    pub(super) fn places_max(&self, streams_max: Option<usize>) -> usize {
        let places = match streams_max {
            Some(streams_max) => {
                self.connections_max.saturating_mul(streams_max.clamp(1, STREAMS_MAX as usize))
            }
            None => self.connections_max.max(PLACES_FIRST),
        };
        places.min(PLACES_MAX)
    }

    pub(super) async fn attempt(
        &self,
        place: RequestSlot,
        attempt: Attempt,
    ) -> Result<PooledAnswer, AttemptFailure> {
        let Attempt { request, .. } = attempt;
        let stream = match self.stream(&place.endpoint).await {
            Ok(stream) => stream,
            Err(error) => return Err(AttemptFailure::Unconnected { error, request }),
        };

        match stream.0.requests.clone().try_send_request(*request).await {
            Ok(response) => Ok(PooledAnswer {
                response,
                lease: PoolLease::Http2 { _stream: stream, _place: place },
            }),
            Err(mut error) => Err(match error.take_message() {
                Some(request) => {
                    stream.0.dead.store(true, Ordering::Release);
                    let cause = chain_text(error.error());
                    AttemptFailure::Unprocessed { cause, request: Some(Box::new(request)) }
                }
                None => failed(&stream.0, error.error()),
            }),
        }
    }

    async fn stream(&self, endpoint: &Arc<Endpoint>) -> Result<StreamGuard, ConnectionError> {
        loop {
            match self.find(endpoint) {
                StreamLookup::Ready(stream) => return Ok(stream),
                StreamLookup::Soon(opening) => {
                    let stream = StreamGuard::claim(opening.await?);
                    // It may be full already of those who waited too: then for another one.
                    if let Some(stream) = stream {
                        return Ok(stream);
                    }
                }
            }
        }
    }

    /// A stream on the least busy connection, or a connection in the making; begins another one
    /// where that helps.
    fn find(&self, endpoint: &Arc<Endpoint>) -> StreamLookup {
        let now = Instant::now();
        let mut state = self.state.lock();
        state.connections.retain(|connection| connection.is_usable(now));
        let least = state
            .connections
            .iter()
            .map(|connection| (connection.streams.load(Ordering::Acquire), connection))
            .min_by_key(|(streams, connection)| (*streams >= connection.streams_max(), *streams))
            .map(|(streams, connection)| (streams, connection.clone()));
        let may_open = state.connections.len() < self.connections_max;

        match least {
            Some((streams, connection)) if streams < connection.streams_max() || !may_open => {
                if streams >= STREAMS_SPREAD && may_open {
                    // Nobody waits for it: it will be found by those who come later.
                    drop(state.open(endpoint, self.pings));
                }
                StreamLookup::Ready(StreamGuard::new(connection))
            }
            Some(_) | None => StreamLookup::Soon(state.open(endpoint, self.pings)),
        }
    }

    pub(super) fn sweep(&self, now: Instant, idle_timeout: Duration) {
        self.state.lock().connections.retain(|connection| {
            let idle = connection.streams.load(Ordering::Acquire) == 0
                && now.saturating_duration_since(*connection.last_used.lock()) >= idle_timeout;
            !idle && connection.is_usable(now)
        });
    }

    pub(super) fn has_connections(&self) -> bool {
        !self.state.lock().connections.is_empty()
    }

    /// Opens no further stream on connections to an address that is not the endpoint's any more.
    pub(super) fn leave(&self, has_moved: &dyn Fn(SocketAddr) -> bool) {
        self.state.lock().connections.retain(|connection| !has_moved(connection.peer));
    }

    fn settle(&self, outcome: &Result<Arc<Connection>, ConnectionError>) {
        let mut state = self.state.lock();
        state.opening = None;
        if let Ok(connection) = outcome {
            state.connections.push(connection.clone());
        }
    }
}

impl Http2State {
    /// Begins a connection, or joins the one that is being made.
    fn open(&mut self, endpoint: &Arc<Endpoint>, pings: Pings) -> Opening {
        // One that ended and is still here ended with its runtime, before it could be settled.
        if let Some(opening) = self.opening.as_ref().filter(|opening| opening.peek().is_none()) {
            return opening.clone();
        }

        let host = endpoint.connector.host().clone();
        let endpoint = endpoint.clone();
        let task = tokio::spawn(async move {
            let outcome = handshake(&endpoint, pings).await.map(Arc::new);
            if let Some(pool) = endpoint.http2() {
                pool.settle(&outcome);
                if let Ok(connection) = &outcome {
                    endpoint.set_places(pool.places_max(Some(connection.streams_max())));
                }
            }
            outcome
        });
        let opening = task
            .map(|ended| ended.unwrap_or(Err(ConnectionError::Dropped { host })))
            .boxed()
            .shared();
        self.opening = Some(opening.clone());
        opening
    }
}

/// Classifies a failed stream, and marks its connection dead where that failed with it.
fn failed(connection: &Connection, error: &hyper::Error) -> AttemptFailure {
    let cause = chain_text(error);
    let reset =
        std::error::Error::source(error).and_then(|source| source.downcast_ref::<h2::Error>());
    if !reset.is_some_and(h2::Error::is_reset) {
        connection.dead.store(true, Ordering::Release);
    }
    if is_unprocessed(error) {
        return AttemptFailure::Unprocessed { cause, request: None };
    }
    if reset.is_some_and(h2::Error::is_library) {
        // The peer broke the protocol: what it said is no answer.
        return AttemptFailure::Final(tollgate_chain::Error::UpstreamInvalid { internal: cause });
    }
    AttemptFailure::Lost { cause, reset: reset_code(error) }
}

async fn handshake(endpoint: &Arc<Endpoint>, pings: Pings) -> Result<Connection, ConnectionError> {
    let outcome = handshake_until(endpoint, endpoint.connector.deadline(), pings).await;
    endpoint.opened(outcome.as_ref().err());
    outcome
}

async fn handshake_until(
    endpoint: &Endpoint,
    deadline: Instant,
    pings: Pings,
) -> Result<Connection, ConnectionError> {
    let connector = &endpoint.connector;
    let (stream, peer) = connector.connect(deadline).await?;
    let opened = match stream {
        TransportStream::Plain(stream) => drive(connector, stream, deadline, pings).await,
        TransportStream::Tls(stream) => drive(connector, stream, deadline, pings).await,
    };
    let (requests, limit) = opened?;

    let now = Instant::now();
    Ok(Connection {
        requests,
        peer,
        opened: now,
        last_used: Mutex::new(now),
        streams: AtomicUsize::new(0),
        limit,
        dead: AtomicBool::new(false),
    })
}

/// The sending half of a connection, and the streams that its peer allows.
type Driven = (http2::SendRequest<OutboundBody>, Arc<AtomicUsize>);

/// Shakes hands and drives the connection on a task of its own.
async fn drive<S>(
    connector: &Connector,
    stream: S,
    deadline: Instant,
    pings: Pings,
) -> Result<Driven, ConnectionError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let greeting = Arc::new(Greeting::default());
    let mut builder = http2::Builder::new(Spawner::new(greeting.clone()));
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(pings.interval)
        .keep_alive_timeout(pings.timeout)
        .keep_alive_while_idle(true)
        // None before the peer has said how many it allows.
        .initial_max_send_streams(0)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(ANSWER_HEAD_BYTES_MAX);
    let opening = async {
        let (requests, mut connection) = builder.handshake(TokioIo::new(stream)).await?;
        let limit = greeting.wait(&mut connection).await?;
        Ok((requests, connection, limit))
    };
    let (requests, mut connection, limit) = timeout_at(deadline, opening)
        .await
        .map_err(|_| connector.timed_out())?
        .map_err(|source| connector.handshake_failed("HTTP/2", source))?;
    let limit = limit.ok_or_else(|| connector.closed())?;

    let limit = Arc::new(AtomicUsize::new(limit));
    let current_limit = limit.clone();
    tokio::spawn(async move {
        let driving = poll_fn(|context| {
            let polled = Pin::new(&mut connection).poll(context);
            if polled.is_pending() {
                current_limit.store(connection.current_max_send_streams(), Ordering::Relaxed);
            }
            polled
        });
        if let Err(error) = driving.await {
            tracing::debug!(error = chain_text(&error), "upstream connection ended");
        }
    });

    Ok((requests, limit))
}

#[cfg(test)]
mod tests;
