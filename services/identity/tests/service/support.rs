//! The service in this process, and a gateway that signs for any tenant.

use base64::Engine as _;
use identity::domain::key;
use identity::domain::tenant::TenantState;
use identity::pepper::Peppers;
use sqlx::PgPool;
use tollgate_commons::principal::{PublicKeys, Verifier, system_clock};
use tollgate_commons::testing::{self, Signer};
use tollgate_commons::{Environment, store};
use tollgate_harness::Database;
use tollgate_proto::identity as proto;
use tollgate_proto::identity::identity_lookup_service_client::IdentityLookupServiceClient;
use tollgate_proto::identity::identity_service_client::IdentityServiceClient;
use tollgate_proto::identity::resolve_credential_response::Outcome;
use tollgate_proto::principal::Principal;
use tonic::transport::Channel;
use tonic::{Request, Status};

pub(crate) const SCOPES: &[&str] =
    &["api-keys:read", "api-keys:write", "deposits:read", "deposits:write"];

pub(crate) struct Bench {
    pub(crate) database: Database,
    pub(crate) pool: PgPool,
    pub(crate) signer: Signer,
    pub(crate) channel: Channel,
}

/// A pepper file's line.
pub(crate) fn pepper(version: i32) -> String {
    let fill = u8::try_from(version).unwrap();
    format!("{version} {}\n", base64::engine::general_purpose::STANDARD.encode([fill; 32]))
}

pub(crate) async fn bench() -> Bench {
    let database = tollgate_harness::postgres().await.unwrap();
    let pool = store::open(&database.url().into(), 10).unwrap();
    store::migrate(&pool, &identity::MIGRATIONS).await.unwrap();
    let signer = Signer::generate("test-1").unwrap();
    let channel = serve(&pool, &signer, &pepper(1)).await;
    Bench { database, pool, signer, channel }
}

/// Another process of the service on the same database, with these peppers.
pub(crate) async fn serve(pool: &PgPool, signer: &Signer, peppers: &str) -> Channel {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), signer.public_line()).unwrap();
    let keys = PublicKeys::read(file.path()).unwrap();
    let verifier = Verifier::new(keys, identity::AUDIENCE, system_clock);
    let peppers = Peppers::parse(peppers).unwrap();
    let routes = identity::routes(pool.clone(), peppers, verifier);
    let address = testing::serve(routes).await.unwrap();
    Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
}

pub(crate) fn caller(tenant_id: &str, environment: Environment) -> Principal {
    testing::tenant("identity", tenant_id, environment, SCOPES)
}

impl Bench {
    pub(crate) async fn tenant(&self, state: TenantState) -> String {
        identity::store::tenants::create(&self.pool, "Test", state).await.unwrap()
    }

    pub(crate) fn client(&self) -> IdentityServiceClient<Channel> {
        IdentityServiceClient::new(self.channel.clone())
    }

    pub(crate) fn request<T>(&self, principal: &Principal, message: T) -> Request<T> {
        let mut request = Request::new(message);
        self.signer.attach(principal, request.metadata_mut());
        request
    }

    pub(crate) async fn mint(
        &self,
        principal: &Principal,
        scopes: &[&str],
    ) -> Result<proto::MintApiKeyResponse, Status> {
        let scopes = scopes.iter().map(|&scope| scope.into()).collect();
        let message = proto::MintApiKeyRequest { scopes, ..Default::default() };
        let request = self.request(principal, message);
        self.client().mint_api_key(request).await.map(tonic::Response::into_inner)
    }

    pub(crate) async fn resolve(&self, secret: &str) -> Option<proto::Credential> {
        self.resolve_at(&self.channel, secret).await
    }

    pub(crate) async fn resolve_at(
        &self,
        channel: &Channel,
        secret: &str,
    ) -> Option<proto::Credential> {
        let message = proto::ResolveCredentialRequest { key_sha256: key::sha256(secret) };
        let gateway = testing::gateway("identity", Environment::Sandbox);
        let request = self.request(&gateway, message);
        let mut client = IdentityLookupServiceClient::new(channel.clone());
        match client.resolve_credential(request).await.unwrap().into_inner().outcome.unwrap() {
            Outcome::Credential(credential) => Some(credential),
            Outcome::NotFound(_) => None,
        }
    }

    /// Everything that the database holds, as text.
    pub(crate) fn dump(&self) -> String {
        ["tenants", "api_keys", "events", "outbox", "operations"]
            .map(|table| self.database.sql(&format!("SELECT t::text FROM {table} t")).unwrap())
            .concat()
    }
}
