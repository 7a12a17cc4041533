//! Accepts connections within limits and serves them until told to drain.
//!
//! Accepting pauses at the total limit, until a connection at rest has made room, and when the
//! system is out of descriptors; it never spins. Read next: `listener/connection.rs` for one connection, `state.rs` for its clocks,
//! `registry.rs` for the drain.

mod admission;
mod connection;
mod frames;
mod io;
pub(crate) mod outgoing;
mod proxy_header;
mod refusal;
mod registry;
mod state;
mod watch;

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tollgate_chain::{ClientCertificate, metric};

pub use proxy_header::read as read_proxy_header;
pub(crate) use state::{ConnectionState, DrainDemand, InFlight};

use crate::exchange::Handler;
use crate::head::Origin;
use crate::{Error, ListenerSettings};
use admission::{Admission, Admitted};
use registry::ConnectionRegistry;

/// A bound socket, not yet accepting.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    settings: ListenerSettings,
}

/// The outcome of a drain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Drained {
    /// Connections that were open when the drain began and ended by themselves.
    pub finished: usize,
    /// Connections that were cut off at the deadline.
    pub aborted: usize,
}

/// State that all connections of a listener share.
#[derive(Debug)]
pub(crate) struct ListenerShared<H> {
    pub(crate) settings: ListenerSettings,
    pub(crate) handler: H,
    /// A drain has begun: answers of HTTP/1 say `Connection: close` at once, whenever their
    /// connection's turn comes.
    pub(crate) draining: AtomicBool,
    /// The tunnels of HTTP/2 streams; those of HTTP/1 run in the tasks of their connections.
    pub(crate) tunnels: TaskTracker,
}

/// State that the exchanges of one connection share.
#[derive(Debug)]
pub(crate) struct Link<H> {
    pub(crate) shared: Arc<ListenerShared<H>>,
    pub(crate) peer: IpAddr,
    pub(crate) secure: bool,
    pub(crate) server_name: Option<Box<str>>,
    pub(crate) client_certificate: Option<Arc<ClientCertificate>>,
    pub(crate) state: Arc<ConnectionState>,
}

impl<H> Link<H> {
    /// Identifies where a request comes from: its connection, or behind a trusted proxy its client.
    pub(crate) fn source(&self, client: IpAddr) -> u64 {
        match client {
            _ if client == self.peer => self.state.number(),
            IpAddr::V4(address) => 1 << 62 | u64::from(address.to_bits()),
            // As for the count of connections, one network is one client.
            IpAddr::V6(address) => 1 << 63 | u64::try_from(address.to_bits() >> 64).unwrap_or(0),
        }
    }

    pub(crate) fn origin(&self) -> Origin<'_> {
        Origin {
            peer: self.peer,
            trusted: &self.shared.settings.trusted_proxies,
            secure: self.secure,
            server_name: self.server_name.as_deref(),
            client_certificate: self.client_certificate.as_ref(),
        }
    }
}

impl Listener {
    /// Binds the address and starts listening; connections wait in the system's queue until
    /// [`Listener::serve`].
    ///
    /// # Errors
    /// [`Error::Bind`].
    pub fn bind(settings: ListenerSettings) -> Result<Self, Error> {
        let asked = settings.address;
        let bind = |source| Error::Bind { address: asked, source };
        let socket = if asked.is_ipv6() { TcpSocket::new_v6() } else { TcpSocket::new_v4() };
        let socket = socket.map_err(bind)?;
        socket.set_reuseaddr(true).map_err(bind)?;
        socket.bind(asked).map_err(bind)?;
        let socket = socket.listen(BACKLOG).map_err(bind)?;
        let address = socket.local_addr().map_err(bind)?;
        Ok(Self { socket, address, settings })
    }

    /// The address that was bound, with the port that the system chose.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is cancelled, then drains: no more connections are accepted, open ones
    /// are shut down gracefully, spread over [`Limits::drain_spread`](crate::Limits), and cut off
    /// after [`Limits::drain_timeout`](crate::Limits). Dropping the future stops accepting and
    /// leaves open connections as they are.
    pub async fn serve<H: Handler>(self, handler: H, stop: CancellationToken) -> Drained {
        let admission = Admission::new(&self.settings);
        let registry = Arc::new(ConnectionRegistry::default());
        let tracker = TaskTracker::new();
        let limits = self.settings.limits.clone();
        let shared = Arc::new(ListenerShared {
            settings: self.settings,
            handler,
            draining: AtomicBool::new(false),
            tunnels: TaskTracker::new(),
        });
        let accepting = accept(&self.socket, &admission, &registry, |stream, peer, place| {
            let (shared, registry) = (Arc::clone(&shared), Arc::clone(&registry));
            tracker.spawn(connection::serve(stream, (peer, place), shared, registry));
        });

        tokio::select! {
            never = accepting => match never {},
            () = stop.cancelled() => {}
        }
        drop(self.socket);
        shared.draining.store(true, Ordering::Relaxed);
        tracker.close();

        let (spread, timeout) = (limits.drain_spread, limits.drain_timeout);
        let drained = registry::drain(&registry, &tracker, spread, timeout).await;

        // Each ends with its connection.
        shared.tunnels.close();
        shared.tunnels.wait().await;
        drained
    }
}

/// Accepts for ever.
async fn accept(
    socket: &TcpListener,
    admission: &Admission,
    registry: &ConnectionRegistry,
    mut start: impl FnMut(TcpStream, IpAddr, Admitted),
) -> std::convert::Infallible {
    loop {
        match socket.accept().await {
            Ok((stream, peer)) => {
                let peer = peer.ip().to_canonical();
                match admission.admit(peer) {
                    Some(mut admitted) => {
                        admission.seat(&mut admitted, || registry.make_room(Instant::now())).await;
                        prepare(&stream);
                        start(stream, peer, admitted);
                    }
                    None => {
                        metrics::counter!(metric::CONNECTIONS_REFUSED).increment(1);
                    }
                }
            }
            Err(error) => pause(&error).await,
        }
    }
}

/// Small answers leave at once; a peer that vanished is noticed; the system takes no more of an answer
/// than the peer soon takes of it.
fn prepare(stream: &TcpStream) {
    let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(60));
    // A connection that refuses these serves all the same.
    let _ = stream.set_nodelay(true);
    let _ = SockRef::from(stream).set_tcp_keepalive(&keepalive);
    #[cfg(target_os = "linux")]
    let _ = SockRef::from(stream).set_tcp_notsent_lowat(UNSENT_MAX);
}

/// A peer that gave up early costs nothing; want of descriptors or memory needs others to end.
async fn pause(error: &std::io::Error) {
    if matches!(
        error.kind(),
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::Interrupted
    ) {
        return;
    }
    metrics::counter!(metric::ACCEPT_ERRORS).increment(1);
    tracing::warn!(%error, "accepting pauses");
    tokio::time::sleep(PAUSE).await;
}

const BACKLOG: u32 = 1024;
const PAUSE: Duration = Duration::from_millis(100);
/// Bytes of a connection that wait in the system to be sent. The system would take megabytes of an
/// answer that nobody reads, for each such reader, and spend the time of others on copying them.
#[cfg(target_os = "linux")]
const UNSENT_MAX: u32 = 128 * 1024;
