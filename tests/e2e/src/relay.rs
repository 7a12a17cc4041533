//! A wire between two parts on which a test can hold back what the far side answers.
//!
//! It carries bytes and knows no protocol, so TLS and HTTP/2 pass through it as they are.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// A running relay; it and what it carries are gone when dropped.
#[derive(Debug)]
pub struct Relay {
    port: u16,
    held: watch::Sender<bool>,
    waiting: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Relay {
    /// Starts on a free port, before a part on this one.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start(to: u16) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let (held, is_held) = watch::channel(false);
        let waiting = Arc::default();
        let answers = Answers { is_held, waiting: Arc::clone(&waiting) };
        let task = tokio::spawn(async move {
            let mut wires = JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                wires.spawn(carry(near, SocketAddr::from(([127, 0, 0, 1], to)), answers.clone()));
            }
        });
        Ok(Self { port, held, waiting, task })
    }

    /// Where to call instead of the part.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on answers wait here; requests pass.
    pub fn hold(&self) {
        self.held.send_replace(true);
    }

    /// Lets the answers go on.
    pub fn release(&self) {
        self.held.send_replace(false);
    }

    /// Bytes of answers that wait here.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Clone)]
struct Answers {
    is_held: watch::Receiver<bool>,
    waiting: Arc<AtomicUsize>,
}

/// When either side ends, so does the other.
async fn carry(near: TcpStream, to: SocketAddr, answers: Answers) -> io::Result<()> {
    let far = TcpStream::connect(to).await?;
    for side in [&near, &far] {
        side.set_nodelay(true)?;
    }
    let ((mut asks, hears), (answered, mut asked)) = (near.into_split(), far.into_split());
    tokio::select! {
        ended = tokio::io::copy(&mut asks, &mut asked) => ended.map(drop),
        ended = answers.pass(answered, hears) => ended,
    }
}

impl Answers {
    async fn pass(
        mut self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
    ) -> io::Result<()> {
        let mut chunk = vec![0; 16 * 1024];
        loop {
            let read = from.read(&mut chunk).await?;
            if read == 0 {
                return Ok(());
            }
            self.waiting.fetch_add(read, Ordering::Release);
            // An error means that the relay is gone, and this task with it.
            let _ = self.is_held.wait_for(|held| !held).await;
            self.waiting.fetch_sub(read, Ordering::Release);
            to.write_all(chunk.get(..read).unwrap_or_default()).await?;
        }
    }
}
