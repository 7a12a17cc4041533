//! Makes one connection to one endpoint: name, TCP, TLS. Owns no connection afterwards.
//!
//! Trust is decided in `connect/tls.rs`, names in `connect/resolve.rs`.

mod resolve;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use http::uri::{Authority, Scheme};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::client::TlsStream;

pub(crate) use self::resolve::NameResolver;
pub(crate) use self::tls::ClientTls;

use crate::error::{ConnectionError, Error};

/// Where one endpoint is.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) scheme: Scheme,
    pub(crate) authority: Authority,
    pub(crate) host: Arc<str>,
    pub(crate) port: u16,
}

impl Target {
    /// Reads scheme, host and port, and refuses anything beyond.
    pub(crate) fn parse(uri: &Uri) -> Result<Self, Error> {
        let refused = || Error::Endpoint { endpoint: uri.to_string() };
        let scheme = uri.scheme().ok_or_else(refused)?.clone();
        let authority = uri.authority().ok_or_else(refused)?.clone();
        let bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
        let default_port = match scheme.as_str() {
            "http" => 80,
            "https" => 443,
            _ => return Err(refused()),
        };
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        if !bare || host.is_empty() || authority.as_str().contains('@') {
            return Err(refused());
        }
        let port = authority.port_u16().unwrap_or(default_port);
        let host = host.into();
        Ok(Self { scheme, authority, host, port })
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }
}

/// A connection that nothing was said on yet.
pub(crate) enum TransportStream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Makes connections to one endpoint.
pub(crate) struct Connector {
    host: Arc<str>,
    resolver: NameResolver,
    tls: Option<ClientTls>,
    timeout: Duration,
}

impl Connector {
    pub(crate) fn new(target: &Target, tls: Option<ClientTls>, timeout: Duration) -> Self {
        Self {
            host: target.host.clone(),
            resolver: NameResolver::new(target.host.clone(), target.port),
            tls,
            timeout,
        }
    }

    pub(crate) fn host(&self) -> &Arc<str> {
        &self.host
    }

    /// When a connection begun now must be ready for requests.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.timeout
    }

    /// The error of a connection that was not ready in time.
    pub(crate) fn timed_out(&self) -> ConnectionError {
        ConnectionError::TimedOut { host: self.host.clone(), limit: self.timeout }
    }

    /// The error of a connection that its peer closed before it was ready.
    pub(crate) fn closed(&self) -> ConnectionError {
        ConnectionError::Closed { host: self.host.clone() }
    }

    pub(crate) fn handshake_failed(
        &self,
        protocol: &'static str,
        source: hyper::Error,
    ) -> ConnectionError {
        ConnectionError::Handshake { host: self.host.clone(), protocol, source: Arc::new(source) }
    }

    /// The addresses of the endpoint, where it has a name and that is followed.
    pub(crate) fn resolver(&self) -> &NameResolver {
        &self.resolver
    }

    /// Resolves the name anew, connects, and shakes hands by TLS where that is asked for. Returns
    /// the address that the connection leads to.
    pub(crate) async fn connect(
        &self,
        deadline: Instant,
    ) -> Result<(TransportStream, SocketAddr), ConnectionError> {
        let (tcp, peer) = self.connect_tcp(deadline).await?;
        let stream = match &self.tls {
            None => TransportStream::Plain(tcp),
            Some(tls) => {
                let stream = timeout_at(deadline, tls.connect(&self.host, tcp))
                    .await
                    .map_err(|_| self.timed_out())??;
                TransportStream::Tls(Box::new(stream))
            }
        };
        Ok((stream, peer))
    }

    /// Tries every address in turn, each with its share of the time that is left.
    async fn connect_tcp(
        &self,
        deadline: Instant,
    ) -> Result<(TcpStream, SocketAddr), ConnectionError> {
        let addresses = timeout_at(deadline, self.resolver.addresses())
            .await
            .map_err(|_| self.timed_out())??;
        let mut last = ConnectionError::NoAddress { host: self.host.clone() };
        for (index, address) in addresses.iter().enumerate() {
            let left = u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
            let share = deadline.saturating_duration_since(Instant::now()) / left;
            match timeout_at(Instant::now() + share, connect_one(*address)).await {
                Ok(Ok(stream)) => return Ok((stream, *address)),
                Ok(Err(error)) => last = error,
                Err(_) => last = self.timed_out(),
            }
        }
        Err(last)
    }
}

async fn connect_one(address: SocketAddr) -> Result<TcpStream, ConnectionError> {
    let failed = |source| ConnectionError::Connect { address, source: Arc::new(source) };
    let stream = TcpStream::connect(address).await.map_err(failed)?;
    // Heads and gRPC messages are small and written whole; waiting for more of them only delays.
    stream.set_nodelay(true).map_err(failed)?;
    Ok(stream)
}
