//! A service of WebSockets that does what its callers tell it, and clients of both versions of HTTP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::Empty;
use hyper::client::conn::http2;
use hyper::ext::Protocol;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request as Asked};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async, client_async};
use tollgate_harness::{ByteStream, Client};

/// A WebSocket of a test.
pub type Socket = WebSocketStream<Box<dyn ByteStream>>;

/// A running service; gone when dropped. It echoes messages, but for the texts `close`, `drop`,
/// `drop within a frame`, `flood` and `sulk`, which it obeys. Under `/refuse` it opens nothing.
#[derive(Debug)]
pub struct SocketService {
    address: SocketAddr,
    seen: Arc<Seen>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Seen {
    connections: AtomicUsize,
    flooded: AtomicU64,
    heads: Mutex<Vec<HeaderMap>>,
    ends: Mutex<Vec<Option<u16>>>,
}

impl SocketService {
    /// Starts on a free port.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let seen = Arc::new(Seen::default());
        let shared = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                shared.connections.fetch_add(1, Ordering::SeqCst);
                let shared = Arc::clone(&shared);
                tokio::spawn(async move {
                    // A connection that breaks is the client's business.
                    if let Ok(code) = serve(stream, &shared).await {
                        shared.ends.lock().await.push(code);
                    }
                });
            }
        });
        Ok(Self { address, seen, task })
    }

    /// `http://127.0.0.1:port`
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Connections so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::SeqCst)
    }

    /// Bytes that it was told to flood its callers with, and could send.
    #[must_use]
    pub fn flooded(&self) -> u64 {
        self.seen.flooded.load(Ordering::SeqCst)
    }

    /// The header fields of the handshakes so far.
    pub async fn heads(&self) -> Vec<HeaderMap> {
        self.seen.heads.lock().await.clone()
    }

    /// The ends of connections so far: the code of the close frame that came, if one came.
    pub async fn ends(&self) -> Vec<Option<u16>> {
        self.seen.ends.lock().await.clone()
    }
}

impl Drop for SocketService {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves one connection to its end. Returns the code of the close frame that came, if one came.
async fn serve(stream: TcpStream, seen: &Seen) -> Result<Option<u16>> {
    let (mut path, mut head) = (String::new(), HeaderMap::new());
    #[expect(clippy::result_large_err, reason = "the form that the server's library gives")]
    let answer = |asked: &Asked, mut response: Response<()>| {
        asked.uri().path().clone_into(&mut path);
        head.clone_from(asked.headers());
        if path.contains("refuse") {
            let mut refusal = ErrorResponse::new(Some("no".to_owned()));
            *refusal.status_mut() = StatusCode::IM_A_TEAPOT;
            return Err(refusal);
        }
        if let Some(protocol) = asked.headers().get("sec-websocket-protocol") {
            response.headers_mut().insert("sec-websocket-protocol", protocol.clone());
        }
        Ok(response)
    };
    let accepted = accept_hdr_async(stream, answer).await;
    seen.heads.lock().await.push(head);
    let mut socket = accepted?;

    while let Some(message) = socket.next().await {
        let Ok(message) = message else { return Ok(None) };
        match message {
            Message::Close(frame) => {
                // The answer to it leaves with the next look.
                while socket.next().await.is_some() {}
                return Ok(frame.map(|frame| frame.code.into()));
            }
            Message::Text(text) if text == "close" => {
                let frame = CloseFrame { code: CloseCode::from(4001), reason: "bye".into() };
                socket.close(Some(frame)).await?;
            }
            Message::Text(text) if text == "drop" => bail!("told to"),
            Message::Text(text) if text == "drop within a frame" => {
                socket.get_mut().write_all(&[0x82, 100, 1, 2, 3]).await?;
                bail!("told to");
            }
            Message::Text(text) if text == "flood" => loop {
                socket.send(Message::Binary(Bytes::from_static(&[7; FLOOD_BYTES]))).await?;
                seen.flooded.fetch_add(FLOOD_BYTES as u64, Ordering::SeqCst);
            },
            Message::Text(text) if text == "sulk" => std::future::pending().await,
            message @ (Message::Text(_) | Message::Binary(_)) => socket.send(message).await?,
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
    }
    Ok(None)
}

/// Bytes of one message of a flood.
const FLOOD_BYTES: usize = 64 * 1024;

/// Opens a WebSocket over HTTP/1.1. The answer is given with it.
///
/// # Errors
/// The answer opens none; it is in the error then.
pub async fn open(
    client: &Client,
    url: &str,
    headers: &[(&'static str, &str)],
) -> Result<(Socket, Response<()>)> {
    use tokio_tungstenite::tungstenite::client::IntoClientRequest;

    let stream = client.open(&url.parse()?).await?;
    let mut request = url.replacen("http", "ws", 1).into_client_request()?;
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse()?);
    }
    let (socket, response) = client_async(request, stream).await?;
    Ok((socket, response.map(drop)))
}

/// A connection of HTTP/2 that opens WebSockets by extended CONNECT.
#[derive(Debug)]
pub struct SocketConnection {
    requests: http2::SendRequest<Empty<Bytes>>,
    url: String,
}

impl SocketConnection {
    /// Connects, and waits until the server said that it takes extended CONNECTs.
    ///
    /// # Errors
    /// The server does not accept.
    pub async fn connect(client: &Client, url: &str) -> Result<Self> {
        let io = TokioIo::new(client.open(&url.parse()?).await?);
        let (mut requests, connection) = http2::handshake(TokioExecutor::new(), io).await?;
        tokio::spawn(connection);
        // Its settings come before its first answer.
        let request = Request::get(url).body(Empty::new())?;
        requests.ready().await?;
        requests.send_request(request).await?;
        Ok(Self { requests, url: url.to_owned() })
    }

    /// Asks for a protocol at a path.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn ask(
        &mut self,
        protocol: &'static str,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Response<hyper::body::Incoming>> {
        let mut request = Request::builder()
            .method(Method::CONNECT)
            .uri(format!("{}{path}", self.url))
            .extension(Protocol::from_static(protocol));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.requests.ready().await?;
        Ok(self.requests.send_request(request.body(Empty::new())?).await?)
    }

    /// Opens a WebSocket.
    ///
    /// # Errors
    /// The answer opens none.
    pub async fn open(
        &mut self,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<(Socket, Response<()>)> {
        let headers = [&[("sec-websocket-version", "13")], headers].concat();
        let mut response = self.ask("websocket", path, &headers).await?;
        if response.status() != StatusCode::OK {
            bail!("{}", response.status());
        }
        let upgraded = hyper::upgrade::on(&mut response).await.context("no tunnel")?;
        let stream: Box<dyn ByteStream> = Box::new(TokioIo::new(upgraded));
        let socket = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
        Ok((socket, response.map(drop)))
    }
}

/// Reads until the close frame. Returns its code, or none where the connection ended without one.
pub async fn closed(socket: &mut Socket) -> Option<u16> {
    while let Some(Ok(message)) = socket.next().await {
        if let Message::Close(frame) = message {
            // The answer to it leaves with the next look.
            while socket.next().await.is_some() {}
            return frame.map(|frame| frame.code.into());
        }
    }
    None
}

/// Sends a message and waits for its echo.
///
/// # Errors
/// The connection ends, or something else comes back.
pub async fn echoed(socket: &mut Socket, message: Message) -> Result<()> {
    socket.send(message.clone()).await?;
    let echo = socket.next().await.context("the connection ended")??;
    anyhow::ensure!(echo == message, "{} bytes came back for {}", echo.len(), message.len());
    Ok(())
}
