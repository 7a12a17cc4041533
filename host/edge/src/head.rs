//! From a parsed request head to a [`Head`], or to the [`Error`] that refuses it.
//!
//! The parser below lets much through that a gateway must not: several `Host` fields, userinfo,
//! odd transfer codings, dot segments. Everything is refused here, never repaired, so that all
//! later steps derive from one value. Read next: `head/fields.rs`, `authority.rs`. The rule
//! of canonical paths is `chain`'s, whose templates obey it too.

mod authority;
mod client;
mod fields;
mod request_id;
mod via;
mod websocket;

use std::net::IpAddr;
use std::sync::Arc;

use http::request::Parts;
use http::uri::Scheme;
use http::{Method, Version};
use tollgate_chain::{ClientCertificate, Error, Head, check_path};

pub use authority::canonical as canonical_authority;
pub use client::TrustedProxies;
pub use request_id::RequestId;
pub use via::received;

use crate::Limits;

/// Facts about a request that its connection tells.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// The TCP peer.
    pub peer: IpAddr,
    /// Peers whose forwarding fields are believed.
    pub trusted: &'a TrustedProxies,
    /// Set when the connection is TLS.
    pub secure: bool,
    /// The TLS server name, lower case.
    pub server_name: Option<&'a str>,
    /// The certificate that the peer showed.
    pub client_certificate: Option<&'a Arc<ClientCertificate>>,
}

/// The purpose of a head that passed its checks.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "almost always a request, and moved once: a box would cost an allocation for each"
)]
pub enum Checked {
    /// An exchange.
    Request(Head),
    /// `OPTIONS *`: about the server as a whole, answered without an exchange.
    ServerOptions,
}

/// The methods that a Route can have.
pub const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// Checks a head and takes what it needs out of `parts`; after an error `parts` is whole enough
/// to tell the caller's protocol.
///
/// # Errors
/// The refusal, as the first check that fails says it: method, size, fields, authority, path.
pub fn check(
    parts: &mut Parts,
    origin: Origin<'_>,
    limits: &Limits,
    request_id: &RequestId,
) -> Result<Checked, Error> {
    let is_extended_connect = websocket::is_extended_connect(parts)?;
    method(&parts.method)?;
    fields::join_cookies(parts)?;

    if parts.uri.path_and_query().map_or(0, |target| target.as_str().len())
        > limits.target_bytes_max
    {
        return Err(Error::TargetTooLong);
    }

    if parts.headers.len() > limits.fields_max {
        return Err(Error::HeadTooLarge);
    }

    let findings = fields::scan(parts, limits.head_bytes_max)?;
    let client = client::resolve(origin, &parts.headers, findings.forwarding);
    let secure = client.secure;
    let authority = authority::of(parts, secure)?;

    // A `https` target in clear was meant for somebody else (RFC 9110 §7.4), unless a proxy that
    // is trusted took the TLS off.
    if parts.uri.scheme() == Some(&Scheme::HTTPS)
        && !secure
        && !origin.trusted.contains(origin.peer.to_canonical())
    {
        return Err(Error::Misdirected);
    }

    if parts.uri.path() == "*" {
        return if parts.method == Method::OPTIONS {
            Ok(Checked::ServerOptions)
        } else {
            Err(malformed("`*` is a target of OPTIONS only"))
        };
    }

    check_path(parts.uri.path())?;
    let websocket = is_extended_connect || (findings.upgrade && websocket::is_upgrade(parts));
    if websocket {
        websocket::check(parts)?;
    }

    let is_trusted = findings.via && origin.trusted.contains(origin.peer.to_canonical());
    let hop = via::Hop { version: parts.version, is_trusted };
    fields::clean(&mut parts.headers, &findings, hop)?;

    Ok(Checked::Request(Head {
        method: parts.method.clone(),
        authority,
        path: parts.uri.path().into(),
        query: parts.uri.query().map(Into::into),
        headers: std::mem::take(&mut parts.headers),
        server_name: origin.server_name.map(Into::into),
        client_certificate: origin.client_certificate.cloned(),
        secure,
        client: client.address,
        request_id: request_id.as_str().into(),
        websocket,
        source: 0,
    }))
}

/// Tells whether the end of a refused HTTP/1 message is where its fields say it is; where it is
/// not, the connection ends (RFC 9112 §6.1).
pub(crate) fn is_framing_sound(parts: &Parts) -> bool {
    is_h2(parts.version) || fields::is_framing_sound(&parts.headers)
}

/// Known methods pass; TRACE and CONNECT are never allowed; all others are unknown.
fn method(method: &Method) -> Result<(), Error> {
    match *method {
        Method::GET
        | Method::HEAD
        | Method::POST
        | Method::PUT
        | Method::PATCH
        | Method::DELETE
        | Method::OPTIONS => Ok(()),
        Method::TRACE | Method::CONNECT => {
            Err(Error::MethodNotAllowed { allow: Arc::from(METHODS) })
        }
        _ => Err(Error::MethodUnknown),
    }
}

/// Tells whether the protocol is HTTP/2, where values arrive untrimmed and `:authority` may be
/// absent.
fn is_h2(version: Version) -> bool {
    version == Version::HTTP_2
}

fn malformed(detail: impl Into<String>) -> Error {
    Error::MalformedRequest { detail: detail.into() }
}

#[cfg(test)]
mod tests;
