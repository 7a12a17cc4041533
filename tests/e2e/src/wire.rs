//! A server of HTTP/1.1 that answers each request with bytes as they are.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A running server; gone when dropped. It reads heads, and never a body.
#[derive(Debug)]
pub struct Wire {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Wire {
    /// Starts on a free port. A connection is closed after its first answer where `is_closing`.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start(answer: impl Into<Vec<u8>>, is_closing: bool) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let requests = Arc::new(AtomicUsize::new(0));
        let (counter, answer) = (Arc::clone(&requests), Arc::new(answer.into()));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (counter, answer) = (Arc::clone(&counter), Arc::clone(&answer));
                // A connection that breaks is the client's business.
                tokio::spawn(
                    async move { serve(stream, &answer, &counter, is_closing).await.ok() },
                );
            }
        });
        Ok(Self { address, requests, task })
    }

    /// `http://127.0.0.1:port`
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Requests so far.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    answer: &[u8],
    requests: &AtomicUsize,
    is_closing: bool,
) -> std::io::Result<()> {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        requests.fetch_add(1, Ordering::SeqCst);
        stream.write_all(answer).await?;
        if is_closing {
            return Ok(());
        }
    }
}
