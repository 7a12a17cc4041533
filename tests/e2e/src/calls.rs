//! A gRPC service without a library: each method misbehaves, or behaves, in one way.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use bytes::{BufMut, Bytes, BytesMut};
use h2::server::{Builder, SendResponse};
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A running service; gone when dropped.
///
/// Methods of `demo.Calls`: `Unary` answers one message, with the deadline that it was told in
/// `x-told-timeout`; `Flood` answers 100 messages of 100 kB; `Echo` gives each piece back as it comes;
/// `Silent` answers one message and then nothing; `Calm` and `Cancel` reset the stream by that
/// reason; `Talkative` ends in trailers of 70,000 bytes before its status.
#[derive(Debug)]
pub struct Calls {
    address: SocketAddr,
    calls: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Calls {
    /// Starts on a free port.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let calls = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&calls);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&counter)));
            }
        });
        Ok(Self { address, calls, task })
    }

    /// `http://127.0.0.1:port`
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Calls so far.
    #[must_use]
    pub fn count(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

impl Drop for Calls {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Puts the prefix of gRPC before a message.
#[must_use]
pub fn framed(message: &[u8]) -> Bytes {
    let mut framed = BytesMut::with_capacity(5 + message.len());
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    framed.put_slice(message);
    framed.freeze()
}

async fn serve(stream: TcpStream, calls: Arc<AtomicUsize>) {
    let Ok(mut connection) = Builder::new().handshake::<_, Bytes>(stream).await else { return };
    while let Some(Ok((request, respond))) = connection.accept().await {
        calls.fetch_add(1, Ordering::SeqCst);
        // A call that breaks is its caller's business.
        tokio::spawn(async move { drop(answer(request, respond).await) });
    }
}

async fn answer(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
) -> Result<(), h2::Error> {
    let method = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
    let told = ["grpc-timeout", "connect-timeout-ms"]
        .iter()
        .find_map(|name| request.headers().get(*name).cloned());

    match &*method {
        "Calm" => respond.send_reset(Reason::ENHANCE_YOUR_CALM),
        "Cancel" => respond.send_reset(Reason::CANCEL),
        "Echo" => {
            let sender = respond.send_response(head(told), false)?;
            return echo(request.into_body(), sender).await;
        }
        "Silent" => {
            let mut sender = respond.send_response(head(told), false)?;
            sender.send_data(framed(b"begun"), false)?;
            poll_fn(|cx| sender.poll_reset(cx)).await?;
        }
        "Flood" => {
            let mut sender = respond.send_response(head(told), false)?;
            for _ in 0..100 {
                send(&mut sender, framed(&[b'x'; 100_000])).await?;
            }
            sender.send_trailers(status("0"))?;
        }
        "Talkative" => {
            let mut sender = respond.send_response(head(told), false)?;
            sender.send_data(framed(b"hi"), false)?;
            let mut trailers = HeaderMap::new();
            for number in 0..70 {
                let name = http::HeaderName::try_from(format!("x-talk-{number}"));
                let value = HeaderValue::try_from("t".repeat(1000));
                if let (Ok(name), Ok(value)) = (name, value) {
                    trailers.append(name, value);
                }
            }
            trailers.extend(status("3"));
            sender.send_trailers(trailers)?;
        }
        _ => {
            let mut sender = respond.send_response(head(told), false)?;
            sender.send_data(framed(b"hi"), false)?;
            sender.send_trailers(status("0"))?;
        }
    }
    Ok(())
}

fn head(told_timeout: Option<HeaderValue>) -> Response<()> {
    let mut response = Response::new(());
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/grpc"));
    if let Some(timeout) = told_timeout {
        headers.insert("x-told-timeout", timeout);
    }
    response
}

fn status(code: &'static str) -> HeaderMap {
    [(http::HeaderName::from_static("grpc-status"), HeaderValue::from_static(code))]
        .into_iter()
        .collect()
}

async fn echo(mut body: RecvStream, mut sender: SendStream<Bytes>) -> Result<(), h2::Error> {
    while let Some(piece) = body.data().await {
        let piece = piece?;
        body.flow_control().release_capacity(piece.len())?;
        send(&mut sender, piece).await?;
    }
    sender.send_trailers(status("0"))
}

/// Sends as much as the peer has room for, until all is sent.
async fn send(sender: &mut SendStream<Bytes>, mut bytes: Bytes) -> Result<(), h2::Error> {
    while !bytes.is_empty() {
        sender.reserve_capacity(bytes.len());
        let Some(room) = poll_fn(|cx| sender.poll_capacity(cx)).await else { return Ok(()) };
        let piece = bytes.split_to(room?.min(bytes.len()));
        sender.send_data(piece, false)?;
    }
    Ok(())
}
