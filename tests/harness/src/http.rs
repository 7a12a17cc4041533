//! An HTTP client that hides nothing: one connection, one version, the whole reply.

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, Uri, Version, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tollgate_parts::certs::Issued;

/// A client of one server. Each [`Client::send`] opens a connection of its own; for keep-alive,
/// [`Client::connect`].
#[derive(Debug, Clone)]
pub struct Client {
    h2: bool,
    tls: Option<Arc<rustls::ClientConfig>>,
    to: Option<SocketAddr>,
    limit: Duration,
}

/// A connection, in clear or by TLS.
pub trait ByteStream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> ByteStream for S {}

/// A whole reply.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Its status.
    pub status: StatusCode,
    /// The version it was spoken in.
    pub version: Version,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, 16 MiB at most.
    pub body: Bytes,
    /// Its trailers, where there were any.
    pub trailers: HeaderMap,
}

impl Reply {
    /// Returns a header's first value, where it is there and text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns the body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Returns the body as JSON.
    ///
    /// # Errors
    /// When it is not JSON; the message carries the body.
    pub fn json(&self) -> Result<serde_json::Value> {
        serde_json::from_slice(&self.body).with_context(|| {
            format!("{} with a body that is not JSON: {}", self.status, self.text())
        })
    }
}

impl Client {
    /// Speaks HTTP/1.1.
    #[must_use]
    pub fn h1() -> Self {
        Self { h2: false, tls: None, to: None, limit: Duration::from_secs(30) }
    }

    /// Speaks HTTP/2, in clear with prior knowledge.
    #[must_use]
    pub fn h2() -> Self {
        Self { h2: true, ..Self::h1() }
    }

    /// Uses TLS and trusts the given authorities alone. Offers by ALPN the one version it speaks.
    ///
    /// # Errors
    /// When the PEM text holds no certificate.
    pub fn tls(self, ca_pem: &str) -> Result<Self> {
        self.tls_as(ca_pem, None)
    }

    /// Uses TLS as [`Client::tls`] does, and shows this certificate where one is asked for.
    ///
    /// # Errors
    /// When a PEM text does not hold what it should, or the key is another certificate's.
    pub fn tls_as(mut self, ca_pem: &str, identity: Option<&Issued>) -> Result<Self> {
        let mut roots = rustls::RootCertStore::empty();
        for cert in CertificateDer::pem_slice_iter(ca_pem.as_bytes()) {
            roots.add(cert.context("read the authority")?)?;
        }
        if roots.is_empty() {
            bail!("no certificate to trust");
        }

        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots);

        let mut config = match identity {
            None => config.with_no_client_auth(),
            Some(Issued { cert_pem, key_pem }) => {
                let chain = CertificateDer::pem_slice_iter(cert_pem.as_bytes());
                let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes())?;
                config.with_client_auth_cert(chain.collect::<Result<_, _>>()?, key)?
            }
        };
        config.alpn_protocols = vec![if self.h2 { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
        self.tls = Some(Arc::new(config));
        Ok(self)
    }

    /// Goes to this address, whatever host the address of a request names.
    #[must_use]
    pub fn to(mut self, address: SocketAddr) -> Self {
        self.to = Some(address);
        self
    }

    /// Gives up on an exchange after this time; 30 s unless told.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Gets an address.
    ///
    /// # Errors
    /// When there is no whole reply in time.
    pub async fn get(&self, url: &str) -> Result<Reply> {
        self.send(Request::get(url).body(Bytes::new())?).await
    }

    /// Posts JSON with the given headers.
    ///
    /// # Errors
    /// When there is no whole reply in time.
    pub async fn post(&self, url: &str, headers: &[(&str, &str)], json: &str) -> Result<Reply> {
        let mut request = Request::post(url).header(header::CONTENT_TYPE, "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Bytes::copy_from_slice(json.as_bytes()))?).await
    }

    /// Sends a request whose address is absolute, on a connection of its own.
    ///
    /// # Errors
    /// When there is no whole reply in time.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Reply> {
        let exchange = async {
            let mut connection = self.connect(request.uri()).await?;
            connection.send(request).await
        };
        // Boxed, so that a test's own future stays small.
        tokio::time::timeout(self.limit, Box::pin(exchange))
            .await
            .with_context(|| format!("no whole reply within {:?}", self.limit))?
    }

    /// Opens a connection to the host of an absolute address.
    ///
    /// # Errors
    /// When it is refused, or the handshake fails.
    pub async fn connect(&self, uri: &Uri) -> Result<Connection> {
        let stream = self.open(uri).await?;
        self.handshake(stream).await
    }

    /// Opens a connection to the host of an absolute address, on which nothing is said yet but
    /// what TLS needs.
    ///
    /// # Errors
    /// When it is refused, or the handshake of TLS fails.
    pub async fn open(&self, uri: &Uri) -> Result<Box<dyn ByteStream>> {
        let host = uri.host().context("an address needs a host")?;
        let address = match self.to {
            Some(address) => address,
            None => {
                resolve(host, uri.port_u16().unwrap_or(if self.tls.is_some() { 443 } else { 80 }))
                    .await?
            }
        };
        let stream =
            TcpStream::connect(address).await.with_context(|| format!("connect to {address}"))?;
        stream.set_nodelay(true)?;
        let Some(config) = &self.tls else { return Ok(Box::new(stream)) };
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())?;
        let connector = tokio_rustls::TlsConnector::from(Arc::clone(config));
        let stream = connector.connect(name, stream).await.context("TLS handshake")?;
        Ok(Box::new(stream))
    }

    async fn handshake(&self, stream: Box<dyn ByteStream>) -> Result<Connection> {
        let io = TokioIo::new(stream);
        if self.h2 {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
            tokio::spawn(connection);
            return Ok(Connection::H2(sender));
        }
        let (sender, connection) = http1::handshake(io).await?;
        tokio::spawn(connection);
        Ok(Connection::H1(sender))
    }
}

/// An open connection, for one exchange after the other.
#[derive(Debug)]
pub enum Connection {
    /// HTTP/1.1.
    H1(http1::SendRequest<Full<Bytes>>),
    /// HTTP/2.
    H2(http2::SendRequest<Full<Bytes>>),
}

impl Connection {
    /// Sends a request whose address is absolute and reads the whole reply.
    ///
    /// # Errors
    /// When the connection ends before the reply does.
    pub async fn send(&mut self, request: Request<Bytes>) -> Result<Reply> {
        let response = match self {
            Self::H1(sender) => {
                sender.ready().await.context("the connection was closed")?;
                sender.send_request(origin_form(request)?).await
            }
            Self::H2(sender) => {
                sender.ready().await.context("the connection was closed")?;
                sender.send_request(request.map(Full::new)).await
            }
        }
        .context("no reply")?;

        let (head, body) = response.into_parts();
        let collected = Limited::new(body, BODY_BYTES_MAX).collect().await;
        let collected =
            collected.map_err(|cause| anyhow::anyhow!("the body broke off: {cause}"))?;
        let trailers = collected.trailers().cloned().unwrap_or_default();

        Ok(Reply {
            status: head.status,
            version: head.version,
            headers: head.headers,
            body: collected.to_bytes(),
            trailers,
        })
    }

    /// Says whether the peer has closed it or asked for its end.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        match self {
            Self::H1(sender) => sender.is_closed(),
            Self::H2(sender) => sender.is_closed(),
        }
    }
}

/// Writes bytes as they are to a server in clear and returns what comes back until it closes or
/// falls silent for half a second after its first byte.
///
/// # Errors
/// When the connection is refused, or nothing comes within `limit`.
pub async fn raw(address: SocketAddr, bytes: &[u8], limit: Duration) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    // A server may refuse, answer and close before it has read everything.
    let _ = stream.write_all(bytes).await;
    let mut reply = Vec::new();
    let mut wait = limit;
    let mut chunk = [0_u8; 16 * 1024];
    loop {
        match tokio::time::timeout(wait, stream.read(&mut chunk)).await {
            Ok(Ok(0) | Err(_)) => return Ok(reply),
            Ok(Ok(read)) => reply.extend_from_slice(chunk.get(..read).unwrap_or_default()),
            Err(_) if reply.is_empty() => bail!("silence for {limit:?}"),
            Err(_) => return Ok(reply),
        }
        if reply.len() > BODY_BYTES_MAX {
            bail!("more than {BODY_BYTES_MAX} bytes");
        }
        wait = Duration::from_millis(500);
    }
}

async fn resolve(host: &str, port: u16) -> Result<SocketAddr> {
    // RFC 6761 §6.3: names under `localhost` are loopback, which not every resolver knows.
    if host == "localhost" || host.ends_with(".localhost") {
        return Ok(SocketAddr::from(([127, 0, 0, 1], port)));
    }
    let mut addresses = tokio::net::lookup_host((host.trim_matches(['[', ']']), port)).await?;
    addresses.next().with_context(|| format!("no address for {host}"))
}

/// HTTP/1.1 sends the path in the request line and the host in a header, unless the test wrote one.
fn origin_form(request: Request<Bytes>) -> Result<Request<Full<Bytes>>> {
    let (mut head, body) = request.into_parts();
    let authority = head.uri.authority().context("an address needs a host")?.to_string();
    if !head.headers.contains_key(header::HOST) {
        head.headers.insert(header::HOST, authority.parse()?);
    }
    let path = head.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    head.uri = path.parse()?;
    head.version = Version::HTTP_11;
    Ok(Request::from_parts(head, Full::new(body)))
}

const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
