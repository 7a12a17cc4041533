//! The fields by which an upstream learns of the caller: its address, scheme and authority.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{FORWARDED, HeaderMap, HeaderName, HeaderValue};
use tollgate_chain::{Error, Head};
use tollgate_config::ForwardedFields;

const CLIENT_CERT: HeaderName = HeaderName::from_static("client-cert");
const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Writes the fields that the upstream is set to get. Those of the caller were dropped on arrival,
/// and what trusted proxies said of it is in the head.
pub(super) fn write(
    head: &Head,
    fields: ForwardedFields,
    headers: &mut HeaderMap,
) -> Result<(), Error> {
    match fields {
        ForwardedFields::XForwarded => {
            headers.insert(FOR, field_value(&head.client.to_string())?);
            headers.insert(HOST, field_value(head.authority.as_str())?);
            headers.insert(PROTO, HeaderValue::from_static(head.scheme()));
        }
        ForwardedFields::Forwarded => {
            headers.insert(FORWARDED, field_value(&element(head))?);
        }
        ForwardedFields::None => {}
    }
    Ok(())
}

/// Writes the certificate of the connection's peer, as a byte sequence of a structured field (RFC
/// 9440 §2.2). A field of the caller's was dropped on arrival.
pub(super) fn show_certificate(head: &Head, headers: &mut HeaderMap) -> Result<(), Error> {
    if let Some(certificate) = &head.client_certificate {
        let bytes = STANDARD.encode(&certificate.der);
        headers.insert(CLIENT_CERT, field_value(&format!(":{bytes}:"))?);
    }
    Ok(())
}

/// One element of `Forwarded` (RFC 7239 §4). What has a colon is quoted, and an IPv6 address has
/// brackets (§6).
fn element(head: &Head) -> String {
    let client = match head.client {
        std::net::IpAddr::V4(address) => address.to_string(),
        std::net::IpAddr::V6(address) => format!("\"[{address}]\""),
    };
    let authority = head.authority.as_str();
    let (scheme, quote) = (head.scheme(), if authority.contains(':') { "\"" } else { "" });
    format!("for={client};host={quote}{authority}{quote};proto={scheme}")
}

/// Makes a field value of a text that was checked before.
pub(super) fn field_value(text: &str) -> Result<HeaderValue, Error> {
    HeaderValue::from_str(text)
        .map_err(|_| Error::Internal { internal: format!("{text:?} is no field value") })
}

#[cfg(test)]
mod tests {
    use http::Method;
    use tollgate_chain::Authority;

    use super::*;

    fn written(client: &str, authority: &str, fields: ForwardedFields) -> Vec<String> {
        let head = Head {
            method: Method::GET,
            authority: Authority::from_canonical(authority),
            path: "/".into(),
            query: None,
            headers: HeaderMap::new(),
            server_name: None,
            client_certificate: None,
            secure: true,
            client: client.parse().unwrap(),
            request_id: "request-1".into(),
            websocket: false,
            source: 0,
        };

        let mut headers = HeaderMap::new();
        write(&head, fields, &mut headers).unwrap();
        let line = |(name, value): (&HeaderName, &HeaderValue)| {
            format!("{name}: {}", value.to_str().unwrap())
        };
        let mut lines: Vec<String> = headers.iter().map(line).collect();
        lines.sort();
        lines
    }

    #[test]
    fn each_form_tells_the_same_and_an_upstream_may_be_told_nothing() {
        let x_forwarded = written("192.0.2.1", "a.example", ForwardedFields::XForwarded);
        assert_eq!(
            x_forwarded,
            [
                "x-forwarded-for: 192.0.2.1",
                "x-forwarded-host: a.example",
                "x-forwarded-proto: https"
            ]
        );
        let forwarded = written("192.0.2.1", "a.example", ForwardedFields::Forwarded);
        assert_eq!(forwarded, ["forwarded: for=192.0.2.1;host=a.example;proto=https"]);
        assert!(written("192.0.2.1", "a.example", ForwardedFields::None).is_empty());
    }

    #[test]
    fn addresses_and_authorities_with_colons_are_quoted() {
        let forwarded = written("2001:db8::1", "[::1]:8443", ForwardedFields::Forwarded);
        let expected = "forwarded: for=\"[2001:db8::1]\";host=\"[::1]:8443\";proto=https";
        assert_eq!(forwarded, [expected]);
    }
}
