//! The promises of a `CredentialStore`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use data_encoding::HEXLOWER;
use ring::rand::SystemRandom;
use ring::signature::Ed25519KeyPair;
use tollgate_capability::credentials::{CredentialStore, KeyDigest, Lookup, NewKey};
use tollgate_capability::principal::{Audience, PrincipalSigner};
use tollgate_capability::testing::ManualClock;
use tollgate_chain::{Access, Environment, Principal};
use tollgate_proto::identity::identity_lookup_service_server::{
    IdentityLookupService, IdentityLookupServiceServer,
};
use tollgate_proto::identity::resolve_credential_response::Outcome;
use tollgate_proto::identity::{
    Credential, CredentialNotFound, ResolveCredentialRequest, ResolveCredentialResponse,
};
use tollgate_proto::principal as wire;
use tollgate_stores::file::FileCredentials;
use tollgate_stores::identity::{IdentityCredentials, IdentityEndpoint};
use tonic::transport::Server;
use tonic::{Request, Response, Status};

suite! {
    [file, identity]
    [
        a_known_key_stands_for_its_principal_with_every_fact,
        an_unknown_key_is_not_found,
        a_digest_counts_whole,
        a_revoked_key_is_not_found,
        answers_at_once_agree_with_answers_that_are_waited_for,
    ]
}

type Keys = BTreeMap<[u8; 32], Principal>;

/// An open store, and the way to exchange all of its keys.
struct Bench {
    store: Arc<dyn CredentialStore>,
    replace: Box<dyn Fn(Keys)>,
}

type Open = fn() -> Bench;

fn file() -> Bench {
    let clock = Arc::new(ManualClock::new());
    let store = Arc::new(FileCredentials::parse("", clock).expect("a good file"));
    let file = Arc::clone(&store);
    let replace = move |keys: Keys| {
        file.replace(&toml(&keys)).expect("a good file");
    };
    Bench { store, replace: Box::new(replace) }
}

fn toml(keys: &Keys) -> String {
    let mut text = String::new();
    for (digest, principal) in keys {
        let Principal { tenant, environment, key_id, scopes, access } = principal;
        let sha256 = HEXLOWER.encode(digest);
        let access = match access {
            Access::Full => "full",
            Access::NoMoneyOut => "no-money-out",
            Access::ReadOnly => "read-only",
            Access::None => "none",
        };
        write!(
            text,
            "[[keys]]\nid = \"{key_id}\"\nsha256 = \"{sha256}\"\ntenant = \"{tenant}\"\n\
             environment = \"{environment}\"\nscopes = {scopes:?}\naccess = \"{access}\"\n",
            scopes = scopes.iter().collect::<Vec<_>>(),
        )
        .expect("text grows");
    }
    text
}

fn identity() -> Bench {
    let service = IdentityStub::default();
    let keys = Arc::clone(&service.keys);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("a socket");
    let address = listener.local_addr().expect("an address");
    let listener = tokio::net::TcpListener::from_std(listener).expect("a runtime");
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    tokio::spawn(
        Server::builder()
            .add_service(IdentityLookupServiceServer::new(service))
            .serve_with_incoming(incoming),
    );

    let endpoint = IdentityEndpoint {
        uri: format!("http://{address}").parse().expect("an address"),
        ca_pem: None,
        server_name: None,
        audience: Audience { service: "identity".into(), environment: Environment::Live },
    };
    let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("randomness");
    let signer =
        PrincipalSigner::new(key.as_ref(), "key-1", "gateway", Arc::new(ManualClock::new()));
    let signer = Arc::new(signer.expect("a key"));
    let store = IdentityCredentials::new(&endpoint, signer).expect("an endpoint");
    let replace = move |new| *keys.lock().unwrap_or_else(PoisonError::into_inner) = new;
    Bench { store: Arc::new(store), replace: Box::new(replace) }
}

/// An identity service that knows the keys it is given.
#[derive(Default)]
struct IdentityStub {
    keys: Arc<Mutex<Keys>>,
}

#[tonic::async_trait]
impl IdentityLookupService for IdentityStub {
    async fn resolve_credential(
        &self,
        request: Request<ResolveCredentialRequest>,
    ) -> Result<Response<ResolveCredentialResponse>, Status> {
        let digest = request.into_inner().key_sha256;
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let principal = keys.get(digest.as_slice());
        let outcome = principal.map_or(Outcome::NotFound(CredentialNotFound {}), |principal| {
            Outcome::Credential(credential(principal))
        });
        Ok(Response::new(ResolveCredentialResponse { outcome: Some(outcome) }))
    }
}

fn credential(principal: &Principal) -> Credential {
    Credential {
        key_id: principal.key_id.clone(),
        tenant_id: principal.tenant.clone(),
        environment: wire::Environment::from(principal.environment).into(),
        scopes: principal.scopes.iter().cloned().collect(),
        access: wire::Access::from(principal.access).into(),
        ..Credential::default()
    }
}

impl Bench {
    async fn look_up(&self, digest: KeyDigest) -> Lookup {
        self.store.look_up(digest).get().await.expect("the store answers")
    }
}

fn digest() -> KeyDigest {
    NewKey::make(Environment::Live).expect("randomness").digest()
}

fn principal(environment: Environment, access: Access) -> Principal {
    Principal {
        tenant: "acme".into(),
        environment,
        key_id: "key-1".into(),
        scopes: ["deposits:read".into(), "deposits:write".into()].into(),
        access,
    }
}

async fn a_known_key_stands_for_its_principal_with_every_fact(open: Open) {
    let bench = open();
    for environment in [Environment::Sandbox, Environment::Live] {
        for access in [Access::Full, Access::NoMoneyOut, Access::ReadOnly, Access::None] {
            let (digest, principal) = (digest(), principal(environment, access));
            (bench.replace)([(digest.0.0, principal.clone())].into());
            assert_eq!(bench.look_up(digest).await, Lookup::Found(Arc::new(principal)));
        }
    }
}

async fn an_unknown_key_is_not_found(open: Open) {
    let bench = open();
    assert_eq!(bench.look_up(digest()).await, Lookup::NotFound);
    (bench.replace)([(digest().0.0, principal(Environment::Live, Access::Full))].into());
    assert_eq!(bench.look_up(digest()).await, Lookup::NotFound);
}

async fn a_digest_counts_whole(open: Open) {
    let bench = open();
    let digest = digest();
    (bench.replace)([(digest.0.0, principal(Environment::Live, Access::Full))].into());
    let mut other = digest;
    other.0.0[31] ^= 1;
    assert_eq!(bench.look_up(other).await, Lookup::NotFound);
    assert_ne!(bench.look_up(digest).await, Lookup::NotFound);
}

async fn a_revoked_key_is_not_found(open: Open) {
    let bench = open();
    let digest = digest();
    (bench.replace)([(digest.0.0, principal(Environment::Live, Access::Full))].into());
    assert_ne!(bench.look_up(digest).await, Lookup::NotFound);
    (bench.replace)(Keys::new());
    assert_eq!(bench.look_up(digest).await, Lookup::NotFound);
}

async fn answers_at_once_agree_with_answers_that_are_waited_for(open: Open) {
    let bench = open();
    let known = digest();
    (bench.replace)([(known.0.0, principal(Environment::Live, Access::Full))].into());
    for digest in [known, digest()] {
        let waited_for = bench.look_up(digest).await;
        if let Some(at_once) = bench.store.local(&digest) {
            assert_eq!(at_once, waited_for);
        }
    }
}
