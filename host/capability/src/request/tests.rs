use super::*;
use http::Method;
use tollgate_chain::{Authority, ClientCertificate};

pub(crate) fn head_with(headers: &[(&str, &str)]) -> Head {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::try_from(*name).expect("a header name");
        map.append(name, HeaderValue::try_from(*value).expect("a header value"));
    }
    Head {
        method: Method::POST,
        authority: Authority::from_canonical("api.example.com"),
        path: "/v1/deposits".into(),
        query: None,
        headers: map,
        server_name: Some("api.example.com".into()),
        client_certificate: None,
        secure: true,
        client: [192, 0, 2, 7].into(),
        request_id: "req-00000001".into(),
        websocket: false,
        source: 0,
    }
}

fn hidden() -> HiddenFields {
    HiddenFields::new([HeaderName::from_static("x-internal")].into())
}

#[test]
fn hidden_fields_are_counted_but_never_read() {
    for name in ["authorization", "x-api-key", "cookie", "proxy-authorization", "x-internal"] {
        let head = head_with(&[(name, "secret")]);
        assert_eq!(presence(&head.headers, name), Presence::Once, "{name}");
        let upper = name.to_uppercase();
        for spelling in [name, upper.as_str()] {
            assert_eq!(header(&head, &hidden(), spelling), Answer::Text(None), "{spelling}");
            let is = header_is(&head, &hidden(), spelling, "secret");
            assert_eq!(is, Answer::Bool(false), "{spelling}");
        }
    }
}

#[test]
fn a_value_is_read_only_when_it_is_the_only_one_and_ascii() {
    let head = head_with(&[("a", "x"), ("b", "x"), ("b", "x"), ("c", "naïve")]);
    assert_eq!(header(&head, &hidden(), "A"), Answer::Text(Some("x".into())));
    assert_eq!(header(&head, &hidden(), "b"), Answer::Text(None));
    assert_eq!(header_is(&head, &hidden(), "b", "x"), Answer::Bool(false));
    assert_eq!(header(&head, &hidden(), "c"), Answer::Text(None));
    assert_eq!(header(&head, &hidden(), "not a name"), Answer::Text(None));
    assert_eq!(header_is(&head, &hidden(), "a", "X"), Answer::Bool(false));
    assert_eq!(presence(&head.headers, "b"), Presence::Repeated);
    assert_eq!(presence(&head.headers, "d"), Presence::Absent);
}

#[test]
fn the_authority_is_compared_whole() {
    let hosts: Vec<Text> =
        ["example.com", "api.example.com:8443", "api.example.com"].map(Into::into).to_vec();
    assert_eq!(authority_in(&head_with(&[]), &hosts), Answer::Index(Some(2)));
    assert_eq!(
        authority_in(&head_with(&[]), &["evil-api.example.com".into()]),
        Answer::Index(None)
    );
}

#[test]
fn the_server_name_is_compared_without_a_port() {
    let hosts = ["other.example.com".into(), "api.example.com:8443".into()];
    let mut head = head_with(&[]);
    assert_eq!(server_name_in(&head, &hosts), Answer::ServerName(ServerName::Served));
    head.server_name = Some("evil.example.com".into());
    assert_eq!(server_name_in(&head, &hosts), Answer::ServerName(ServerName::Other));
    head.server_name = None;
    assert_eq!(server_name_in(&head, &hosts), Answer::ServerName(ServerName::Absent));
}

#[test]
fn a_certificate_is_shown_whole_and_found_by_the_first_name_that_is_its_own() {
    let identity = Arc::new(CertificateIdentity {
        dns_names: ["a.example".into()].into(),
        uris: ["spiffe://example.org/a".into()].into(),
        common_name: None,
        fingerprint: "00".repeat(32).into(),
    });
    let certificate = ClientCertificate { identity: Arc::clone(&identity), der: [0].into() };
    let names = |names: &[&str]| names.iter().map(|name| (*name).into()).collect();
    let is_among = |listed: &[&str]| RequestRead::ClientCertificateIn(names(listed));
    let listed = ["dns:b.example", "uri:spiffe://example.org/a", "dns:a.example"];
    let mut head = head_with(&[]);

    assert_eq!(
        ask(&RequestRead::ClientCertificate, &head, &hidden()),
        Answer::ClientCertificate(None)
    );
    assert_eq!(ask(&is_among(&listed), &head, &hidden()), Answer::Index(None));

    head.client_certificate = Some(Arc::new(certificate));
    assert_eq!(
        ask(&RequestRead::ClientCertificate, &head, &hidden()),
        Answer::ClientCertificate(Some(identity))
    );
    assert_eq!(ask(&is_among(&listed), &head, &hidden()), Answer::Index(Some(1)));
    assert_eq!(ask(&is_among(&["dns:b.example"]), &head, &hidden()), Answer::Index(None));
}

#[test]
fn the_scheme_is_the_one_that_the_caller_used() {
    for secure in [true, false] {
        let head = Head { secure, ..head_with(&[]) };
        let is = |scheme: &str| ask(&RequestRead::SchemeIs(scheme.into()), &head, &hidden());
        assert_eq!(is("https"), Answer::Bool(secure));
        assert_eq!(is("http"), Answer::Bool(!secure));
    }
}
