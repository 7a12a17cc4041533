//! The handshake of a WebSocket, passed on; an answer that opens none is an ordinary answer.

use http::Response;
use tollgate_chain::Error;
use tollgate_edge::ResponseBody;
use tollgate_upstream::HandshakeAnswer;

use super::{ForwardContext, ForwardRequest, stream};
use crate::tunnel::{TunnelBounds, WebSocketTunnel};

/// Asks the upstream to open a WebSocket, if the Route opens any.
pub(super) async fn open(
    forwarded: &ForwardRequest<'_>,
    context: &ForwardContext<'_>,
) -> Result<Response<ResponseBody>, Error> {
    let bounds = bounds(forwarded)?;
    let request = stream::request(forwarded, context, ())?;

    match context.target.upstream.open_websocket(request, context.bounds).await? {
        HandshakeAnswer::Open(response) => {
            let response =
                response.map(|upstream| ResponseBody::tunnel(WebSocketTunnel { upstream, bounds }));
            Ok(stream::received_by(context, response))
        }
        HandshakeAnswer::Refused(response) => Ok(stream::answer(context, response)),
    }
}

/// Returns the bounds of the Route's WebSockets. The answer of a claimed operation is stored, which
/// a WebSocket cannot be.
fn bounds(forwarded: &ForwardRequest<'_>) -> Result<TunnelBounds, Error> {
    let binding = forwarded.snapshot.bindings.get(forwarded.route.binding);
    let config =
        binding.and_then(|binding| binding.websocket).filter(|_| forwarded.claim.is_none());
    let unsupported = Error::ProtocolUnsupported { detail: "this route opens no WebSocket" };
    let config = config.ok_or(unsupported)?;

    Ok(TunnelBounds {
        message_bytes_max: config.message_bytes_max,
        idle: forwarded.route.limits.stream_idle_timeout,
        lifetime: config.lifetime,
    })
}
