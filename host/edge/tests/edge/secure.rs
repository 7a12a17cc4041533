//! TLS: versions, protocols, names, and certificates that change.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tollgate_edge::{ServerTlsFiles, Tls};

use super::support::{Edge, http2_client, read, read_to_end};

/// A certificate in files.
struct Issued {
    certificate: PathBuf,
    key: PathBuf,
    der: CertificateDer<'static>,
}

fn issue(folder: &TempDir, file: &str) -> Issued {
    let issued = rcgen::generate_simple_self_signed(vec!["gate.example".to_owned()]).unwrap();
    let certificate = folder.path().join(format!("{file}.pem"));
    let key = folder.path().join(format!("{file}.key"));
    std::fs::write(&certificate, issued.cert.pem()).unwrap();
    std::fs::write(&key, issued.signing_key.serialize_pem()).unwrap();
    Issued { certificate, key, der: issued.cert.der().clone() }
}

fn client(trusted: &Issued, alpn: &[&[u8]]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.der.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    config
}

async fn dial(edge: &Edge, config: ClientConfig) -> std::io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from("gate.example").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, edge.connect().await).await
}

fn files(certificate: &Path, key: &Path) -> ServerTlsFiles {
    ServerTlsFiles { certificate: certificate.into(), key: key.into(), clients: None }
}

fn secured(folder: &TempDir) -> (Edge, Arc<Tls>, Issued) {
    let issued = issue(folder, "first");
    let tls = Arc::new(Tls::open(&files(&issued.certificate, &issued.key)).unwrap());
    let edge = Edge::with(|settings| {
        settings.tls = Some(Arc::clone(&tls));
        settings.limits.handshake_timeout = Duration::from_millis(500);
    });
    (edge, tls, issued)
}

#[tokio::test]
async fn both_protocols_are_agreed_and_the_name_is_passed_on() {
    let folder = TempDir::new().unwrap();
    let (edge, _, issued) = secured(&folder);

    let stream = dial(&edge, client(&issued, &[b"h2", b"http/1.1"])).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut h2, _driving) = http2_client(stream).await;
    let request = Request::builder().uri("https://gate.example:443/echo");
    let response = h2.send_request(request.body(Full::<Bytes>::default()).unwrap()).await.unwrap();
    assert_eq!(response.headers()["strict-transport-security"], "max-age=31536000");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let told: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(told["authority"], "gate.example");
    assert_eq!(told["server_name"], "gate.example");
    assert_eq!(told["secure"], true);

    for alpn in [&[&b"http/1.1"[..]][..], &[]] {
        let mut stream = dial(&edge, client(&issued, alpn)).await.unwrap();
        stream.write_all(b"GET /echo HTTP/1.1\r\nHost: gate.example\r\n\r\n").await.unwrap();
        assert_eq!(read(&mut stream).await.json()["secure"], true);
    }
    assert!(dial(&edge, client(&issued, &[b"h3"])).await.is_err(), "no protocol in common");
}

#[tokio::test]
async fn versions_before_1_2_and_plaintext_are_refused() {
    let folder = TempDir::new().unwrap();
    let (edge, ..) = secured(&folder);
    let mut stream = edge.connect().await;
    // A TLS 1.0 ClientHello with one cipher suite and no extensions.
    let mut hello = vec![22, 3, 1, 0, 45, 1, 0, 0, 41, 3, 1];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0, 0x2f, 1, 0]);
    stream.write_all(&hello).await.unwrap();
    let answer = read_to_end(&mut stream).await;
    assert_eq!(answer.first(), Some(&21), "an alert: {answer:?}");

    let mut stream = edge.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert!(!read_to_end(&mut stream).await.starts_with(b"HTTP/"));
}

#[tokio::test]
async fn a_handshake_that_does_not_come_is_given_up() {
    let folder = TempDir::new().unwrap();
    let (edge, ..) = secured(&folder);
    let mut silent = edge.connect().await;
    assert!(read_to_end(&mut silent).await.is_empty());
}

#[tokio::test]
async fn a_new_certificate_serves_new_connections_and_a_bad_one_changes_nothing() {
    let folder = TempDir::new().unwrap();
    let (edge, tls, first) = secured(&folder);
    let second = issue(&folder, "second");
    let replace = |certificate: &Path, key: &Path| tls.replace(&files(certificate, key));
    assert!(replace(&second.certificate, &first.key).is_err(), "they do not fit");
    assert!(replace(&second.key, &second.key).is_err(), "no certificate in the file");
    dial(&edge, client(&first, &[])).await.unwrap();

    replace(&second.certificate, &second.key).unwrap();
    dial(&edge, client(&second, &[])).await.unwrap();
    assert!(dial(&edge, client(&first, &[])).await.is_err());
}
