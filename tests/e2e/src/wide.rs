//! A gateway without policies, and HTTP/2 clients of it that read what they are told to.

use anyhow::{Context, Result};
use bytes::Bytes;
use h2::RecvStream;
use h2::client::{Builder, ResponseFuture, SendRequest};
use http::{HeaderMap, Method, Request, Response};
use tokio::net::TcpStream;

use crate::Gate;
use crate::gate::Folder;

/// The folder of a gateway that forwards `/h/…` to an HTTP upstream and `/demo.Calls/…` to a gRPC
/// one. `more` stands in every route, `upstream` in the HTTP upstream.
#[must_use]
pub fn open(http: &str, grpc: &str, more: &str, upstream: &str) -> Folder {
    let toml = format!(
        "[chains.edge]\npolicies = []\n\
         [upstreams.h]\nprotocol = \"http\"\nendpoints = [\"{http}\"]\n{upstream}\n\
         [upstreams.g]\nprotocol = \"grpc\"\nendpoints = [\"{grpc}\"]\n\
         [routes.h]\nmatch = [\"GET /h/{{rest=**}}\", \"POST /h/{{rest=**}}\"]\n\
         chain = \"edge\"\nupstream = \"h\"\n{more}\n\
         [routes.g]\nmatch = \"POST /demo.Calls/{{method}}\"\nchain = \"edge\"\nupstream = \"g\"\n\
         {more}\n"
    );
    Folder { toml, ..Folder::default() }
}

/// An HTTP/2 connection to a gateway.
#[derive(Debug)]
pub struct WideConnection {
    requests: SendRequest<Bytes>,
    authority: String,
}

impl WideConnection {
    /// Connects with this window for each stream.
    ///
    /// # Errors
    /// The gateway does not accept.
    pub async fn connect(gate: &Gate, window: u32) -> Result<Self> {
        let authority = gate.authority();
        let stream = TcpStream::connect(&authority).await?;
        let mut builder = Builder::new();
        builder.initial_window_size(window);
        let (requests, connection) = builder.handshake(stream).await?;
        tokio::spawn(connection);
        Ok(Self { requests, authority })
    }

    /// Begins a request; its body is sent by what is returned, unless it is `ended`.
    ///
    /// # Errors
    /// The connection is closed.
    pub async fn begin(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        ended: bool,
    ) -> Result<(ResponseFuture, h2::SendStream<Bytes>)> {
        let uri = format!("http://{}{path}", self.authority);
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.requests = self.requests.clone().ready().await?;
        Ok(self.requests.send_request(request.body(())?, ended)?)
    }

    /// Begins a gRPC call.
    ///
    /// # Errors
    /// The connection is closed.
    pub async fn call(
        &mut self,
        method: &str,
        headers: &[(&str, &str)],
    ) -> Result<(ResponseFuture, h2::SendStream<Bytes>)> {
        let mut all = vec![("content-type", "application/grpc"), ("te", "trailers")];
        all.extend(headers);
        self.begin(Method::POST, &format!("/demo.Calls/{method}"), &all, false).await
    }

    /// Calls with one message and reads the whole answer: its head, its messages as they are on the
    /// wire, and its trailers.
    ///
    /// # Errors
    /// The connection or the stream breaks.
    pub async fn whole(
        &mut self,
        method: &str,
        headers: &[(&str, &str)],
        message: Bytes,
    ) -> Result<(Response<()>, Bytes, HeaderMap)> {
        let (response, mut sender) = self.call(method, headers).await?;
        sender.send_data(message, true)?;
        let (head, body) = response.await.context("no answer")?.into_parts();
        let (bytes, trailers) = read(body).await?;
        Ok((Response::from_parts(head, ()), bytes, trailers))
    }
}

/// Reads a stream to its end.
///
/// # Errors
/// It is reset.
pub async fn read(mut body: RecvStream) -> Result<(Bytes, HeaderMap)> {
    let mut bytes = Vec::new();
    while let Some(piece) = body.data().await {
        let piece = piece?;
        body.flow_control().release_capacity(piece.len())?;
        bytes.extend_from_slice(&piece);
    }
    Ok((bytes.into(), body.trailers().await?.unwrap_or_default()))
}
