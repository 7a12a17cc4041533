//! The handshake of a tunnel: it is answered, and the tunnel begins.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    UPGRADE,
};
use http::request::Parts;
use http::{Response, StatusCode};
use hyper::upgrade::OnUpgrade;
use tokio_util::sync::CancellationToken;
use tollgate_chain::{Error, Head};
use tungstenite::handshake::derive_accept_key;

use super::{CallerStream, Tunnel, TunnelCaller, TunnelEnd, TunnelRecord};
use crate::ResponseBody;
use crate::exchange::Ending;
use crate::listener::{DrainDemand, Link, outgoing};

/// A tunnel as a response brought it, with what is held until its end.
pub(crate) type HeldTunnel = (Box<dyn Tunnel>, Option<Box<dyn Any + Send + Sync>>);

/// A request that may become a tunnel.
#[derive(Debug)]
pub(crate) struct Opening {
    upgrade: OnUpgrade,
    /// The caller's key; none over HTTP/2.
    key: Option<HeaderValue>,
}

/// A tunnel of an HTTP/1 connection, which runs once HTTP on it is over.
pub(crate) struct TunnelTask(Pin<Box<dyn Future<Output = ()> + Send>>);

impl TunnelTask {
    pub(crate) async fn run(self) {
        self.0.await;
    }
}

impl std::fmt::Debug for TunnelTask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TunnelTask").finish_non_exhaustive()
    }
}

impl Opening {
    /// Takes what a tunnel needs out of a request that asks for one.
    pub(crate) fn of(parts: &mut Parts, head: &Head) -> Option<Self> {
        if !head.websocket {
            return None;
        }
        let is_stream = parts.version == http::Version::HTTP_2;
        let key = (!is_stream).then(|| head.headers.get(SEC_WEBSOCKET_KEY).cloned()).flatten();
        Some(Self { upgrade: parts.extensions.remove::<OnUpgrade>()?, key })
    }

    /// Returns the refusal of an answer that would be taken for a tunnel and is none: over HTTP/2
    /// each 2xx opens one (RFC 9110 §9.3.6).
    pub(crate) fn check(&self, response: &Response<ResponseBody>) -> Result<(), Error> {
        let status = response.status();
        if self.key.is_none() && status.is_success() {
            let internal = format!("a status of {status} to the handshake of a WebSocket");
            return Err(Error::UpstreamInvalid { internal });
        }
        Ok(())
    }

    /// Answers the handshake and begins the tunnel, which ends the exchange when it ends.
    pub(crate) fn begin<H>(
        self,
        response: &mut Response<ResponseBody>,
        (tunnel, held): HeldTunnel,
        mut ending: Ending,
        link: &Link<H>,
    ) {
        let is_stream = self.key.is_none();
        self.accept(response);
        ending.note(response);

        let record = TunnelRecord::new(ending);
        let sending = is_stream.then(CancellationToken::new);
        if let Some(sending) = &sending {
            outgoing::becomes_tunnel(sending.clone());
        }
        let (state, stall) = (Arc::clone(&link.state), link.shared.settings.limits.stall_timeout);

        let task = async move {
            let sending = sending.map(CancellationToken::drop_guard);
            let Ok(upgraded) = self.upgrade.await else {
                return record.ended(TunnelEnd::CallerLost, None, false);
            };
            let stream = CallerStream::new(upgraded, Arc::clone(&state), stall, sending);
            tokio::select! {
                biased;
                () = state.demanded(DrainDemand::Abort) => {}
                () = tunnel.run(TunnelCaller { stream, record }) => {}
            }
            drop(held);
        };
        if is_stream {
            link.shared.tunnels.spawn(task);
        } else {
            link.state.leave_tunnel(TunnelTask(Box::pin(task)));
        }
    }

    fn accept(&self, response: &mut Response<ResponseBody>) {
        let headers = response.headers_mut();
        headers.remove(CONTENT_LENGTH);
        headers.remove(CONTENT_TYPE);

        let Some(key) = &self.key else {
            headers.remove(CONNECTION);
            *response.status_mut() = StatusCode::OK;
            return;
        };
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        if let Ok(accept) = HeaderValue::try_from(derive_accept_key(key.as_bytes())) {
            headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        }
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    }
}
