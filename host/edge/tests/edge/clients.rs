//! Certificates of callers: who is let in, who is refused, and what a request says about them.

use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams,
    SanType, SerialNumber,
};
use rustls::client::Resumption;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, HandshakeKind, RootCertStore};
use serde_json::{Value, json};
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};
use tokio::io::AsyncWriteExt;
use tokio_rustls::TlsConnector;
use tollgate_edge::{
    CertificateFault, ClientTrustFiles, Error, RevocationListFault, ServerTlsFiles, Tls,
};

use super::support::{Edge, read};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn in_days(days: i64) -> OffsetDateTime {
    OffsetDateTime::now_utc() + Duration::days(days)
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn authority(name: &str) -> Authority {
    CertifiedIssuer::self_signed(authority_params(name), KeyPair::generate().unwrap()).unwrap()
}

/// A certificate for clients, with a serial number.
fn client_params(serial: u64) -> CertificateParams {
    let mut params = CertificateParams::new(vec!["Caller.Example".to_owned()]).unwrap();
    let uri = "spiffe://example.org/payments".try_into().unwrap();
    params.subject_alt_names.push(SanType::URI(uri));
    params.distinguished_name.push(DnType::CommonName, "payments");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.serial_number = Some(SerialNumber::from(serial));
    params
}

/// A certificate and its key, as a client holds them.
struct Identity {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

fn issue(authority: &Authority, params: CertificateParams) -> Identity {
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, authority).unwrap().der().clone();
    Identity { certificate, key: PrivatePkcs8KeyDer::from(key.serialize_der()).into() }
}

/// A list of revoked serial numbers that is followed by the next one in so many days.
fn revocation_list(authority: &Authority, revoked: &[u64], days: i64) -> String {
    let now = OffsetDateTime::now_utc();
    let revoked = revoked.iter().map(|serial| RevokedCertParams {
        serial_number: SerialNumber::from(*serial),
        revocation_time: now - Duration::days(3),
        reason_code: None,
        invalidity_date: None,
    });
    let params = CertificateRevocationListParams {
        this_update: now - Duration::days(9),
        next_update: in_days(days),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: revoked.collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    params.signed_by(authority).unwrap().pem().unwrap()
}

/// A listener's files in a folder that ends with the test.
struct Files {
    folder: TempDir,
    server: CertificateDer<'static>,
}

impl Files {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let issued = rcgen::generate_simple_self_signed(vec!["gate.example".to_owned()]).unwrap();
        let files = Self { folder, server: issued.cert.der().clone() };
        files.write("server.pem", &issued.cert.pem());
        files.write("server.key", &issued.signing_key.serialize_pem());
        files
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The files, with these authorities and lists for callers.
    fn for_clients(&self, authorities: &str, lists: &[&str], required: bool) -> ServerTlsFiles {
        let named = lists.iter().enumerate().map(|(index, list)| (format!("{index}.crl"), list));
        ServerTlsFiles {
            certificate: self.folder.path().join("server.pem"),
            key: self.folder.path().join("server.key"),
            clients: Some(ClientTrustFiles {
                authorities: self.write("clients.pem", authorities),
                revocation_lists: named.map(|(name, list)| self.write(&name, list)).collect(),
                required,
            }),
        }
    }

    fn client(&self, identity: Option<&Identity>) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.server.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let Some(Identity { certificate, key }) = identity else {
            return builder.with_no_client_auth();
        };
        builder.with_client_auth_cert(vec![certificate.clone()], key.clone_key()).unwrap()
    }

    /// Returns what a request of this client shows to the handler; none where the client is refused.
    async fn ask(&self, edge: &Edge, identity: Option<&Identity>) -> Option<Value> {
        self.exchange(edge, Arc::new(self.client(identity))).await.map(|(answer, _)| answer)
    }

    async fn exchange(
        &self,
        edge: &Edge,
        config: Arc<ClientConfig>,
    ) -> Option<(Value, Option<HandshakeKind>)> {
        let name = ServerName::try_from("gate.example").unwrap();
        let connector = TlsConnector::from(config);
        let mut stream = connector.connect(name, edge.connect().await).await.ok()?;
        // TLS 1.3 tells a client of its refusal only after the client's side of the handshake.
        let request = b"GET /echo HTTP/1.1\r\nHost: gate.example\r\n\r\n";
        stream.write_all(request).await.ok()?;
        let mut first = [0];
        tokio::io::AsyncReadExt::read_exact(&mut stream, &mut first).await.ok()?;
        let kind = stream.get_ref().1.handshake_kind();
        let mut whole = tokio::io::AsyncReadExt::chain(&first[..], stream);
        Some((read(&mut whole).await.json()["certificate"].take(), kind))
    }
}

fn serving(files: &ServerTlsFiles) -> (Edge, Arc<Tls>) {
    let tls = Arc::new(Tls::open(files).unwrap());
    let edge = Edge::with(|settings| settings.tls = Some(Arc::clone(&tls)));
    (edge, tls)
}

#[tokio::test]
async fn a_caller_is_known_by_the_names_of_its_certificate() {
    let (files, ca) = (Files::new(), authority("Clients"));
    let caller = issue(&ca, client_params(1));
    let (edge, _) = serving(&files.for_clients(&ca.pem(), &[], true));

    let digest = ring::digest::digest(&ring::digest::SHA256, &caller.certificate);
    let expected = json!({
        "dns-names": ["caller.example"],
        "uris": ["spiffe://example.org/payments"],
        "common-name": "payments",
        "fingerprint": data_encoding::HEXLOWER.encode(digest.as_ref()),
    });
    assert_eq!(files.ask(&edge, Some(&caller)).await, Some(expected));
    assert_eq!(files.ask(&edge, None).await, None, "a certificate is required");
}

#[tokio::test]
async fn where_a_certificate_is_optional_a_bad_one_is_refused_all_the_same() {
    let (files, ca) = (Files::new(), authority("Clients"));
    let stranger = issue(&authority("Others"), client_params(1));
    let (edge, _) = serving(&files.for_clients(&ca.pem(), &[], false));
    assert_eq!(files.ask(&edge, None).await, Some(Value::Null));
    assert_eq!(files.ask(&edge, Some(&stranger)).await, None);
}

#[tokio::test]
async fn a_certificate_that_is_unfit_for_a_client_is_refused() {
    let (files, ca) = (Files::new(), authority("Clients"));
    let (edge, _) = serving(&files.for_clients(&ca.pem(), &[], true));

    let mut expired = client_params(1);
    expired.not_before = in_days(-9);
    expired.not_after = in_days(-1);
    let mut early = client_params(2);
    early.not_before = in_days(1);
    let mut for_servers = client_params(3);
    for_servers.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let mut many = client_params(4);
    let name = |number| SanType::DnsName(format!("n{number}.example").try_into().unwrap());
    many.subject_alt_names.extend((0..64).map(name));
    let mut long = client_params(5);
    long.distinguished_name.push(DnType::CommonName, "x".repeat(513));

    for (what, params) in [
        ("expired", expired),
        ("not yet valid", early),
        ("for servers", for_servers),
        ("too many names", many),
        ("a name that is too long", long),
    ] {
        assert_eq!(files.ask(&edge, Some(&issue(&ca, params))).await, None, "{what}");
    }
    assert!(files.ask(&edge, Some(&issue(&ca, client_params(6)))).await.is_some());
}

#[tokio::test]
async fn a_revoked_certificate_is_refused_and_so_is_one_that_no_list_covers() {
    let (files, one, other) = (Files::new(), authority("One"), authority("Other"));
    let (good, revoked) = (issue(&one, client_params(1)), issue(&one, client_params(2)));
    let uncovered = issue(&other, client_params(1));
    let authorities = format!("{}{}", one.pem(), other.pem());
    let list = revocation_list(&one, &[2], 1);
    let (edge, _) = serving(&files.for_clients(&authorities, &[&list], true));

    assert!(files.ask(&edge, Some(&good)).await.is_some());
    assert_eq!(files.ask(&edge, Some(&revoked)).await, None);
    assert_eq!(files.ask(&edge, Some(&uncovered)).await, None, "its status is unknown");
}

#[tokio::test]
async fn an_expired_revocation_list_refuses_whom_it_is_about_until_it_is_replaced() {
    let (files, ca) = (Files::new(), authority("Clients"));
    let caller = issue(&ca, client_params(1));
    let expired = revocation_list(&ca, &[], -1);
    let (edge, tls) = serving(&files.for_clients(&ca.pem(), &[&expired], true));
    assert_eq!(files.ask(&edge, Some(&caller)).await, None);

    let fresh = revocation_list(&ca, &[], 1);
    tls.replace(&files.for_clients(&ca.pem(), &[&fresh], true)).unwrap();
    assert!(files.ask(&edge, Some(&caller)).await.is_some());
}

#[tokio::test]
async fn authorities_rotate_with_old_and_new_trusted_together() {
    let (files, old, new) = (Files::new(), authority("Old"), authority("New"));
    let (of_old, of_new) = (issue(&old, client_params(1)), issue(&new, client_params(1)));
    let (edge, tls) = serving(&files.for_clients(&old.pem(), &[], true));
    let both = async || {
        let is_served = async |identity| files.ask(&edge, Some(identity)).await.is_some();
        (is_served(&of_old).await, is_served(&of_new).await)
    };

    assert_eq!(both().await, (true, false));
    tls.replace(&files.for_clients(&format!("{}{}", old.pem(), new.pem()), &[], true)).unwrap();
    assert_eq!(both().await, (true, true));
    assert!(tls.replace(&files.for_clients("", &[], true)).is_err());
    assert_eq!(both().await, (true, true), "a broken file changes nothing");
    tls.replace(&files.for_clients(&new.pem(), &[], true)).unwrap();
    assert_eq!(both().await, (false, true));
}

#[tokio::test]
async fn no_session_is_resumed_past_the_verification_of_its_certificate() {
    let (files, ca) = (Files::new(), authority("Clients"));
    let caller = issue(&ca, client_params(1));
    let with_clients = files.for_clients(&ca.pem(), &[], true);
    let without = ServerTlsFiles { clients: None, ..with_clients.clone() };

    for (served, expected) in
        [(without, HandshakeKind::Resumed), (with_clients, HandshakeKind::Full)]
    {
        for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
            let (edge, _) = serving(&served);
            let mut config = files.client(Some(&caller));
            config.resumption = Resumption::in_memory_sessions(8);
            let limited = ClientConfig::builder_with_provider(config.crypto_provider().clone())
                .with_protocol_versions(&[version])
                .unwrap();
            let mut roots = RootCertStore::empty();
            roots.add(files.server.clone()).unwrap();
            let config = limited
                .with_root_certificates(roots)
                .with_client_auth_cert(vec![caller.certificate.clone()], caller.key.clone_key())
                .unwrap();
            let config = Arc::new(config);
            files.exchange(&edge, Arc::clone(&config)).await.unwrap();
            let (_, kind) = files.exchange(&edge, config).await.unwrap();
            assert_eq!(kind, Some(expected), "{version:?}");
        }
    }
}

#[test]
fn files_that_cannot_be_what_they_are_meant_for_are_refused_by_name() {
    let (files, ca) = (Files::new(), authority("Clients"));
    let open = |authorities: &str, lists: &[&str]| {
        Tls::open(&files.for_clients(authorities, lists, true)).unwrap_err()
    };

    let mut params = authority_params("Ended");
    params.not_before = in_days(-9);
    params.not_after = in_days(-1);
    let ended = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let leaf = client_params(1).signed_by(&KeyPair::generate().unwrap(), &ca).unwrap().pem();

    assert!(matches!(open("", &[]), Error::NoCertificate { .. }));
    assert!(matches!(open(&ca.pem()[..200], &[]), Error::Pem { .. }), "half a file");
    let second = |pem: &str| {
        let error = open(&format!("{}{pem}", ca.pem()), &[]);
        let Error::Authority { number, source, .. } = error else { panic!("{error:?}") };
        (number, source)
    };
    assert_eq!(second(&leaf), (2, CertificateFault::NotAnAuthority));
    assert!(matches!(second(&ended.pem()), (2, CertificateFault::Expired(_))));

    let list_fault = |lists: &[&str]| {
        let error = open(&ca.pem(), lists);
        let Error::RevocationList { source, .. } = error else { panic!("{error:?}") };
        source
    };
    let (own, strange) = (revocation_list(&ca, &[], 1), revocation_list(&ended, &[], 1));
    let imitated = revocation_list(&authority("Clients"), &[], 1);
    assert_eq!(list_fault(&[""]), RevocationListFault::None);
    assert_eq!(list_fault(&[&strange]), RevocationListFault::UnknownIssuer);
    assert_eq!(list_fault(&[&imitated]), RevocationListFault::BadSignature);
    assert_eq!(list_fault(&[&own, &own]), RevocationListFault::Repeated);
}
