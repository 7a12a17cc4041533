use std::net::SocketAddr;

use super::*;
use parking_lot::Mutex;
use prost::Message as _;
use ring::rand::SystemRandom;
use ring::signature::Ed25519KeyPair;
use tollgate_capability::Sha256Digest;
use tollgate_capability::testing::ManualClock;
use tollgate_proto::identity::identity_lookup_service_server::{
    IdentityLookupService, IdentityLookupServiceServer,
};
use tollgate_proto::identity::{CredentialNotFound, ResolveCredentialResponse};
use tollgate_proto::principal as wire;
use tollgate_terms::{Access, Environment};
use tonic::Response;
use tonic::transport::Server;

/// The digest, and in whose name.
type Asked = (Vec<u8>, wire::SignedPrincipal);

type Answer = Result<Option<Outcome>, Code>;

/// An identity service that answers what it is told, and keeps what it was asked.
#[derive(Clone)]
struct Stub {
    answer: Answer,
    asked: Arc<Mutex<Vec<Asked>>>,
}

#[tonic::async_trait]
impl IdentityLookupService for Stub {
    async fn resolve_credential(
        &self,
        request: Request<ResolveCredentialRequest>,
    ) -> Result<Response<ResolveCredentialResponse>, Status> {
        let value = request.metadata().get_bin(metadata::PRINCIPAL).expect("a statement");
        let bytes = value.to_bytes().expect("base64");
        let signed = wire::SignedPrincipal::decode(bytes).expect("a message");
        self.asked.lock().push((request.into_inner().key_sha256, signed));
        match self.answer.clone() {
            Ok(outcome) => Ok(Response::new(ResolveCredentialResponse { outcome })),
            Err(code) => Err(Status::new(code, "refused")),
        }
    }
}

async fn serve(stub: Stub) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    tokio::spawn(
        Server::builder()
            .add_service(IdentityLookupServiceServer::new(stub))
            .serve_with_incoming(incoming),
    );
    address
}

fn client(uri: String) -> IdentityCredentials {
    client_trusting(uri, None)
}

fn client_trusting(uri: String, ca_pem: Option<Vec<u8>>) -> IdentityCredentials {
    let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("randomness");
    let clock = Arc::new(ManualClock::new());
    let signer = PrincipalSigner::new(key.as_ref(), "gate-1", "tollgate", clock).expect("a key");
    let audience = Audience { service: "identity".into(), environment: Environment::Live };
    let (uri, server_name) = (uri.parse().expect("an address"), Some("identity".into()));
    let endpoint = IdentityEndpoint { uri, ca_pem, server_name, audience };
    IdentityCredentials::new(&endpoint, Arc::new(signer)).expect("an endpoint")
}

fn credential() -> Credential {
    Credential {
        tenant_id: "acme".into(),
        environment: wire::Environment::Sandbox.into(),
        key_id: "key-1".into(),
        scopes: vec!["deposits:read".into()],
        access: wire::Access::NoMoneyOut.into(),
        expires_at: None,
    }
}

/// Returns the service's answer; a busy machine may miss the deadline at first.
async fn patiently(store: &IdentityCredentials) -> Lookup {
    for _ in 0..100 {
        if let Ok(lookup) = store.look_up(KeyDigest(Sha256Digest([7; 32]))).get().await {
            return lookup;
        }
    }
    panic!("the service was never reached")
}

async fn answered(answer: Answer) -> Result<Lookup, Unreachable> {
    let address = serve(Stub { answer, asked: Arc::default() }).await;
    client(format!("http://{address}")).look_up(KeyDigest(Sha256Digest([7; 32]))).get().await
}

#[tokio::test]
async fn the_service_is_asked_by_digest_in_the_gateways_name() {
    let outcome = Outcome::Credential(credential());
    let stub = Stub { answer: Ok(Some(outcome)), asked: Arc::default() };
    let asked = Arc::clone(&stub.asked);
    let store = client(format!("http://{}", serve(stub).await));
    let Lookup::Found(found) = patiently(&store).await else { panic!("it is known") };
    assert_eq!((found.tenant.as_str(), found.key_id.as_str()), ("acme", "key-1"));
    assert_eq!((found.environment, found.access), (Environment::Sandbox, Access::NoMoneyOut));
    assert_eq!(found.scopes, ["deposits:read".to_owned()].into());
    let asked = asked.lock();
    let (digest, signed) = asked.first().expect("asked");
    assert_eq!(digest, &vec![7; 32]);
    let statement = wire::Principal::decode(signed.principal.as_slice()).expect("a message");
    assert_eq!(statement.role(), wire::Role::Gateway);
    assert_eq!(statement.audience_service, "identity");
}

#[tokio::test]
async fn only_the_services_own_word_makes_a_key_unknown() {
    let not_found = Outcome::NotFound(CredentialNotFound {});
    let stub = Stub { answer: Ok(Some(not_found)), asked: Arc::default() };
    let store = client(format!("http://{}", serve(stub).await));
    assert_eq!(patiently(&store).await, Lookup::NotFound);
    for code in [Code::NotFound, Code::Unauthenticated, Code::Unavailable, Code::Internal] {
        assert!(answered(Err(code)).await.is_err(), "{code:?}");
    }
    assert!(answered(Ok(None)).await.is_err());
}

#[tokio::test]
async fn a_credential_with_a_fact_missing_permits_nothing() {
    for wrong in [
        Credential { environment: 0, ..credential() },
        Credential { environment: 9, ..credential() },
        Credential { access: 0, ..credential() },
        Credential { tenant_id: String::new(), ..credential() },
        Credential { key_id: String::new(), ..credential() },
    ] {
        assert!(answered(Ok(Some(Outcome::Credential(wrong)))).await.is_err());
    }
}

#[tokio::test]
async fn a_service_that_is_not_there_is_unreachable_and_found_when_it_comes() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);

    let store = client(format!("http://{address}"));
    assert!(store.look_up(KeyDigest(Sha256Digest([7; 32]))).get().await.is_err());

    let listener = tokio::net::TcpListener::bind(address).await.expect("the port again");
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    let not_found = Outcome::NotFound(CredentialNotFound {});
    let stub = Stub { answer: Ok(Some(not_found)), asked: Arc::default() };
    tokio::spawn(
        Server::builder()
            .add_service(IdentityLookupServiceServer::new(stub))
            .serve_with_incoming(incoming),
    );

    let mut tries = 0;
    while store.look_up(KeyDigest(Sha256Digest([7; 32]))).get().await.is_err() {
        tries += 1;
        assert!(tries < 1_000, "it never came back");
        tokio::task::yield_now().await;
    }
}

#[test]
fn a_damaged_certificate_of_the_private_ca_is_refused_at_once() {
    let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("randomness");
    let clock = Arc::new(ManualClock::new());
    let signer = PrincipalSigner::new(key.as_ref(), "k", "i", clock).expect("a key");
    let audience = Audience { service: "identity".into(), environment: Environment::Live };
    let damaged = b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n".to_vec();
    let uri = "https://identity.example:443".parse().expect("an address");
    let endpoint = IdentityEndpoint { uri, ca_pem: Some(damaged), server_name: None, audience };
    let error = IdentityCredentials::new(&endpoint, Arc::new(signer)).expect_err("damaged");
    assert_eq!(error.to_string(), "identity endpoint https://identity.example:443/");
}

#[tokio::test]
async fn over_tls_only_the_private_ca_is_believed() {
    let made = || rcgen::generate_simple_self_signed(["identity".to_owned()]).expect("made");
    let (own, foreign) = (made(), made());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    let not_found = Outcome::NotFound(CredentialNotFound {});
    let stub = Stub { answer: Ok(Some(not_found)), asked: Arc::default() };
    let identity =
        tonic::transport::Identity::from_pem(own.cert.pem(), own.signing_key.serialize_pem());
    let mut server = Server::builder()
        .tls_config(tonic::transport::ServerTlsConfig::new().identity(identity))
        .expect("a certificate");
    let service = IdentityLookupServiceServer::new(stub);
    tokio::spawn(server.add_service(service).serve_with_incoming(incoming));
    let trusting =
        |pem: String| client_trusting(format!("https://{address}"), Some(pem.into_bytes()));
    assert_eq!(patiently(&trusting(own.cert.pem())).await, Lookup::NotFound);
    let wrong = trusting(foreign.cert.pem()).look_up(KeyDigest(Sha256Digest([7; 32]))).get().await;
    assert!(wrong.is_err());
}
