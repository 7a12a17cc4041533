//! The handshake of a WebSocket with a service, and the connection that it leaves (RFC 6455 §4.1).
//!
//! The key is the gateway's own at each handshake, whatever the caller's is: the answer proves that
//! this service understood this handshake.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::header::{
    CONNECTION, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{Request, Response, StatusCode};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, timeout_at};
use tollgate_chain::Error;
use tungstenite::handshake::client::generate_key;
use tungstenite::handshake::derive_accept_key;

use crate::body::UpstreamBody;
use crate::error::chain_text;
use crate::fields::strip_answer;
use crate::outgoing::OutboundBody;
use crate::pool::{PoolLease, PooledAnswer};
use crate::send::{SendBounds, Upstream};
use crate::settings::WireProtocol;

/// The answer to a handshake.
#[derive(Debug)]
pub enum HandshakeAnswer {
    /// The service switched protocols.
    Open(Response<UpstreamTunnel>),
    /// Any other answer.
    Refused(Response<UpstreamBody>),
}

/// A connection to a service that speaks no HTTP any more. It holds its place at the endpoint; the
/// connection is closed when it is dropped.
pub struct UpstreamTunnel {
    io: TokioIo<Upgraded>,
    #[expect(dead_code, reason = "held for its drop: the place is given back")]
    lease: PoolLease,
}

/// The key of one handshake, and the proof that it was understood.
pub(crate) struct HandshakeKey {
    key: HeaderValue,
    accept: String,
}

impl HandshakeKey {
    fn generate() -> Result<Self, Error> {
        let key = generate_key();
        let accept = derive_accept_key(key.as_bytes());
        let invalid = |_| Error::Internal { internal: "the key of a handshake".to_owned() };
        Ok(Self { key: HeaderValue::try_from(key).map_err(invalid)?, accept })
    }

    /// Writes the fields of the handshake.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_KEY, self.key.clone());
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    }

    /// Checks the fields of an answer that switches protocols.
    fn check(&self, headers: &HeaderMap) -> Result<(), Error> {
        let is_websocket =
            headers.get(UPGRADE).is_some_and(|value| is(value.as_bytes(), "websocket"));
        let is_upgrade = headers
            .get_all(CONNECTION)
            .iter()
            .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
            .any(|token| is(token, "upgrade"));
        let accepted = headers.get(SEC_WEBSOCKET_ACCEPT).is_some_and(|got| *got == *self.accept);

        let wrong: HeaderName = match (is_websocket, is_upgrade, accepted) {
            (true, true, true) => return Ok(()),
            (false, ..) => UPGRADE,
            (_, false, _) => CONNECTION,
            (_, _, false) => SEC_WEBSOCKET_ACCEPT,
        };
        let internal = format!("the answer to the handshake of a WebSocket: wrong `{wrong}`");
        Err(Error::UpstreamInvalid { internal })
    }
}

fn is(token: &[u8], wanted: &str) -> bool {
    token.trim_ascii().eq_ignore_ascii_case(wanted.as_bytes())
}

impl Upstream {
    /// Asks the service to open a WebSocket. The deadline and the idle time hold for the handshake,
    /// and for an answer that opens none.
    ///
    /// # Errors
    /// Those of [`Upstream::send`]; [`Error::NoUpstream`] where the service speaks gRPC, and
    /// [`Error::UpstreamInvalid`] where it switches protocols and does not prove that it understood
    /// the handshake.
    pub async fn open_websocket(
        &self,
        request: Request<()>,
        bounds: SendBounds,
    ) -> Result<HandshakeAnswer, Error> {
        if self.settings().protocol == WireProtocol::Grpc {
            let internal = format!("{} speaks gRPC and opens no WebSocket", self.settings().name);
            return Err(Error::NoUpstream { internal });
        }
        let key = HandshakeKey::generate()?;
        let (head, ()) = request.into_parts();
        let make = || Box::new(Request::from_parts(head.clone(), OutboundBody::Empty));
        let again = || Some(make());

        let answer = self.handshake(make(), &again, &key, &bounds).await?;
        if answer.response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return self.accept(answer, None, &bounds).map(HandshakeAnswer::Refused);
        }
        key.check(answer.response.headers())?;
        tunnel(answer, bounds.deadline).await.map(HandshakeAnswer::Open)
    }
}

/// Waits until the connection is handed over.
async fn tunnel(
    answer: PooledAnswer,
    deadline: Instant,
) -> Result<Response<UpstreamTunnel>, Error> {
    let PooledAnswer { mut response, lease } = answer;
    let upgrade = hyper::upgrade::on(&mut response);
    let upgraded = timeout_at(deadline, upgrade).await.map_err(|_| Error::UpstreamTimeout)?;
    let io = TokioIo::new(upgraded.map_err(|error| {
        let internal = format!("the switch to WebSocket: {}", chain_text(&error));
        Error::UpstreamUnavailable { internal, unsent: false }
    })?);

    response.extensions_mut().clear();
    let headers = response.headers_mut();
    headers.remove(SEC_WEBSOCKET_ACCEPT);
    strip_answer(headers);
    Ok(response.map(|_| UpstreamTunnel { io, lease }))
}

impl AsyncRead for UpstreamTunnel {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for UpstreamTunnel {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

impl std::fmt::Debug for UpstreamTunnel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UpstreamTunnel").finish_non_exhaustive()
    }
}
