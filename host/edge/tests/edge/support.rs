//! A listener with an echoing handler, and a client that sends exactly the bytes it is given.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tollgate_chain::{Error, Head};
use tollgate_edge::{
    Caller, Drained, Facts, Handler, Listener, ListenerSettings, RequestBody, Responder,
    ResponseBody, Tunnel, TunnelCaller, TunnelEnd,
};

/// Nothing in these tests takes this long unless it is broken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Answers by path: `/echo` reads the body and tells what it saw; `/unread` leaves it;
/// `/refused` refuses without reading; `/held` waits to be released; `/cut` breaks off;
/// `/endless` never ends; `/tunnel` switches protocols.
#[derive(Clone)]
pub(crate) struct Echo {
    pub(crate) entered: Arc<Semaphore>,
    pub(crate) release: Arc<Semaphore>,
    responder: Arc<Responder>,
}

impl Handler for Echo {
    async fn handle(&self, head: Head, body: RequestBody) -> Response<ResponseBody> {
        match &*head.path {
            "/unread" => Response::new(ResponseBody::full("unread")),
            "/refused" => self.responder.problem(&Error::RouteNotFound, &Caller::of(&head)),
            "/tunnel" => Response::new(ResponseBody::tunnel(EchoTunnel)),
            "/endless" => Response::new(ResponseBody::stream(Endless)),
            "/held" => {
                self.entered.add_permits(1);
                self.release.acquire().await.unwrap().forget();
                Response::new(ResponseBody::full("held"))
            }
            "/cut" => {
                let error = Error::UpstreamUnavailable { internal: "gone".into(), unsent: false };
                Response::new(ResponseBody::stream(Cut(Some(error))))
            }
            _ => match body.collect().await {
                Ok(bytes) => echo(&head, &bytes),
                Err(error) => self.responder.problem(&error, &Caller::of(&head)),
            },
        }
    }
}

fn echo(head: &Head, body: &Bytes) -> Response<ResponseBody> {
    let names: Vec<&str> = head.headers.keys().map(http::HeaderName::as_str).collect();
    let told = json!({
        "method": head.method.as_str(),
        "authority": head.authority.as_str(),
        "path": &*head.path,
        "query": head.query.as_deref(),
        "fields": names,
        "server_name": head.server_name.as_deref(),
        "secure": head.secure,
        "certificate": head.client_certificate.as_ref().map(|one| &one.identity),
        "client": head.client.to_string(),
        "request_id": &*head.request_id,
        "body": String::from_utf8_lossy(body),
    });
    let mut response = Response::new(ResponseBody::full(told.to_string()));
    *response.status_mut() = StatusCode::OK;
    let facts = Facts { route: Some("echo".into()), ..Facts::default() };
    response.extensions_mut().insert(facts);
    response
}

/// A tunnel that gives back what comes, and heeds no drain.
struct EchoTunnel;

impl Tunnel for EchoTunnel {
    fn run(self: Box<Self>, caller: TunnelCaller) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let TunnelCaller { mut stream, mut record } = caller;
        Box::pin(async move {
            let mut bytes = [0; 1024];
            while let Ok(count @ 1..) = stream.read(&mut bytes).await {
                record.received(count);
                if stream.write_all(&bytes[..count]).await.is_err() {
                    return;
                }
                stream.flush().await.unwrap_or_default();
                record.sent(count);
            }
            let _ = stream.shutdown().await;
            record.ended(TunnelEnd::CallerClosed, None, true);
        })
    }
}

/// A body without end.
struct Endless;

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Error>>> {
        let piece = Bytes::from_static(&[0; 65536]);
        std::task::Poll::Ready(Some(Ok(http_body::Frame::data(piece))))
    }
}

/// A body that gives nothing but an error.
struct Cut(Option<Error>);

impl http_body::Body for Cut {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Error>>> {
        std::task::Poll::Ready(self.0.take().map(Err))
    }
}

/// A listener that serves.
pub(crate) struct Edge {
    pub(crate) address: SocketAddr,
    pub(crate) echo: Echo,
    pub(crate) stop: CancellationToken,
    pub(crate) served: JoinHandle<Drained>,
}

impl Edge {
    pub(crate) fn start() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut ListenerSettings)) -> Self {
        let responder = Arc::new(Responder::new("https://errors.example/"));
        let mut settings =
            ListenerSettings::plaintext(([127, 0, 0, 1], 0).into(), Arc::clone(&responder));
        change(&mut settings);
        let listener = Listener::bind(settings).unwrap();
        let address = listener.local_addr();
        let echo = Echo {
            entered: Arc::new(Semaphore::new(0)),
            release: Arc::new(Semaphore::new(0)),
            responder,
        };
        let stop = CancellationToken::new();
        let served = tokio::spawn(listener.serve(echo.clone(), stop.clone()));
        Self { address, echo, stop, served }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes on a new connection and reads one answer.
    pub(crate) async fn ask(&self, bytes: impl AsRef<[u8]>) -> Told {
        let mut stream = self.connect().await;
        stream.write_all(bytes.as_ref()).await.unwrap();
        read(&mut stream).await
    }

    /// Waits until the handler of `/held` has been entered.
    pub(crate) async fn entered(&self) {
        timeout(PATIENCE, self.echo.entered.acquire()).await.unwrap().unwrap().forget();
    }
}

/// An HTTP/1 answer.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Told {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn has(&self, field: &str) -> bool {
        self.head.lines().any(|line| line.eq_ignore_ascii_case(field))
    }
}

/// Reads one answer with a declared length, or an interim one.
pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Told {
    timeout(PATIENCE, async {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.expect("an answer before the connection ends"));
        }
        let head = String::from_utf8(head).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let length = head
            .to_ascii_lowercase()
            .lines()
            .find_map(|line| line.strip_prefix("content-length: ").map(|n| n.parse().unwrap()));
        let mut body = vec![0; length.unwrap_or(0)];
        stream.read_exact(&mut body).await.unwrap();
        Told { status, head, body: String::from_utf8(body).unwrap() }
    })
    .await
    .expect("an answer in time")
}

/// Reads until the peer closes; a reset is an end too.
pub(crate) async fn read_to_end(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut bytes = Vec::new();
    match timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("an end in time") {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
    }
    bytes
}

/// A request with a body of this length.
pub(crate) fn post(path: &str, fields: &str, length: usize) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: a\r\n{fields}Content-Length: {length}\r\n\r\n")
}

type Http2Client<B = http_body_util::Full<Bytes>> = hyper::client::conn::http2::SendRequest<B>;

/// An HTTP/2 client on a stream.
pub(crate) async fn http2_client<S>(stream: S) -> (Http2Client, JoinHandle<()>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    http2_client_of(stream).await
}

/// An HTTP/2 client on a stream, for bodies of another kind.
pub(crate) async fn http2_client_of<S, B>(stream: S) -> (Http2Client<B>, JoinHandle<()>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    B: http_body::Body<Data = Bytes, Error = std::convert::Infallible> + Send + Unpin + 'static,
{
    let (client, connection) = hyper::client::conn::http2::handshake(
        hyper_util::rt::TokioExecutor::new(),
        hyper_util::rt::TokioIo::new(stream),
    )
    .await
    .unwrap();
    let driving = tokio::spawn(async move {
        let _ = connection.await;
    });
    (client, driving)
}

/// A target whose content tests can read.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    pub(crate) fn all(&self) -> Vec<Value> {
        let bytes = self.0.lock().unwrap().clone();
        let text = String::from_utf8(bytes).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}
