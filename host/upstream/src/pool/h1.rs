//! HTTP/1.1: one connection for one request at a time, kept afterwards, last in first out.

mod answer_first;
mod keep_alive;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};

use self::answer_first::AnswerFirst;
use super::{
    AGE_MAX, ANSWER_HEAD_BYTES_MAX, Attempt, Endpoint, PoolLease, PooledAnswer, RequestSlot,
};
use crate::connect::{Connector, NameResolver, TransportStream};
use crate::error::{ConnectionError, chain_text};
use crate::outgoing::OutboundBody;
use crate::retry::AttemptFailure;

/// A connection given back is busy for the moment in which its driver notices the end of the
/// answer; one that takes longer is broken.
const SETTLING_MAX: Duration = Duration::from_millis(50);
/// Idle connections looked at for one that is ready at once.
const LOOKED_AT_MAX: usize = 4;

/// The bytes that a connection reads ahead of the reader of its answer.
const READ_BYTES_MAX: usize = 128 * 1024;

/// The sending half of a connection.
pub(crate) struct Sender {
    requests: http1::SendRequest<OutboundBody>,
    peer: SocketAddr,
    /// The changes of the endpoint's name by which `peer` was last checked.
    changes: usize,
    opened: Instant,
    /// Longest rest before it is used again, as the server says; read from its first answer.
    rest_max: Option<Option<Duration>>,
}

struct Idle {
    sender: Sender,
    since: Instant,
}

impl Idle {
    /// Tells whether its server may be closing it at this moment.
    fn is_over(&self) -> bool {
        let rest_max = self.sender.rest_max.flatten();
        self.sender.requests.is_closed() || rest_max.is_some_and(|max| self.since.elapsed() >= max)
    }
}

#[derive(Default)]
pub(crate) struct Http1Pool {
    idle: Mutex<Vec<Idle>>,
}

type Opened = Result<(Sender, RequestSlot), ConnectionError>;

impl Http1Pool {
    pub(super) async fn attempt(
        &self,
        place: RequestSlot,
        attempt: Attempt,
    ) -> Result<PooledAnswer, AttemptFailure> {
        let Attempt { request, fresh, .. } = attempt;
        let kept = if fresh { self.drop_one() } else { self.take().await };
        let (mut sender, place) = match kept {
            Some(sender) => (sender, place),
            None => match open(place).await {
                Ok(opened) => opened,
                Err(error) => return Err(AttemptFailure::Unconnected { error, request }),
            },
        };

        match sender.requests.try_send_request(*request).await {
            Ok(response) => {
                if sender.rest_max.is_none() {
                    sender.rest_max = Some(keep_alive::rest_max(response.headers()));
                }
                Ok(PooledAnswer { response, lease: PoolLease::Http1 { sender, place } })
            }
            Err(mut error) => Err(match error.take_message() {
                Some(request) => AttemptFailure::Unprocessed {
                    cause: chain_text(error.error()),
                    request: Some(Box::new(request)),
                },
                None => lost(error.error()),
            }),
        }
    }

    /// Gives a connection back.
    pub(super) fn put(&self, mut sender: Sender, resolver: &NameResolver) {
        let changes = resolver.changes();
        if sender.changes != changes {
            sender.changes = changes;
            if resolver.has_moved(sender.peer) {
                return;
            }
        }

        let since = Instant::now();
        let is_young = since.saturating_duration_since(sender.opened) <= AGE_MAX;
        if is_young && !sender.requests.is_closed() {
            self.idle.lock().push(Idle { sender, since });
        }
    }

    /// A kept connection that is ready.
    async fn take(&self) -> Option<Sender> {
        loop {
            let mut sender = self.pop()?;
            if sender.requests.is_ready() {
                return Some(sender);
            }
            if let Ok(Ok(())) = timeout(SETTLING_MAX, sender.requests.ready()).await {
                return Some(sender);
            }
        }
    }

    /// The youngest connection that is ready, else the youngest that may soon be.
    fn pop(&self) -> Option<Sender> {
        let mut idle = self.idle.lock();
        let mut looked_at = 0;
        let mut index = idle.len();
        while index > 0 && looked_at < LOOKED_AT_MAX {
            index -= 1;
            let entry = idle.get(index)?;
            if entry.is_over() {
                idle.remove(index);
                continue;
            }
            if entry.sender.requests.is_ready() {
                return Some(idle.remove(index).sender);
            }
            looked_at += 1;
        }
        idle.pop().map(|idle| idle.sender)
    }

    /// Makes room for a new connection within the bound.
    fn drop_one(&self) -> Option<Sender> {
        let oldest = {
            let mut idle = self.idle.lock();
            (!idle.is_empty()).then(|| idle.remove(0))
        };
        drop(oldest);
        None
    }

    pub(super) fn has_connections(&self) -> bool {
        !self.idle.lock().is_empty()
    }

    /// Closes what has rested for too long.
    pub(super) fn sweep(&self, now: Instant, idle_timeout: Duration) {
        self.close(|entry| {
            entry.is_over() || now.saturating_duration_since(entry.since) >= idle_timeout
        });
    }

    /// Closes what leads to an address that is not the endpoint's any more.
    pub(super) fn leave(&self, has_moved: &dyn Fn(SocketAddr) -> bool) {
        self.close(|entry| has_moved(entry.sender.peer));
    }

    fn close(&self, is_closed: impl Fn(&Idle) -> bool) {
        let mut closed = Vec::new();
        {
            let mut idle = self.idle.lock();
            let mut index = 0;
            while let Some(entry) = idle.get(index) {
                if is_closed(entry) {
                    closed.push(idle.remove(index));
                } else {
                    index += 1;
                }
            }
        }
        drop(closed);
    }
}

fn lost(error: &hyper::Error) -> AttemptFailure {
    let cause = chain_text(error);
    if error.is_parse() {
        return AttemptFailure::Final(tollgate_chain::Error::UpstreamInvalid { internal: cause });
    }
    AttemptFailure::Lost { cause, reset: None }
}

/// Opens a connection on a task of its own: a caller who leaves does not throw away the work, the
/// connection is kept for the next one.
async fn open(place: RequestSlot) -> Opened {
    let host = place.endpoint.connector.host().clone();
    let (tell, opened) = oneshot::channel::<Opened>();
    tokio::spawn(async move {
        let outcome = handshake(&place.endpoint).await;
        if let Err(Ok((sender, place))) = tell.send(outcome.map(|sender| (sender, place))) {
            PoolLease::Http1 { sender, place }.give_back(true);
        }
    });
    opened.await.unwrap_or(Err(ConnectionError::Dropped { host }))
}

async fn handshake(endpoint: &Arc<Endpoint>) -> Result<Sender, ConnectionError> {
    let outcome = handshake_until(&endpoint.connector, endpoint.connector.deadline()).await;
    endpoint.opened(outcome.as_ref().err());
    outcome
}

async fn handshake_until(
    connector: &Connector,
    deadline: Instant,
) -> Result<Sender, ConnectionError> {
    let (stream, peer) = connector.connect(deadline).await?;
    match stream {
        TransportStream::Plain(stream) => drive(connector, stream, peer, deadline).await,
        TransportStream::Tls(stream) => drive(connector, stream, peer, deadline).await,
    }
}

async fn drive<S>(
    connector: &Connector,
    stream: S,
    peer: SocketAddr,
    deadline: Instant,
) -> Result<Sender, ConnectionError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = http1::Builder::new();
    builder.max_header_size(ANSWER_HEAD_BYTES_MAX as usize).max_buf_size(READ_BYTES_MAX);
    let stream = TokioIo::new(AnswerFirst::new(stream));
    let (requests, connection) = timeout_at(deadline, builder.handshake(stream))
        .await
        .map_err(|_| connector.timed_out())?
        .map_err(|source| connector.handshake_failed("HTTP/1.1", source))?;
    tokio::spawn(async move {
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!(error = chain_text(&error), "upstream connection ended");
        }
    });

    Ok(Sender { requests, peer, changes: 0, opened: Instant::now(), rest_max: None })
}
