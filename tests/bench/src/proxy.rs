//! The floor: what hyper costs when it only passes requests on over pooled connections. One
//! process, three ports: HTTP/1.1, HTTP/2 in clear, HTTP/2 over TLS.

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri, Version};
use http_body_util::{Either, Empty};
use hyper::body::Incoming;
use hyper::rt::{Read, Write};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::websocket;

type Pool = Client<HttpConnector, Incoming>;
type Reply = Response<Either<Incoming, Empty<Bytes>>>;

/// Passes requests on to one place.
#[derive(Clone)]
struct BareProxy {
    pool: Pool,
    to: SocketAddr,
}

/// Serves until it is killed; tells its addresses first.
///
/// # Errors
/// When no port is free, or the certificate is none.
pub(crate) async fn serve(to: SocketAddr, certificates: &Path) -> Result<()> {
    let acceptor = acceptor(certificates)?;
    let bind = || TcpListener::bind("127.0.0.1:0");
    let (h1, h2c, tls) = (bind().await?, bind().await?, bind().await?);
    println!("listening on {} {} {}", h1.local_addr()?, h2c.local_addr()?, tls.local_addr()?);

    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let proxy = BareProxy { pool: Client::builder(TokioExecutor::new()).build(connector), to };

    loop {
        let proxy = proxy.clone();
        tokio::select! {
            accepted = h1.accept() => {
                let service = service_fn(move |request| proxy.clone().pass(request));
                let stream = TokioIo::new(ready(accepted?.0)?);
                let connection = http1::Builder::new().serve_connection(stream, service);
                tokio::spawn(connection.with_upgrades());
            }
            accepted = h2c.accept() => {
                tokio::spawn(multiplexed(TokioIo::new(ready(accepted?.0)?), proxy));
            }
            accepted = tls.accept() => {
                let handshake = acceptor.accept(ready(accepted?.0)?);
                tokio::spawn(async move {
                    if let Ok(stream) = handshake.await {
                        multiplexed(TokioIo::new(stream), proxy).await;
                    }
                });
            }
        }
    }
}

fn ready(stream: TcpStream) -> Result<TcpStream> {
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn multiplexed<S: Read + Write + Unpin + Send + 'static>(stream: S, proxy: BareProxy) {
    let service = service_fn(move |request| proxy.clone().pass(request));
    // A connection that breaks is noticed by the load, which then fails.
    let _ = http2::Builder::new(TokioExecutor::new()).serve_connection(stream, service).await;
}

fn acceptor(folder: &Path) -> Result<TlsAcceptor> {
    let chain = CertificateDer::pem_file_iter(folder.join("server.pem"))?;
    let chain = chain.collect::<Result<Vec<_>, _>>().context("read the certificate")?;
    let key = PrivateKeyDer::from_pem_file(folder.join("server.key")).context("read its key")?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

impl BareProxy {
    async fn pass(self, mut request: Request<Incoming>) -> Result<Reply, Infallible> {
        let path = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let uri = Uri::builder().scheme("http").authority(self.to.to_string());
        let Ok(uri) = uri.path_and_query(path).build() else { return Ok(failed()) };
        *request.uri_mut() = uri;
        *request.version_mut() = Version::HTTP_11;
        let asked = websocket::is_asked(request.headers());
        let upgrade = asked.then(|| hyper::upgrade::on(&mut request));
        let mut reply = self.pool.request(request).await;
        if let (Ok(reply), Some(upgrade)) = (&mut reply, upgrade) {
            tokio::spawn(websocket::copy(upgrade, hyper::upgrade::on(reply)));
        }
        Ok(reply.map_or_else(|_| failed(), |reply| reply.map(Either::Left)))
    }
}

fn failed() -> Reply {
    let mut reply = Response::new(Either::Right(Empty::new()));
    *reply.status_mut() = StatusCode::BAD_GATEWAY;
    reply
}
