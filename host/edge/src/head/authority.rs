//! The one authority of a request (RFC 9110 §7.2, RFC 9112 §3.2, RFC 9113 §8.3.1).

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

use http::header::HOST;
use http::request::Parts;
use tollgate_chain::{Authority, Error};

use super::{is_h2, malformed};

/// Takes the authority from target and `Host`: one valid `Host` is demanded of HTTP/1, an
/// authority in the target wins over it there; in HTTP/2 the two must agree.
pub(super) fn of(parts: &Parts, secure: bool) -> Result<Authority, Error> {
    let mut hosts = parts.headers.get_all(HOST).iter();
    let host = hosts.next();

    if hosts.next().is_some() {
        return Err(malformed("the request has more than one Host field"));
    }

    let host = match host {
        Some(value) => {
            let text = value.to_str().map_err(|_| malformed("the Host field is not valid"))?;
            Some(canonical(text, secure)?)
        }
        None => None,
    };

    let target = match parts.uri.authority() {
        Some(authority) => Some(canonical(authority.as_str(), secure)?),
        None => None,
    };

    if parts.uri.scheme_str().is_some_and(|scheme| scheme != "http" && scheme != "https") {
        return Err(malformed("the scheme of the target is not http or https"));
    }

    let chosen = match (target, host) {
        (Some(target), Some(host)) if is_h2(parts.version) && target != host => {
            return Err(malformed("the Host field differs from the authority"));
        }
        (None, None) => return Err(malformed("the request names no host")),
        (Some(_), None) if !is_h2(parts.version) => {
            return Err(malformed("the request has no Host field"));
        }
        (Some(target), _) => target,
        (None, Some(host)) => host,
    };

    Ok(Authority::from_canonical(chosen))
}

/// The canonical form of `host[:port]`: lower case, no trailing dot, no default port.
///
/// # Errors
/// Empty, with userinfo, or not a name, an IPv4 address or an IPv6 literal.
pub fn canonical(text: &str, secure: bool) -> Result<Cow<'_, str>, Error> {
    if text.contains('@') {
        return Err(malformed("the authority carries user information"));
    }

    let (host, port) = split(text)?;
    let port = effective_port(port, secure)?;

    if let Some(literal) = host.strip_prefix('[') {
        let address = literal
            .strip_suffix(']')
            .and_then(|inside| inside.parse::<Ipv6Addr>().ok())
            .ok_or_else(|| malformed("the host is not a valid IPv6 literal"))?;
        return Ok(join(&format!("[{address}]"), port).into());
    }

    let bare = host.strip_suffix('.').unwrap_or(host);
    name(bare)?;
    let plain = !bare.bytes().any(|byte| byte.is_ascii_uppercase());

    Ok(match port {
        None if plain => Cow::Borrowed(bare),
        Some(_) if plain && bare.len() == host.len() => Cow::Borrowed(text),
        _ => Cow::Owned(join(&bare.to_ascii_lowercase(), port)),
    })
}

/// Splits at the colon of a port, leaving colons within brackets alone.
fn split(text: &str) -> Result<(&str, Option<&str>), Error> {
    let after = text.rfind(']').map_or(0, |end| end + 1);
    let (literal, rest) = text.split_at_checked(after).unwrap_or((text, ""));
    if after > 0 {
        return match rest.strip_prefix(':') {
            Some(port) => Ok((literal, Some(port))),
            None if rest.is_empty() => Ok((literal, None)),
            None => Err(malformed("the authority is not valid")),
        };
    }
    Ok(match text.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    })
}

/// The port where it is neither empty nor the scheme's default.
fn effective_port(port: Option<&str>, secure: bool) -> Result<Option<&str>, Error> {
    let Some(port) = port.filter(|port| !port.is_empty()) else { return Ok(None) };
    let digits = port.bytes().all(|byte| byte.is_ascii_digit()) && !port.starts_with('0');
    match port.parse::<u16>() {
        Ok(number) if digits => Ok((number != if secure { 443 } else { 80 }).then_some(port)),
        _ => Err(malformed("the port is not valid")),
    }
}

/// A registered name of letters, digits, `-`, `_` in labels, or a dotted IPv4 address.
fn name(host: &str) -> Result<(), Error> {
    let invalid = || malformed("the host is not valid");

    if host.is_empty() || host.len() > 253 {
        return Err(invalid());
    }

    let mut label = 0;

    for byte in host.bytes() {
        match byte {
            b'.' if label == 0 => return Err(invalid()),
            b'.' => label = 0,
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' if label < 63 => label += 1,
            _ => return Err(invalid()),
        }
    }

    // A host that ends in a number is read as an IPv4 address by many (WHATWG URL): only the
    // plain form may pass, lest `0x7f.1` or `127.1` name somebody else elsewhere.
    let last = host.rsplit('.').next().unwrap_or(host);
    let numeric = last.bytes().all(|byte| byte.is_ascii_digit());

    if label == 0 || (numeric && host.parse::<Ipv4Addr>().is_err()) {
        return Err(invalid());
    }

    Ok(())
}

fn join(host: &str, port: Option<&str>) -> String {
    match port {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}
