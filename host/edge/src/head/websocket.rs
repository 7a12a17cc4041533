//! The opening handshake of a WebSocket: `Upgrade` over HTTP/1.1 (RFC 6455 §4.2.1), an extended
//! CONNECT over HTTP/2 (RFC 8441 §4).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING, UPGRADE,
};
use http::request::Parts;
use http::{Method, Version};
use hyper::ext::Protocol;
use tollgate_chain::Error;

use super::{is_h2, malformed};

/// The token of `Upgrade` and `:protocol`.
const WEBSOCKET: &str = "websocket";
/// The only version of the protocol.
const VERSION: &str = "13";
/// Bytes of a key before they are encoded (RFC 6455 §4.1).
const KEY_BYTES: usize = 16;

/// Tells whether the request is an extended CONNECT that opens a WebSocket; it is a `GET` from
/// there on. A plain CONNECT is left as it is.
///
/// # Errors
/// [`Error::ProtocolUnsupported`] for another protocol.
pub(super) fn is_extended_connect(parts: &mut Parts) -> Result<bool, Error> {
    if parts.method != Method::CONNECT || !is_h2(parts.version) {
        return Ok(false);
    }
    let Some(protocol) = parts.extensions.get::<Protocol>() else { return Ok(false) };

    if !protocol.as_str().eq_ignore_ascii_case(WEBSOCKET) {
        let detail = "the only protocol of an extended CONNECT is `websocket`";
        return Err(Error::ProtocolUnsupported { detail });
    }
    parts.method = Method::GET;
    Ok(true)
}

/// Tells whether the request asks by `Upgrade` for a WebSocket. Other tokens ask for nothing that
/// this server does, and HTTP/1.0 has no `Upgrade` (RFC 9110 §7.8).
pub(super) fn is_upgrade(parts: &Parts) -> bool {
    parts.version == Version::HTTP_11
        && parts.method == Method::GET
        && has_token(&parts.headers, &CONNECTION, "upgrade")
        && has_token(&parts.headers, &UPGRADE, WEBSOCKET)
}

/// Checks the fields of a handshake.
///
/// # Errors
/// [`Error::WebSocketVersion`], and [`Error::MalformedRequest`] for a missing version, a key that is
/// none, or a body.
pub(super) fn check(parts: &Parts) -> Result<(), Error> {
    let headers = &parts.headers;

    match only(headers, &SEC_WEBSOCKET_VERSION)? {
        Some(version) if version == VERSION => {}
        Some(_) => return Err(Error::WebSocketVersion),
        None => return Err(malformed("a WebSocket needs `Sec-WebSocket-Version: 13`")),
    }

    // HTTP/2 needs no proof that the server understood the handshake (RFC 8441 §5).
    if !is_h2(parts.version) {
        let key = only(headers, &SEC_WEBSOCKET_KEY)?;
        let bytes = key.and_then(|key| STANDARD.decode(key.as_bytes()).ok());
        if bytes.is_none_or(|bytes| bytes.len() != KEY_BYTES) {
            return Err(malformed("the Sec-WebSocket-Key field must be 16 bytes in base64"));
        }
    }

    let is_empty = headers.get(CONTENT_LENGTH).is_none_or(|length| length == "0");
    if !is_empty || headers.contains_key(TRANSFER_ENCODING) {
        return Err(malformed("the handshake of a WebSocket has no body"));
    }
    Ok(())
}

fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a HeaderValue>, Error> {
    let mut lines = headers.get_all(name).iter();
    match (lines.next(), lines.next()) {
        (first, None) => Ok(first),
        (_, Some(_)) => Err(malformed(format!("the `{name}` field must be there once"))),
    }
}

/// Tells whether a list of tokens, each perhaps with a version behind `/`, has this one.
fn has_token(headers: &HeaderMap, name: &HeaderName, wanted: &str) -> bool {
    let lines = headers.get_all(name).iter().filter_map(|line| line.to_str().ok());
    lines
        .flat_map(|line| line.split(','))
        .map(|token| token.trim().split('/').next().unwrap_or_default())
        .any(|token| token.eq_ignore_ascii_case(wanted))
}
