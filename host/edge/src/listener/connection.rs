//! One connection from handshake to close.

use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::TokioIo;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;
use tollgate_chain::metric;

use super::admission::Admitted;
use super::frames::Frames;
use super::io::{Guarded, Spoken, sniff};
use super::outgoing::StreamRunner;
use super::registry::ConnectionRegistry;
use super::state::{ConnectionState, DrainDemand};
use super::watch::{Clocks, End, Graceful, Watched};
use super::{Link, ListenerShared, proxy_header};
use crate::body::RecordedBody;
use crate::exchange::{Handler, exchange};
use crate::tls::client_certificate;
use crate::{Limits, ListenerSettings, Tls};

/// Serves a connection to its end, and frees its place then.
pub(super) async fn serve<H: Handler>(
    mut stream: TcpStream,
    (peer, mut place): (IpAddr, Admitted),
    shared: Arc<ListenerShared<H>>,
    registry: Arc<ConnectionRegistry>,
) {
    let limits = &shared.settings.limits;
    let state = Arc::new(ConnectionState::new(about(limits.age_max)));
    let _entry = registry.enter(&state, peer);

    let peer = if shared.settings.proxy_protocol {
        let caller = proxied(&mut stream, peer, &shared.settings);
        match unless_told(&state, caller).await {
            Some(Some(caller)) if caller == peer || place.charge(caller) => caller,
            Some(Some(_)) => {
                metrics::counter!(metric::CONNECTIONS_REFUSED).increment(1);
                return;
            }
            Some(None) | None => return,
        }
    } else {
        peer
    };
    let link = Link {
        shared: Arc::clone(&shared),
        peer,
        secure: shared.settings.tls.is_some(),
        server_name: None,
        client_certificate: None,
        state: Arc::clone(&state),
    };

    let Some(tls) = &shared.settings.tls else {
        return converse(stream, None, link).await;
    };
    let handshake = timeout(limits.handshake_timeout, tls.acceptor().accept(stream));

    match unless_told(&state, handshake).await {
        Some(Ok(Ok(stream))) => converse_securely(stream, tls, link).await,
        Some(Ok(Err(error))) => tls.refusals.failed(peer, &error),
        Some(Err(_)) => tls.refusals.timed_out(peer),
        None => {}
    }
}

/// Speaks HTTP after the handshake, which settled the version and the names of both sides.
async fn converse_securely<H: Handler>(stream: TlsStream<TcpStream>, tls: &Tls, link: Link<H>) {
    let (_, session) = stream.get_ref();
    let spoken = match session.alpn_protocol() {
        Some(b"h2") => Some(Spoken::Http2),
        Some(_) => Some(Spoken::Http1),
        None => None,
    };
    let server_name = session.server_name().map(|name| name.to_ascii_lowercase().into());

    match client_certificate(session) {
        Ok(client_certificate) => {
            converse(stream, spoken, Link { server_name, client_certificate, ..link }).await;
        }
        Err(fault) => tls.refusals.unusable(link.peer, fault),
    }
}

/// The address that a trusted proxy speaks for. None where the connection is to be closed.
async fn proxied(
    stream: &mut TcpStream,
    peer: IpAddr,
    settings: &ListenerSettings,
) -> Option<IpAddr> {
    let reading = timeout(settings.limits.handshake_timeout, proxy_header::read(stream));
    let failure = if !settings.trusted_proxies.contains(peer) {
        "the peer is no trusted proxy".to_owned()
    } else {
        match reading.await {
            Ok(Ok(caller)) => return Some(caller.unwrap_or(peer)),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the PROXY header took too long".to_owned(),
        }
    };

    metrics::counter!(metric::PROXY_HEADERS_REFUSED).increment(1);
    tracing::debug!(%peer, failure, "connection closed");
    None
}

/// Speaks HTTP in the version that the handshake settled, or that the first bytes show.
async fn converse<H: Handler, S>(mut stream: S, spoken: Option<Spoken>, link: Link<H>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits = &link.shared.settings.limits;
    let (spoken, read) = match spoken {
        Some(spoken) => (spoken, Bytes::new()),
        None => {
            let sniffed = timeout(limits.head_timeout, sniff(&mut stream));
            match unless_told(&link.state, sniffed).await {
                Some(Ok(Ok(sniffed))) => sniffed,
                _ => return,
            }
        }
    };

    let (peer, state) = (link.peer, Arc::clone(&link.state));
    let link = Arc::new(link);

    match run(stream, spoken, read, Arc::clone(&link)).await {
        End::Closed(Ok(())) => {}
        End::Closed(Err(error)) if error.is_parse() => {
            link.note_refusal(&error);
            tracing::debug!(%peer, %error, "connection closed: the head cannot be parsed");
        }
        End::Closed(Err(error)) => tracing::debug!(%peer, %error, "connection failed"),
        End::SlowHead => {
            metrics::counter!(metric::SLOW_HEADS).increment(1);
            tracing::debug!(%peer, "connection closed: the head took too long");
        }
        End::Stalled => tracing::debug!(%peer, "connection closed: the peer takes nothing"),
        End::Aborted => tracing::debug!(%peer, "connection cut off"),
        End::Flooded => {
            metrics::counter!(metric::CONTROL_FRAME_FLOODS).increment(1);
            tracing::warn!(%peer, "connection closed: too many control frames");
        }
    }

    // A connection that switched protocols keeps its place, and is drained, like any other.
    if let Some(tunnel) = state.take_tunnel() {
        tunnel.run().await;
    }
}

async fn run<H: Handler, S>(stream: S, spoken: Spoken, read: Bytes, link: Arc<Link<H>>) -> End
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let state = Arc::clone(&link.state);
    let limits = &link.shared.settings.limits.clone();
    let frames = (spoken == Spoken::Http2).then(|| Frames::new(limits.control_frames_max));
    let stall = limits.stall_timeout;
    let io = TokioIo::new(Guarded::new(stream, read, Arc::clone(&link), frames, stall));
    let service = service_fn(move |request| exchange(Arc::clone(&link), request));
    let clocks = Clocks {
        head: (spoken == Spoken::Http1).then_some(limits.head_timeout),
        idle: limits.idle_timeout,
        // A client of HTTP/1 that was not told may be sending its next request by then.
        old: (spoken == Spoken::Http2).then(|| state.old()),
    };

    match spoken {
        Spoken::Http1 => {
            let connection = http1_builder(limits).serve_connection(io, service).with_upgrades();
            Watched::new(connection, state, clocks).await
        }
        Spoken::Http2 => {
            let connection = http2_builder(limits).serve_connection(io, service);
            Watched::new(connection, state, clocks).await
        }
    }
}

/// The head's own timer stays off: it would be one more allocation and timer for each request;
/// [`Watched`] keeps that clock. The number of fields is checked with the head for both
/// protocols: a limit here makes the parser allocate for each request.
///
/// A caller that closes its sending side after the request gets its answer (RFC 9112 §9.6). The
/// buffer has room for twice the largest head: one that is somewhat too large is answered by us.
fn http1_builder(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .header_read_timeout(None)
        .half_close(true)
        .max_buf_size(limits.head_bytes_max.max(8 * 1024) * 2);
    builder
}

fn http2_builder(limits: &Limits) -> http2::Builder<StreamRunner> {
    let mut builder = http2::Builder::new(StreamRunner::new(limits.stall_timeout));
    builder
        .enable_connect_protocol()
        .max_concurrent_streams(limits.streams_max)
        .initial_stream_window_size(limits.stream_window)
        .initial_connection_window_size(limits.connection_window())
        .max_pending_accept_reset_streams(limits.pending_resets_max)
        .max_local_error_reset_streams(limits.local_resets_max)
        .max_header_list_size(u32::try_from(limits.head_bytes_max).unwrap_or(u32::MAX));
    builder
}

impl<I, S> Graceful for http1::UpgradeableConnection<I, S>
where
    S: HttpService<Incoming, ResBody = RecordedBody>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<I, S, E> Graceful for http2::Connection<I, S, E>
where
    S: HttpService<Incoming, ResBody = RecordedBody>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    I: hyper::rt::Read + hyper::rt::Write + Unpin,
    E: hyper::rt::bounds::Http2ServerConnExec<S::Future, RecordedBody>,
{
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

/// Waits for something that comes before the first request; none when a drain comes first.
async fn unless_told<F: Future>(state: &ConnectionState, waiting: F) -> Option<F::Output> {
    let mut waiting = std::pin::pin!(waiting);
    poll_fn(|cx| {
        state.register(cx.waker());
        if state.order() != DrainDemand::Serve {
            return Poll::Ready(None);
        }
        waiting.as_mut().poll(cx).map(Some)
    })
    .await
}

/// A duration, give or take a tenth: connections that opened together do not end together.
fn about(duration: Duration) -> Duration {
    let mut byte = [128];
    // Without randomness they do end together, and nothing else is lost.
    let _ = SystemRandom::new().fill(&mut byte);
    let [byte] = byte;
    duration.mul_f64(0.9 + f64::from(byte) / 255.0 * 0.2)
}
