//! The head of a request, behind hyper's parser: `edge::head::check`.
//!
//! An accepted head has one authority and a canonical path, both unchanged by a second check; no field
//! of its connection, none that only the gateway may say, none with `_` or padding; one entry of this
//! hop in `Via`; bounded fields; the peer's address unless the peer is trusted. A refused one is
//! answered with 4xx or 5xx.

use std::net::{IpAddr, Ipv4Addr};

use http::header::{HOST, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Uri, Version};
use tollgate_chain::{Error, Head, check_path};
use tollgate_edge::head::{Checked, Origin, RequestId, canonical_authority, check};
use tollgate_edge::{Caller, Limits, Protocol, Responder, TrustedProxies};
use tollgate_terms::header_policy::FieldPolicy;

use crate::lines::Lines;

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// Fields that frame a message or end at a connection: a checked head has none of them.
const ENDED: [&str; 7] = [
    "connection",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "transfer-encoding",
    "upgrade",
];

/// The connection of an input: `2` is HTTP/2, `s` is TLS, `t` is a trusted peer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Connection {
    pub(super) version: Version,
    pub(super) secure: bool,
    pub(super) trusted: bool,
}

impl Connection {
    fn of(flags: &str) -> Self {
        let version = if flags.contains('2') { Version::HTTP_2 } else { Version::HTTP_11 };
        Self { version, secure: flags.contains('s'), trusted: flags.contains('t') }
    }
}

/// Checks one head: a line of flags, a request line without version, and fields.
pub(super) fn run(data: &[u8]) {
    let mut lines = Lines::of(data);
    let Some(connection) = lines.text().map(Connection::of) else { return };
    let Some(parts) = parts(connection.version, lines) else { return };
    let (target, fields) = (parts.uri.clone(), parts.headers.len());

    match checked(parts, connection, &Limits::default()) {
        Ok(Checked::Request(head)) => {
            holds(&head, &target, connection);
            assert!(head.headers.len() <= fields + 1, "fields came from nowhere");
            again(&head, connection);
        }
        Ok(Checked::ServerOptions) => assert_eq!(target.path(), "*"),
        Err(error) => refused(&error),
    }
}

/// Reads a head as hyper would hand it over; none where hyper would refuse it.
fn parts(version: Version, mut lines: Lines<'_>) -> Option<Parts> {
    let line = lines.next()?;
    let space = line.iter().position(|byte| *byte == b' ')?;
    let (method, target) = line.split_at_checked(space)?;
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(method).ok()?;
    *request.uri_mut() = Uri::try_from(target.get(1..)?).ok()?;
    *request.version_mut() = version;

    for line in lines {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = line.split_at_checked(colon)?;
        let value = value.get(1..)?;
        // HTTP/1 has optional white space around a value, which hyper takes off.
        let value = if version == Version::HTTP_2 { value } else { value.trim_ascii() };
        let name = HeaderName::from_bytes(name).ok()?;
        request.headers_mut().append(name, HeaderValue::from_bytes(value).ok()?);
    }
    Some(request.into_parts().0)
}

fn checked(mut parts: Parts, connection: Connection, limits: &Limits) -> Result<Checked, Error> {
    let ranges = connection.trusted.then(|| "192.0.2.0/24".parse().unwrap());
    let trusted = TrustedProxies::new(ranges);
    let origin = Origin {
        peer: PEER,
        trusted: &trusted,
        secure: connection.secure,
        server_name: connection.secure.then_some("a"),
        client_certificate: None,
    };
    let request_id = RequestId::take(&mut parts.headers).unwrap();
    let result = check(&mut parts, origin, limits, &request_id);
    if result.is_err() {
        // What is left of the head must do to tell the caller's protocol.
        let _ = Protocol::of(&parts.headers);
    }
    result
}

fn holds(head: &Head, target: &Uri, connection: Connection) {
    let authority = head.authority.as_str();
    assert_eq!(canonical_authority(authority, head.secure).unwrap(), authority);
    assert_eq!((&*head.path, head.query.as_deref()), (target.path(), target.query()));
    check_path(&head.path).unwrap();
    assert!((8..=64).contains(&head.request_id.len()));

    if !connection.trusted {
        assert_eq!((head.client, head.secure), (PEER, connection.secure));
    }

    for (name, value) in &head.headers {
        let (name, value) = (name.as_str(), value.as_bytes());
        assert!(!ENDED.contains(&name), "{name} went on");
        assert!(!name.contains('_'), "{name} went on");
        assert!(!FieldPolicy::of(name).is_dropped_on_arrival(), "{name} went on");
        assert!(name != "te" || value == b"trailers", "te: {value:?} went on");
        assert_eq!(value.trim_ascii().len(), value.len(), "{name} is padded");
    }

    let via: Vec<_> = head.headers.get_all("via").iter().collect();
    let last = via.last().and_then(|last| last.to_str().ok()).unwrap_or_default();
    assert!(last.contains(" tollgate-"), "this hop is not in Via: {via:?}");
}

/// Checks what passed once more, as the next gateway would.
fn again(head: &Head, connection: Connection) {
    let mut headers: HeaderMap = head.headers.clone();
    headers.remove("via");
    headers.insert(HOST, HeaderValue::from_str(head.authority.as_str()).unwrap());
    let target = match &head.query {
        Some(query) => format!("{}?{query}", head.path),
        None => head.path.to_string(),
    };
    let mut request = Request::new(());
    *request.method_mut() = head.method.clone();
    *request.uri_mut() = target.parse().unwrap();
    *request.version_mut() = connection.version;
    *request.headers_mut() = headers.clone();

    let secure = Connection { secure: head.secure, trusted: false, ..connection };
    // The authority is a field now, beside as many others as there may be.
    let limits = Limits { fields_max: 128, head_bytes_max: 32 * 1024, ..Limits::default() };
    let mut second = match checked(request.into_parts().0, secure, &limits) {
        Ok(Checked::Request(second)) => second,
        other => panic!("what passed is refused when it comes again: {other:?}"),
    };
    headers.remove(HOST);
    second.headers.remove("via");
    assert_eq!(second.headers, headers);
    assert_eq!((second.authority, second.path), (head.authority.clone(), head.path.clone()));
}

fn refused(error: &Error) {
    let responder = Responder::new("https://problems.example/");
    let caller = Caller {
        protocol: Protocol::Json,
        request_id: "12345678",
        instance: "/",
        retry_after: None,
    };
    let status = responder.problem(error, &caller).status();
    assert!(status.is_client_error() || status.is_server_error(), "{status} for {error}");
}
