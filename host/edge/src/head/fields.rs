//! Checks header fields, and drops those that end at this hop.

use http::Method;
use http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, EXPECT, HOST, HeaderMap, HeaderName,
    HeaderValue, TE, TRANSFER_ENCODING, UPGRADE,
};
use http::request::Parts;
use tollgate_chain::Error;
use tollgate_terms::header_policy::FieldPolicy;

use super::via::{self, Hop};
use super::{is_h2, malformed};

/// Findings of one pass over the fields; a request of an ordinary client sets few of these.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent findings of one pass")]
pub(super) struct FieldFindings {
    connection: bool,
    hop: bool,
    te: bool,
    padded: bool,
    transfer: bool,
    length: bool,
    expect: bool,
    host: bool,
    media_type: bool,
    reserved: bool,
    /// `Upgrade` is there.
    pub(super) upgrade: bool,
    /// `Via` is there.
    pub(super) via: bool,
    /// `X-Forwarded-*`, `Forwarded` or `X-Real-IP` is there.
    pub(super) forwarding: bool,
}

/// Joins the cookie fields of HTTP/2, which are sent one by one for the sake of compression, into
/// the one field that they stand for (RFC 9113 §8.2.3).
pub(super) fn join_cookies(parts: &mut Parts) -> Result<(), Error> {
    let headers = &mut parts.headers;
    // No name is there twice: the test costs a request of an ordinary client next to nothing.
    if !is_h2(parts.version) || headers.keys_len() == headers.len() {
        return Ok(());
    }

    let crumbs: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if crumbs.len() > 1 {
        let cookie = HeaderValue::from_bytes(&crumbs.join(&b"; "[..]))
            .map_err(|_| malformed("the Cookie field is not valid"))?;
        headers.insert(COOKIE, cookie);
    }
    Ok(())
}

/// Tells whether the fields that frame an HTTP/1 message are there at most once and valid.
pub(super) fn is_framing_sound(headers: &HeaderMap) -> bool {
    (!headers.contains_key(TRANSFER_ENCODING) || transfer_encoding(headers).is_ok())
        && (!headers.contains_key(CONTENT_LENGTH) || content_length(headers).is_ok())
}

/// Passes once over the fields and refuses what must be refused.
pub(super) fn scan(parts: &Parts, bytes_max: usize) -> Result<FieldFindings, Error> {
    let mut findings = FieldFindings::default();
    let h2 = is_h2(parts.version);
    let mut bytes = parts.uri.path_and_query().map_or(0, |target| target.as_str().len());

    for (name, value) in &parts.headers {
        let text = name.as_str();
        if text.as_bytes().contains(&b'_') {
            return Err(malformed("field names with `_` are not accepted"));
        }
        findings.note(text);
        findings.padded |= h2 && trimmed(value).len() != value.len();
        bytes += text.len() + value.len() + LINE_BYTES;
    }

    if bytes > bytes_max {
        return Err(Error::HeadTooLarge);
    }

    // Callers of gRPC over HTTP/1 see no trailers, and the call would end without a status.
    if findings.media_type
        && !h2
        && parts.method == Method::POST
        && parts.headers.get(CONTENT_TYPE).is_some_and(is_grpc)
    {
        return Err(Error::VersionTooLow);
    }

    if findings.transfer {
        transfer_encoding(&parts.headers)?;
    }

    if findings.length {
        content_length(&parts.headers)?;
    }

    if findings.expect {
        expect(&parts.headers)?;
    }

    Ok(findings)
}

impl FieldFindings {
    fn note(&mut self, name: &str) {
        let bytes = name.as_bytes();

        match bytes.first() {
            Some(b'c') if name == "connection" => self.connection = true,
            Some(b'c') if name == "content-length" => self.length = true,
            Some(b'c') if name == "content-type" => self.media_type = true,
            Some(b'e') if name == "expect" => self.expect = true,
            Some(b'h') if name == "host" => self.host = true,
            Some(b'k') if name == "keep-alive" => self.hop = true,
            Some(b'p') if name == "proxy-connection" => self.hop = true,
            Some(b't') if name == "te" => self.te = true,
            Some(b't') if name == "transfer-encoding" => self.transfer = true,
            Some(b'u') if name == "upgrade" => self.upgrade = true,
            Some(b'v') if name == "via" => self.via = true,
            // The first letters of all fields that are dropped on arrival.
            Some(b'b' | b'c' | b'f' | b'i' | b'p' | b'r' | b's' | b't' | b'x') => {
                let policy = FieldPolicy::of(name);
                self.forwarding |= policy.is_forwarding();
                self.reserved |= policy.is_dropped_on_arrival();
            }
            _ => {}
        }
    }
}

/// Tells whether the media type is native gRPC: gRPC-Web, which needs no trailers, is not.
fn is_grpc(media_type: &HeaderValue) -> bool {
    match media_type.as_bytes().split_at_checked(GRPC.len()) {
        Some((start, rest)) => {
            start.eq_ignore_ascii_case(GRPC) && !matches!(rest.first(), Some(b'-'))
        }
        None => false,
    }
}

const GRPC: &[u8] = b"application/grpc";

/// Bytes of a field line beside its name and value: a colon, a space and the line's end.
const LINE_BYTES: usize = 4;

/// Exactly one line, exactly `chunked`: anything else the parser below would decode only in part.
fn transfer_encoding(headers: &HeaderMap) -> Result<(), Error> {
    let lines: Vec<&[u8]> =
        headers.get_all(TRANSFER_ENCODING).iter().map(HeaderValue::as_bytes).collect();
    if let [line] = lines.as_slice()
        && line.eq_ignore_ascii_case(b"chunked")
    {
        return Ok(());
    }
    let known = lines
        .iter()
        .flat_map(|line| line.split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .all(|coding| coding.is_empty() || coding.eq_ignore_ascii_case(b"chunked"));
    Err(if known {
        malformed("the Transfer-Encoding field must be `chunked`, once")
    } else {
        Error::CodingUnknown
    })
}

fn content_length(headers: &HeaderMap) -> Result<(), Error> {
    let mut lines = headers.get_all(CONTENT_LENGTH).iter();
    let (first, second) = (lines.next().map(HeaderValue::as_bytes), lines.next());
    match (first, second) {
        (Some(b"0"), None) => Ok(()),
        (Some([b'1'..=b'9', rest @ ..]), None) if rest.iter().all(u8::is_ascii_digit) => Ok(()),
        _ => Err(malformed("the Content-Length field must be one number")),
    }
}

fn expect(headers: &HeaderMap) -> Result<(), Error> {
    let mut lines = headers.get_all(EXPECT).iter();
    match (lines.next(), lines.next()) {
        (Some(line), None) if line.as_bytes().eq_ignore_ascii_case(b"100-continue") => Ok(()),
        _ => Err(Error::ExpectationFailed),
    }
}

/// Removes what ends at this hop or is ours to say, trims what HTTP/2 left untrimmed, and adds
/// this hop to `Via`.
pub(super) fn clean(
    headers: &mut HeaderMap,
    findings: &FieldFindings,
    hop: Hop,
) -> Result<(), Error> {
    if findings.padded {
        trim(headers)?;
    }

    if findings.connection {
        nominated(headers)?;
    }

    if findings.te && !only_trailers(headers) {
        headers.remove(TE);
    }

    if findings.hop {
        for name in ["keep-alive", "proxy-connection"] {
            headers.remove(name);
        }
    }

    for (present, name) in [
        (findings.upgrade, UPGRADE),
        (findings.transfer, TRANSFER_ENCODING),
        (findings.expect, EXPECT),
        (findings.host, HOST),
    ] {
        if present {
            headers.remove(name);
        }
    }

    via::extend(headers, findings.via, hop)?;

    if findings.forwarding || findings.reserved {
        let names: Vec<HeaderName> = headers
            .keys()
            .filter(|name| FieldPolicy::of(name.as_str()).is_dropped_on_arrival())
            .cloned()
            .collect();
        for name in names {
            headers.remove(name);
        }
    }

    Ok(())
}

/// `TE: trailers` goes on: gRPC demands it end to end.
fn only_trailers(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(TE).iter();
    matches!((lines.next(), lines.next()), (Some(line), None) if line == "trailers")
}

/// Removes `Connection` and what it names. To name a field that this gateway acts upon is an
/// attack (it would take credentials or tenant fields out of the request), and refused.
fn nominated(headers: &mut HeaderMap) -> Result<(), Error> {
    let lines: Vec<HeaderValue> = headers.get_all(CONNECTION).iter().cloned().collect();
    headers.remove(CONNECTION);
    for token in lines.iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b',')) {
        let token = token.trim_ascii();
        if token.is_empty()
            || token.eq_ignore_ascii_case(b"keep-alive")
            || token.eq_ignore_ascii_case(b"close")
        {
            continue;
        }
        let name = HeaderName::from_bytes(token)
            .map_err(|_| malformed("the Connection field is not valid"))?;
        if FieldPolicy::of(name.as_str()).is_protected() {
            return Err(malformed(format!("the Connection field must not name `{name}`")));
        }
        headers.remove(name);
    }
    Ok(())
}

fn trim(headers: &mut HeaderMap) -> Result<(), Error> {
    for value in headers.values_mut() {
        let inside = trimmed(value);
        if inside.len() != value.len() {
            *value = HeaderValue::from_bytes(inside)
                .map_err(|_| malformed("a field value is not valid"))?;
        }
    }
    Ok(())
}

fn trimmed(value: &HeaderValue) -> &[u8] {
    let space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let bytes = value.as_bytes();
    match (bytes.first(), bytes.last()) {
        (Some(first), Some(last)) if space(first) || space(last) => bytes.trim_ascii(),
        _ => bytes,
    }
}
