use std::net::IpAddr;

use http::header::{HeaderName, HeaderValue};
use http::{Request, Version};
use proptest::prelude::*;

use super::*;

fn parts(method: &str, target: &str, version: Version, fields: &[(&str, &str)]) -> Parts {
    let mut request =
        Request::builder().method(method).uri(target).version(version).body(()).unwrap();
    for (name, value) in fields {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        request.headers_mut().append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    request.into_parts().0
}

fn checked(mut parts: Parts, peer: &str, trusted: &[&str]) -> Result<Checked, Error> {
    let trusted = TrustedProxies::new(trusted.iter().map(|range| range.parse().unwrap()));
    let origin = Origin {
        peer: peer.parse().unwrap(),
        trusted: &trusted,
        secure: false,
        server_name: None,
        client_certificate: None,
    };
    let request_id = RequestId::take(&mut parts.headers).unwrap();
    check(&mut parts, origin, &Limits::default(), &request_id)
}

fn head(parts: Parts) -> Head {
    match checked(parts, "192.0.2.1", &[]).unwrap() {
        Checked::Request(head) => head,
        Checked::ServerOptions => panic!("an exchange was expected"),
    }
}

fn refusal(method: &str, target: &str, version: Version, fields: &[(&str, &str)]) -> Error {
    checked(parts(method, target, version, fields), "192.0.2.1", &[]).expect_err(target)
}

const H1: Version = Version::HTTP_11;
const H2: Version = Version::HTTP_2;

#[test]
fn an_authority_that_is_missing_doubled_or_odd_is_malformed() {
    type Fields = &'static [(&'static str, &'static str)];
    let cases: [(&str, Version, Fields); 14] = [
        ("/", H1, &[]),
        ("/", H1, &[("host", "a"), ("host", "a")]),
        ("/", H1, &[("host", "")]),
        ("/", H1, &[("host", "good@evil")]),
        ("/", H1, &[("host", "a/b")]),
        ("/", H1, &[("host", "a:0x50")]),
        ("/", H1, &[("host", "a:99999")]),
        ("/", H1, &[("host", "a..b")]),
        ("/", H1, &[("host", "127.1")]),
        ("/", H1, &[("host", "[::1")]),
        ("http://evil/x", H1, &[]),
        ("http://a/", H2, &[("host", "evil")]),
        ("http://a/", H2, &[("host", "a"), ("host", "a")]),
        ("http://u@a/", H2, &[]),
    ];

    for (target, version, fields) in cases {
        let error = refusal("GET", target, version, fields);
        assert!(matches!(error, Error::MalformedRequest { .. }), "{target} {fields:?}: {error:?}");
    }

    let bare = refusal("GET", "/", H2, &[]);
    assert!(matches!(bare, Error::MalformedRequest { .. }), "{bare:?}");
}

#[test]
fn an_authority_gets_its_canonical_form() {
    for (given, canonical) in [
        ("Example.COM", "example.com"),
        ("example.com.", "example.com"),
        ("example.com:80", "example.com"),
        ("example.com:", "example.com"),
        ("example.com:8080", "example.com:8080"),
        ("EXAMPLE.com.:8080", "example.com:8080"),
        ("127.0.0.1:80", "127.0.0.1"),
        ("[::1]:8080", "[::1]:8080"),
        ("[0:0::1]", "[::1]"),
    ] {
        assert_eq!(head(parts("GET", "/", H1, &[("host", given)])).authority.as_str(), canonical);
    }
    assert_eq!(canonical_authority("a:443", true).unwrap(), "a");
    assert_eq!(canonical_authority("a:443", false).unwrap(), "a:443");
}

#[test]
fn the_authority_of_the_target_wins_and_http2_may_send_both_alike() {
    let absolute = head(parts("GET", "http://Target/x", H1, &[("host", "a")]));
    assert_eq!((absolute.authority.as_str(), &*absolute.path), ("target", "/x"));
    let both = head(parts("GET", "http://a/", H2, &[("host", "A:80")]));
    assert_eq!(both.authority.as_str(), "a");
    let host = head(parts("GET", "/", H2, &[("host", "a")]));
    assert_eq!(host.authority.as_str(), "a");
    let ftp = refusal("GET", "ftp://a/", H1, &[("host", "a")]);
    assert!(matches!(ftp, Error::MalformedRequest { .. }));
}

#[test]
fn methods_are_known_case_sensitive_and_never_tunnel() {
    for method in ["TRACE", "CONNECT"] {
        let error = refusal(method, "http://a/", H1, &[("host", "a")]);
        assert!(matches!(error, Error::MethodNotAllowed { .. }), "{method}");
    }
    for method in ["get", "BREW", "PRI"] {
        assert_eq!(refusal(method, "/", H1, &[("host", "a")]), Error::MethodUnknown, "{method}");
    }
    let star = refusal("GET", "*", H1, &[("host", "a")]);
    assert!(matches!(star, Error::MalformedRequest { .. }));
    let options = checked(parts("OPTIONS", "*", H1, &[("host", "a")]), "192.0.2.1", &[]);
    assert!(matches!(options, Ok(Checked::ServerOptions)));
}

#[test]
fn transfer_codings_other_than_one_chunked_are_refused() {
    let refused = |fields: &[(&str, &str)]| {
        let fields: Vec<_> = [("host", "a")].iter().chain(fields).copied().collect();
        refusal("POST", "/", H1, &fields)
    };
    const TE: &str = "transfer-encoding";
    assert_eq!(refused(&[(TE, "gzip, chunked")]), Error::CodingUnknown);
    assert_eq!(refused(&[(TE, "identity"), (TE, "chunked")]), Error::CodingUnknown);
    for lines in [&[(TE, "chunked, chunked")][..], &[(TE, ",chunked")], &[(TE, "chunked"); 2]] {
        assert!(matches!(refused(lines), Error::MalformedRequest { .. }), "{lines:?}");
    }
    let chunked = head(parts("POST", "/", H1, &[("host", "a"), (TE, "chunked")]));
    assert!(!chunked.headers.contains_key(TE));
}

#[test]
fn lengths_expectations_sizes_and_names_are_bounded() {
    let with = |name: &str, value: &str| refusal("POST", "/", H1, &[("host", "a"), (name, value)]);
    for length in ["001", "+1", "", "1, 1"] {
        assert!(matches!(with("content-length", length), Error::MalformedRequest { .. }));
    }
    assert_eq!(with("expect", "200-maybe"), Error::ExpectationFailed);
    assert!(matches!(with("x_tenant", "t"), Error::MalformedRequest { .. }));
    let long = format!("/{}", "a".repeat(8 * 1024));
    assert_eq!(refusal("GET", &long, H1, &[("host", "a")]), Error::TargetTooLong);
    let names: Vec<String> = (0..64).map(|number| format!("x-{number}")).collect();
    let mut many: Vec<_> = names.iter().map(|name| (name.as_str(), "")).collect();
    many.push(("host", "a"));
    assert_eq!(refusal("GET", "/", H2, &many), Error::HeadTooLarge);
    many.remove(0);
    assert_eq!(head(parts("GET", "/", H2, &many)).headers.len(), 64);
}

#[test]
fn connection_may_not_nominate_what_the_gateway_acts_upon() {
    for name in [
        "Authorization",
        "idempotency-key",
        "Host",
        "content-length",
        "x-forwarded-for",
        "x-tenant-id",
        "x-api-key",
        "Transfer-Encoding",
        "cookie",
        "origin",
        "grpc-timeout",
    ] {
        let error = refusal("GET", "/", H1, &[("host", "a"), ("connection", name)]);
        assert!(matches!(error, Error::MalformedRequest { .. }), "{name}");
    }
}

#[test]
fn what_ends_at_this_hop_does_not_go_further() {
    let head = head(parts(
        "GET",
        "/",
        H1,
        &[
            ("host", "a"),
            ("connection", "close, x-hop"),
            ("x-hop", "1"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("upgrade", "h2c"),
            ("te", "gzip"),
            ("expect", "100-continue"),
            ("x-tollgate-principal-bin", "forged"),
            ("x-tenant-id", "forged"),
            ("x-operation-key", "forged"),
            ("x-real-ip", "10.0.0.1"),
            ("forwarded", "for=10.0.0.1"),
            ("accept", "*/*"),
        ],
    ));

    let mut left: Vec<_> = head.headers.keys().map(HeaderName::as_str).collect();
    left.sort_unstable();
    assert_eq!(left, ["accept", "via"]);
}

#[test]
fn what_a_proxy_would_assert_is_dropped_whatever_letter_it_begins_with() {
    for name in [
        "base-url",
        "client-ip",
        "fastly-client-ip",
        "idempotent-replayed",
        "proxy",
        "remote-user",
        "ssl-client-cert",
        "true-client-ip",
        "x-remote-user",
    ] {
        let head = head(parts("GET", "/", H1, &[("host", "a"), (name, "asserted")]));
        assert!(!head.headers.contains_key(name), "{name}");
    }
}

#[test]
fn te_trailers_and_trimmed_values_go_on() {
    let head =
        head(parts("POST", "http://a/", H2, &[("te", "trailers"), ("x-v", " v\t"), ("x-e", " ")]));
    assert_eq!(head.headers["te"], "trailers");
    assert_eq!(head.headers["x-v"], "v");
    assert_eq!(head.headers["x-e"], "");
}

#[test]
fn the_client_is_the_first_untrusted_address_from_the_right() {
    let client = |peer: &str, fields: &[(&str, &str)]| -> (IpAddr, bool) {
        let fields: Vec<_> = [("host", "a")].iter().chain(fields).copied().collect();
        match checked(parts("GET", "/", H1, &fields), peer, &["10.0.0.0/8", "::1/128"]).unwrap() {
            Checked::Request(head) => {
                assert!(!head.headers.contains_key("x-forwarded-for"));
                (head.client, head.secure)
            }
            Checked::ServerOptions => panic!("an exchange was expected"),
        }
    };

    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    const XFF: &str = "x-forwarded-for";

    for (peer, lines, expected) in [
        ("192.0.2.1", &[(XFF, "198.51.100.7")][..], "192.0.2.1"),
        ("10.0.0.1", &[], "10.0.0.1"),
        ("10.0.0.1", &[(XFF, "198.51.100.7")], "198.51.100.7"),
        ("10.0.0.1", &[(XFF, "1.1.1.1, 198.51.100.7, 10.0.0.2")], "198.51.100.7"),
        ("10.0.0.1", &[(XFF, "1.1.1.1"), (XFF, "10.0.0.2")], "1.1.1.1"),
        ("10.0.0.1", &[(XFF, "1.1.1.1, junk, 10.0.0.2")], "10.0.0.2"),
        ("10.0.0.1", &[(XFF, "10.0.0.9")], "10.0.0.9"),
        ("10.0.0.1", &[(XFF, "198.51.100.7:4711")], "198.51.100.7"),
        ("::1", &[(XFF, "[2001:db8::1]:443")], "2001:db8::1"),
        ("::ffff:10.0.0.1", &[(XFF, "::ffff:198.51.100.7")], "198.51.100.7"),
    ] {
        assert_eq!(client(peer, lines).0, address(expected), "{peer} {lines:?}");
    }

    assert!(client("10.0.0.1", &[("x-forwarded-proto", "https")]).1, "TLS ended at the proxy");
    assert!(!client("192.0.2.1", &[("x-forwarded-proto", "https")]).1, "nobody may claim TLS");
}

#[test]
fn a_sound_request_identifier_is_kept_and_any_other_replaced() {
    let id = |values: &[&str]| {
        let mut headers = http::HeaderMap::new();
        for value in values {
            headers.append("x-request-id", HeaderValue::from_str(value).unwrap());
        }
        let id = RequestId::take(&mut headers).unwrap();
        assert!(headers.is_empty());
        id.as_str().to_owned()
    };
    assert_eq!(id(&["abc-DEF_1"]), "abc-DEF_1");
    for values in
        [&[][..], &["short"], &["with space"], &["abcdefgh", "abcdefgh"], &[&"a".repeat(65)]]
    {
        let drawn = id(values);
        assert!(drawn.len() == 32 && drawn.bytes().all(|b| b.is_ascii_hexdigit()), "{drawn}");
    }
    let many: std::collections::HashSet<_> = (0..1000).map(|_| id(&[])).collect();
    assert_eq!(many.len(), 1000);
}

proptest! {
    #[test]
    fn a_canonical_authority_stays_as_it_is(text in "\\PC{0,40}") {
        if let Ok(once) = canonical_authority(&text, true) {
            prop_assert_eq!(canonical_authority(&once, true).unwrap(), once.clone());
        }
    }
}

#[test]
fn the_cookies_of_http_2_are_joined_in_their_order() {
    let cookies = [("cookie", "a=1"), ("x", "y"), ("cookie", "b=2")];
    let head = head(parts("GET", "http://a/", H2, &cookies));
    let joined: Vec<_> = head.headers.get_all("cookie").iter().collect();
    assert_eq!(joined, ["a=1; b=2"]);
}
