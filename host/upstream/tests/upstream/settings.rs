//! Settings that could never work are refused before anything is connected.

use tollgate_upstream::{Error, TlsSettings, Upstream, UpstreamSettings, WireProtocol};

use crate::server::settings;

fn refused(change: impl FnOnce(&mut UpstreamSettings)) -> Error {
    let mut settings = settings(WireProtocol::Grpc, &["https://service:443".into()]);
    settings.tls = Some(TlsSettings::default());
    change(&mut settings);
    Upstream::new(settings).unwrap_err()
}

#[test]
fn an_upstream_needs_an_endpoint_and_a_connection() {
    assert!(matches!(refused(|settings| settings.endpoints.clear()), Error::NoEndpoints));
    assert!(matches!(refused(|settings| settings.connections_max = 0), Error::NoConnections));
}

#[test]
fn an_endpoint_is_scheme_host_and_port_alone() {
    for endpoint in
        ["/path", "service:80", "ftp://service", "http://a/b", "http://u@a", "http://a/?q"]
    {
        let error = refused(|settings| settings.endpoints = vec![endpoint.parse().unwrap()]);
        assert!(matches!(error, Error::Endpoint { .. }), "{endpoint}: {error}");
    }
}

#[test]
fn endpoints_have_one_scheme() {
    let error = refused(|settings| settings.endpoints.push("http://other:80".parse().unwrap()));
    assert!(matches!(error, Error::MixedSchemes));
}

#[test]
fn an_empty_bundle_and_a_name_that_is_none_are_refused() {
    let tls = |tls: TlsSettings| refused(|settings| settings.tls = Some(tls));
    let empty = TlsSettings { ca_bundle_pem: Some(Vec::new()), ..TlsSettings::default() };
    assert!(matches!(tls(empty), Error::EmptyBundle));
    let nobody = TlsSettings { native_roots: false, ..TlsSettings::default() };
    assert!(matches!(tls(nobody), Error::NoAnchors));
}

#[test]
fn equal_settings_are_equal_so_that_a_reload_keeps_connections() {
    let a = settings(WireProtocol::Http, &["http://a:80".into()]);
    assert_eq!(Upstream::new(a.clone()).unwrap().settings(), &a);
    let mut b = a.clone();
    b.connections_max += 1;
    assert_ne!(a, b);
}
