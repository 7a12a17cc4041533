//! Callers who take what others need, each in one way.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use http::{Method, Request};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tollgate_harness::{Client, Load, Plan};

use crate::calls::framed;
use crate::wide::WideConnection;
use crate::{Gate, Key};

/// A way to hold up others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attack {
    /// Answers over HTTP/1.1 that nobody reads.
    SlowReadersH1,
    /// Answers over HTTP/2 whose windows are never opened again.
    SlowReadersH2,
    /// Streams of gRPC that nobody reads.
    SlowReadersGrpc,
    /// Bodies that come a byte at a time.
    SlowWriters,
    /// Requests over HTTP/2 whose answers have no window at all.
    ZeroWindow,
    /// Streams of gRPC in which nothing happens.
    IdleStreams,
    /// Wrong keys from the address that the other tenant has too.
    Guesser,
    /// Requests that the upstream answers with 503.
    Storm,
    /// Logs and records that cannot be written.
    FullDisk,
    /// More connections than there are descriptors, from several addresses.
    Descriptors,
}

/// Everything that an attack holds until it is dropped.
#[derive(Debug, Default)]
pub struct Held {
    sockets: Vec<TcpStream>,
    connections: Vec<WideConnection>,
    streams: Vec<h2::client::ResponseFuture>,
    senders: Vec<h2::SendStream<Bytes>>,
    loads: Vec<Load>,
    tasks: JoinSet<()>,
}

/// Bytes of an answer that no buffer of a gateway or of the system takes whole.
const LARGE: &str = "8388608";
/// Requests a second of attacks that send.
const RATE: u32 = 500;

impl Attack {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::SlowReadersH1,
        Self::SlowReadersH2,
        Self::SlowReadersGrpc,
        Self::SlowWriters,
        Self::ZeroWindow,
        Self::IdleStreams,
        Self::Guesser,
        Self::Storm,
        Self::FullDisk,
        Self::Descriptors,
    ];

    /// The name in the table.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SlowReadersH1 => "slow readers, HTTP/1.1",
            Self::SlowReadersH2 => "slow readers, HTTP/2",
            Self::SlowReadersGrpc => "slow readers, gRPC",
            Self::SlowWriters => "slow writers",
            Self::ZeroWindow => "zero window",
            Self::IdleStreams => "idle streams",
            Self::Guesser => "guesser on a shared address",
            Self::Storm => "503 storm of an upstream",
            Self::FullDisk => "full disk",
            Self::Descriptors => "descriptor shortage",
        }
    }

    /// True where the other tenant calls the same gRPC service, and not the HTTP one.
    #[must_use]
    pub fn is_grpc(self) -> bool {
        matches!(self, Self::SlowReadersGrpc | Self::IdleStreams)
    }

    /// The shell command before the gateway.
    #[must_use]
    pub fn first(self) -> Option<&'static str> {
        if self == Self::Descriptors {
            return Some("ulimit -n 256");
        }
        // `$3` is the policies folder. The signal would end the process in place of an error.
        let full = "ln -s /dev/full \"$3/access.jsonl\"; trap '' XFSZ; ulimit -f 8192";
        (self == Self::FullDisk).then_some(full)
    }

    /// Begins it by this tenant's key.
    ///
    /// # Errors
    /// The gateway refuses a connection that it should take.
    pub async fn begin(self, gate: &Gate, key: &Key) -> Result<Held> {
        let mut held = Held::default();
        match self {
            Self::SlowReadersH1 => held.unread_h1(gate, key).await?,
            Self::SlowReadersH2 => held.unread_h2(gate, key, 65_535).await?,
            Self::ZeroWindow => held.unread_h2(gate, key, 0).await?,
            Self::SlowReadersGrpc => held.unread_calls(gate, key, "Flood", 24, 1).await?,
            Self::IdleStreams => held.unread_calls(gate, key, "Silent", 8, 50).await?,
            Self::SlowWriters => held.slow_bodies(gate, key).await?,
            Self::Guesser => held.loads.push(guesses(gate)),
            Self::Storm => held.loads.push(storm(gate, key)),
            Self::FullDisk => held.loads.push(operations(gate, key)),
            Self::Descriptors => held.idle_connections(gate).await?,
        }
        Ok(held)
    }
}

impl Held {
    async fn unread_h1(&mut self, gate: &Gate, key: &Key) -> Result<()> {
        for _ in 0..64 {
            let socket = TcpSocket::new_v4()?;
            socket.set_recv_buffer_size(2048)?;
            let mut stream = socket.connect(gate.authority().parse()?).await?;
            let (host, key) = (gate.authority(), key.bearer());
            let head = format!(
                "GET /v1/things/1 HTTP/1.1\r\nHost: {host}\r\nAuthorization: {key}\r\n\
                 X-Answer-Bytes: {LARGE}\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).await?;
            self.sockets.push(stream);
        }
        Ok(())
    }

    async fn unread_h2(&mut self, gate: &Gate, key: &Key, window: u32) -> Result<()> {
        let key = key.bearer();
        let headers = [("authorization", &*key), ("x-answer-bytes", LARGE)];
        for _ in 0..8 {
            let mut connection = WideConnection::connect(gate, window).await?;
            for _ in 0..50 {
                let begun = connection.begin(Method::GET, "/v1/things/1", &headers, true);
                self.streams.push(begun.await?.0);
            }
            self.connections.push(connection);
        }
        Ok(())
    }

    async fn unread_calls(
        &mut self,
        gate: &Gate,
        key: &Key,
        method: &str,
        connections: usize,
        streams: usize,
    ) -> Result<()> {
        let key = key.bearer();
        for _ in 0..connections {
            let mut connection = WideConnection::connect(gate, 65_535).await?;

            for _ in 0..streams {
                let (response, mut sender) =
                    connection.call(method, &[("authorization", &*key)]).await?;
                sender.send_data(framed(b"go"), false)?;
                self.streams.push(response);
                self.senders.push(sender);
            }
            self.connections.push(connection);
        }
        Ok(())
    }

    async fn slow_bodies(&mut self, gate: &Gate, key: &Key) -> Result<()> {
        for number in 0..64 {
            let mut stream = TcpStream::connect(gate.authority()).await?;
            let (host, key) = (gate.authority(), key.bearer());
            let head = format!(
                "POST /v1/things HTTP/1.1\r\nHost: {host}\r\nAuthorization: {key}\r\n\
                 Idempotency-Key: slow-body-{number:08}\r\nContent-Length: 4000\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).await?;

            self.tasks.spawn(async move {
                let mut tick = tokio::time::interval(Duration::from_millis(200));
                loop {
                    tick.tick().await;
                    // The gateway may end it, as it should.
                    if stream.write_all(b"x").await.is_err() {
                        return;
                    }
                }
            });
        }
        Ok(())
    }

    async fn idle_connections(&mut self, gate: &Gate) -> Result<()> {
        let to: SocketAddr = gate.authority().parse()?;
        for host in 2..6 {
            for _ in 0..100 {
                let socket = TcpSocket::new_v4()?;
                socket.bind((Ipv4Addr::new(127, 0, 0, host), 0).into())?;
                let connected = tokio::time::timeout(Duration::from_secs(1), socket.connect(to));
                if let Ok(Ok(stream)) = connected.await {
                    self.sockets.push(stream);
                }
            }
        }
        Ok(())
    }
}

fn guesses(gate: &Gate) -> Load {
    let url = gate.url("/v1/things/1");
    Load::start(Plan {
        client: Client::h1(),
        request: Box::new(move |number| {
            let guess = Key::new("sandbox", 1 << 24 | u32::try_from(number).unwrap_or(0));
            let request = Request::get(&url).header("authorization", guess.bearer());
            request.body(Bytes::new()).unwrap_or_default()
        }),
        good: Box::new(|_| true),
        connections: 8,
        rate: Some(RATE),
    })
}

fn storm(gate: &Gate, key: &Key) -> Load {
    let (url, key) = (gate.url("/v1/things/1"), key.bearer());
    Load::start(Plan {
        client: Client::h1(),
        request: Box::new(move |_| {
            let request = Request::get(&url).header("authorization", &key);
            let request = request.header("x-answer-status", "503");
            request.body(Bytes::new()).unwrap_or_default()
        }),
        good: Box::new(|_| true),
        connections: 32,
        rate: Some(RATE),
    })
}

fn operations(gate: &Gate, key: &Key) -> Load {
    let (url, key) = (gate.url("/v1/things"), key.bearer());
    Load::start(Plan {
        client: Client::h1(),
        request: Box::new(move |number| {
            let request = Request::post(&url).header("authorization", &key);
            let request = request.header("idempotency-key", format!("operation-{number:012}"));
            request.body(Bytes::from_static(&[b'x'; 4000])).unwrap_or_default()
        }),
        good: Box::new(|_| true),
        connections: 8,
        rate: Some(RATE),
    })
}
