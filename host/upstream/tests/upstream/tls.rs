//! Whom a connection trusts, with real certificates.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, PublicKeyData,
};
use rustls::server::danger::ClientCertVerifier;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;
use tollgate_chain::Error;
use tollgate_upstream::{
    ClientPem, Safety, SendBounds, TlsSettings, Upstream, UpstreamSettings, WireProtocol,
};

use crate::SendBytes as _;
use crate::server::{Server, get, read, serve, settings, soon, text};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "Private CA");
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate and its key.
struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    spki_sha256: [u8; 32],
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

fn issue(authority: &Authority, params: CertificateParams) -> Identity {
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    let digest = ring::digest::digest(&ring::digest::SHA256, &key.subject_public_key_info());
    Identity {
        chain: vec![certificate.der().clone()],
        key: PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        spki_sha256: digest.as_ref().try_into().unwrap(),
    }
}

async fn serve_tls(identity: Identity, alpn: &[&str]) -> Server {
    let nobody = rustls::server::WebPkiClientVerifier::no_client_auth();
    serve_tls_to(nobody, identity, alpn).await
}

/// Serves those whose certificates this verifier accepts.
async fn serve_tls_to(
    clients: Arc<dyn ClientCertVerifier>,
    identity: Identity,
    alpn: &[&str],
) -> Server {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients)
        .with_single_cert(identity.chain, identity.key)
        .unwrap();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();

    let acceptor = TlsAcceptor::from(Arc::new(config));
    Server::script(move |seen, stream, _| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                serve(stream, seen, Arc::new(|_| async { text("hello") })).await;
            }
        }
    })
    .await
}

fn trusting(authority: &Authority) -> TlsSettings {
    TlsSettings {
        ca_bundle_pem: Some(authority.pem().into_bytes()),
        native_roots: false,
        ..TlsSettings::default()
    }
}

fn towards(server: &Server, protocol: WireProtocol, tls: TlsSettings) -> UpstreamSettings {
    let endpoint = format!("https://localhost:{}", server.address.port());
    UpstreamSettings { tls: Some(tls), ..settings(protocol, &[endpoint]) }
}

async fn ask(settings: UpstreamSettings) -> Result<String, Error> {
    let upstream = Upstream::new(settings).unwrap();
    match upstream.send_bytes(get("/"), SendBounds::new(soon(), Safety::Once)).await {
        Ok(answer) => Ok(read(answer).await),
        Err(error) => Err(error),
    }
}

/// The reason for which no connection was made.
async fn refused(settings: UpstreamSettings) -> String {
    match ask(settings).await {
        Err(Error::UpstreamInvalid { internal }) => internal,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_certificate_of_the_pinned_authority_is_trusted() {
    let ca = authority();
    for (protocol, alpn) in [(WireProtocol::Grpc, "h2"), (WireProtocol::Http, "http/1.1")] {
        let server = serve_tls(issue(&ca, params("localhost")), &[alpn]).await;
        assert_eq!(ask(towards(&server, protocol, trusting(&ca))).await.unwrap(), "hello");
    }
}

#[tokio::test]
async fn http_needs_no_alpn() {
    let ca = authority();
    let server = serve_tls(issue(&ca, params("localhost")), &[]).await;
    assert_eq!(ask(towards(&server, WireProtocol::Http, trusting(&ca))).await.unwrap(), "hello");
}

#[tokio::test]
async fn a_bundle_does_not_keep_the_native_roots_out_and_the_reverse() {
    let ca = authority();
    let server = serve_tls(issue(&ca, params("localhost")), &["h2"]).await;
    let tls = TlsSettings { native_roots: true, ..trusting(&ca) };
    assert_eq!(ask(towards(&server, WireProtocol::Grpc, tls)).await.unwrap(), "hello");
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_refused() {
    let server = serve_tls(issue(&authority(), params("localhost")), &["h2"]).await;
    let reason = refused(towards(&server, WireProtocol::Grpc, trusting(&authority()))).await;
    assert!(reason.contains("UnknownIssuer") || reason.contains("BadSignature"), "{reason}");
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let ca = authority();
    let mut params = params("localhost");
    params.not_before = time::OffsetDateTime::now_utc() - time::Duration::days(2);
    params.not_after = time::OffsetDateTime::now_utc() - time::Duration::days(1);
    let server = serve_tls(issue(&ca, params), &["h2"]).await;
    let reason = refused(towards(&server, WireProtocol::Grpc, trusting(&ca))).await;
    assert!(reason.contains("expired"), "{reason}");
}

#[tokio::test]
async fn a_certificate_of_another_name_is_refused_unless_that_name_is_asked_for() {
    let ca = authority();
    let server = serve_tls(issue(&ca, params("other.example")), &["h2"]).await;
    let reason = refused(towards(&server, WireProtocol::Grpc, trusting(&ca))).await;
    assert!(reason.contains("not valid for"), "{reason}");
    let tls =
        TlsSettings { server_name: Some("other.example".try_into().unwrap()), ..trusting(&ca) };
    assert_eq!(ask(towards(&server, WireProtocol::Grpc, tls)).await.unwrap(), "hello");
}

#[tokio::test]
async fn a_name_that_only_stands_in_the_common_name_does_not_count() {
    let ca = authority();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, "localhost");
    let server = serve_tls(issue(&ca, params), &["h2"]).await;
    refused(towards(&server, WireProtocol::Grpc, trusting(&ca))).await;
}

#[tokio::test]
async fn a_certificate_that_is_for_clients_only_is_refused() {
    let ca = authority();
    let mut params = params("localhost");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let server = serve_tls(issue(&ca, params), &["h2"]).await;
    refused(towards(&server, WireProtocol::Grpc, trusting(&ca))).await;
}

#[tokio::test]
async fn grpc_needs_h2_by_alpn() {
    let ca = authority();
    let server = serve_tls(issue(&ca, params("localhost")), &[]).await;
    let reason = refused(towards(&server, WireProtocol::Grpc, trusting(&ca))).await;
    assert!(reason.ends_with("the server does not offer h2 by ALPN"), "{reason}");
    let server = serve_tls(issue(&ca, params("localhost")), &["http/1.1"]).await;
    refused(towards(&server, WireProtocol::Grpc, trusting(&ca))).await;
}

#[tokio::test]
async fn a_public_key_that_is_not_pinned_is_refused_though_its_chain_is_good() {
    let ca = authority();
    let identity = issue(&ca, params("localhost"));
    let pin = identity.spki_sha256;
    let server = serve_tls(identity, &["h2"]).await;
    let pinned = |pins| TlsSettings { spki_sha256: pins, ..trusting(&ca) };
    let reason = refused(towards(&server, WireProtocol::Grpc, pinned(vec![[7; 32]]))).await;
    assert!(reason.ends_with("the certificate's public key is not a pinned one"), "{reason}");
    assert_eq!(server.seen.requests(), 0);
    let right = towards(&server, WireProtocol::Grpc, pinned(vec![[7; 32], pin]));
    assert_eq!(ask(right).await.unwrap(), "hello");
}

#[tokio::test]
async fn a_pin_holds_on_a_resumed_session_too() {
    let ca = authority();
    let identity = issue(&ca, params("localhost"));
    let pin = identity.spki_sha256;
    let server = serve_tls(identity, &["http/1.1"]).await;
    let tls = TlsSettings { spki_sha256: vec![pin], ..trusting(&ca) };
    let upstream = Upstream::new(towards(&server, WireProtocol::Http, tls)).unwrap();
    let ask = || async {
        read(upstream.send_bytes(get("/"), SendBounds::new(soon(), Safety::Once)).await.unwrap())
            .await
    };
    // Two at once need two connections; the second handshake may resume the first one's session.
    assert_eq!(ask().await, "hello");
    let both = tokio::join!(ask(), ask());
    assert_eq!(both, ("hello".into(), "hello".into()));
    assert_eq!(server.seen.connections(), 2);
}

#[tokio::test]
async fn where_tls_is_asked_for_nothing_is_ever_said_in_clear() {
    let server = Server::start(|_| async { text("in clear") }).await;
    let settings = towards(&server, WireProtocol::Http, trusting(&authority()));
    let reason = refused(settings).await;
    assert!(reason.starts_with("TLS handshake with localhost"), "{reason}");
    assert_eq!(server.seen.requests(), 0);
}

/// A client certificate in PEM.
fn client_pem(authority: &Authority) -> ClientPem {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate().unwrap();
    let chain = params.signed_by(&key, authority).unwrap().pem().into_bytes();
    ClientPem { chain, key: key.serialize_pem().into_bytes().into() }
}

#[tokio::test]
async fn an_upstream_that_asks_for_a_certificate_is_shown_the_configured_one() {
    let (ca, clients) = (authority(), authority());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(clients.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        rustls::server::WebPkiClientVerifier::builder_with_provider(roots.into(), provider)
            .build()
            .unwrap();
    let server = serve_tls_to(verifier, issue(&ca, params("localhost")), &["h2"]).await;
    let showing = |client| TlsSettings { client, ..trusting(&ca) };

    let shown = showing(Some(client_pem(&clients)));
    assert_eq!(ask(towards(&server, WireProtocol::Grpc, shown)).await.unwrap(), "hello");
    for client in [None, Some(client_pem(&authority()))] {
        let settings = towards(&server, WireProtocol::Grpc, showing(client));
        ask(settings).await.expect_err("the upstream does not know this certificate");
    }
    assert_eq!(server.seen.requests(), 1);
}

#[test]
fn a_client_certificate_with_the_key_of_another_is_refused() {
    let ca = authority();
    let (one, other) = (client_pem(&ca), client_pem(&ca));
    let mixed = ClientPem { key: other.key, ..one.clone() };
    let damaged = ClientPem { chain: b"-----BEGIN CERTIFICATE-----\n!".to_vec(), ..one };
    for client in [mixed, damaged] {
        let tls = TlsSettings { client: Some(client), ..trusting(&ca) };
        let endpoint = ["https://localhost:1".to_owned()];
        let made = Upstream::new(UpstreamSettings {
            tls: Some(tls),
            ..settings(WireProtocol::Grpc, &endpoint)
        });
        assert!(made.unwrap_err().is_of_client());
    }
}
