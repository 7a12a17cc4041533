//! HTTP/2: a few connections, each shared by many requests.
//!
//! Whoever finds no connection begins one or joins the one that is being made; it is made on a task
//! of its own, so that no caller's departure ends it for the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};

use super::{
    AGE_MAX, ANSWER_HEAD_BYTES_MAX, Attempt, Endpoint, PoolLease, PooledAnswer, RequestSlot,
};
use crate::connect::{self, Connector};
use crate::error::{ConnectionError, chain_text};
use crate::outgoing::OutboundBody;
use crate::retry::{AttemptFailure, is_unprocessed};

/// Connections to one endpoint at most, whatever the settings allow.
const CONNECTIONS_MAX: usize = 8;
/// Streams on the least busy connection from which on another one is made.
const STREAMS_SPREAD: usize = 64;
/// Streams of one connection that count as a full one.
const STREAMS_MAX: usize = 200;
/// A peer that went without a word is found by these.
const PINGS: Pings = Pings { interval: Duration::from_secs(20), timeout: Duration::from_secs(10) };
/// Windows: one answer cannot fill the memory, and few round trips are lost to them.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 2 * 1024 * 1024;

/// The interval of HTTP/2 pings, and the time for their answer.
#[derive(Clone, Copy)]
pub(super) struct Pings {
    interval: Duration,
    timeout: Duration,
}

struct Connection {
    requests: http2::SendRequest<OutboundBody>,
    opened: Instant,
    last_used: Mutex<Instant>,
    streams: AtomicUsize,
    dead: AtomicBool,
}

impl Connection {
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
        let connections_max = connections_max.clamp(1, CONNECTIONS_MAX);
        Self { state: Mutex::default(), connections_max, pings: PINGS }
    }

    pub(super) fn streams_max(&self) -> usize {
        self.connections_max * STREAMS_MAX
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
        match self.find(endpoint) {
            StreamLookup::Ready(stream) => Ok(stream),
            StreamLookup::Soon(opening) => opening.await.map(StreamGuard::new),
        }
    }

    /// The least busy connection, or one in the making; begins another one where that helps.
    fn find(&self, endpoint: &Arc<Endpoint>) -> StreamLookup {
        let now = Instant::now();
        let mut state = self.state.lock();
        state.connections.retain(|connection| connection.is_usable(now));
        let least = state
            .connections
            .iter()
            .map(|connection| (connection.streams.load(Ordering::Acquire), connection))
            .min_by_key(|(streams, _)| *streams)
            .map(|(streams, connection)| (streams, connection.clone()));
        let room = state.connections.len() < self.connections_max;

        match least {
            Some((streams, connection)) => {
                if streams >= STREAMS_SPREAD && room {
                    // Nobody waits for it: it will be found by those who come later.
                    drop(state.open(endpoint, self.pings));
                }
                StreamLookup::Ready(StreamGuard::new(connection))
            }
            None => StreamLookup::Soon(state.open(endpoint, self.pings)),
        }
    }

    pub(super) fn sweep(&self, now: Instant, idle_timeout: Duration) {
        self.state.lock().connections.retain(|connection| {
            let idle = connection.streams.load(Ordering::Acquire) == 0
                && now.saturating_duration_since(*connection.last_used.lock()) >= idle_timeout;
            !idle && connection.is_usable(now)
        });
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
    AttemptFailure::Lost { cause }
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
    match connector.connect(deadline).await? {
        connect::TransportStream::Plain(stream) => drive(connector, stream, deadline, pings).await,
        connect::TransportStream::Tls(stream) => drive(connector, stream, deadline, pings).await,
    }
}

async fn drive<S>(
    connector: &Connector,
    stream: S,
    deadline: Instant,
    pings: Pings,
) -> Result<Connection, ConnectionError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(pings.interval)
        .keep_alive_timeout(pings.timeout)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(ANSWER_HEAD_BYTES_MAX);
    let (requests, connection) = timeout_at(deadline, builder.handshake(TokioIo::new(stream)))
        .await
        .map_err(|_| connector.timed_out())?
        .map_err(|source| connector.handshake_failed("HTTP/2", source))?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(error = chain_text(&error), "upstream connection ended");
        }
    });

    let now = Instant::now();
    Ok(Connection {
        requests,
        opened: now,
        last_used: Mutex::new(now),
        streams: AtomicUsize::new(0),
        dead: AtomicBool::new(false),
    })
}

#[cfg(test)]
mod tests;
