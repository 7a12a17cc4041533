//! A sandbox process of the service, and a gateway that signs for any tenant.

use sqlx::PgPool;
use tollgate_commons::principal::{PublicKeys, Verifier, system_clock};
use tollgate_commons::testing::{self, Signer};
use tollgate_commons::{Environment, store};
use tollgate_harness::Database;
use tollgate_proto::deposits as proto;
use tollgate_proto::deposits::deposits_service_client::DepositsServiceClient;
use tollgate_proto::principal::Principal;
use tonic::transport::Channel;
use tonic::{Request, Status};

pub(crate) const SCOPES: &[&str] = &["deposits:read", "deposits:write"];

pub(crate) struct Bench {
    pub(crate) database: Database,
    pub(crate) pool: PgPool,
    pub(crate) signer: Signer,
    pub(crate) channel: Channel,
}

pub(crate) async fn bench() -> Bench {
    let database = tollgate_harness::postgres().await.unwrap();
    let pool = store::open(&database.url().into(), 10).unwrap();
    store::migrate(&pool, &deposits::MIGRATIONS).await.unwrap();
    let signer = Signer::generate("test-1").unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), signer.public_line()).unwrap();
    let keys = PublicKeys::read(file.path()).unwrap();
    let verifier = Verifier::new(keys, deposits::audience(Environment::Sandbox), system_clock);
    let address = testing::serve(deposits::routes(pool.clone(), verifier)).await.unwrap();
    let endpoint = Channel::from_shared(format!("http://{address}")).unwrap();
    Bench { database, pool, signer, channel: endpoint.connect().await.unwrap() }
}

pub(crate) fn tenant(name: &str) -> Principal {
    testing::tenant("deposits", name, Environment::Sandbox, SCOPES)
}

impl Bench {
    pub(crate) fn client(&self) -> DepositsServiceClient<Channel> {
        DepositsServiceClient::new(self.channel.clone())
    }

    /// A request in a tenant's name.
    pub(crate) fn read<T>(&self, principal: &Principal, message: T) -> Request<T> {
        let mut request = Request::new(message);
        self.signer.attach(principal, request.metadata_mut());
        request
    }

    /// A request in a tenant's name under an operation key; the body stands for the fingerprint.
    pub(crate) fn write<T>(
        &self,
        principal: &Principal,
        key: &str,
        body: &str,
        message: T,
    ) -> Request<T> {
        let mut request = self.read(principal, message);
        testing::operation(key, body, request.metadata_mut()).unwrap();
        request
    }

    pub(crate) async fn open_account(&self, tenant_name: &str) -> proto::DepositAccount {
        let message =
            proto::CreateDepositAccountRequest { currency: "EUR".into(), label: "main".into() };
        let key = format!("open {tenant_name}");
        let request = self.write(&tenant(tenant_name), &key, "open", message);
        let answer = self.client().create_deposit_account(request).await.unwrap();
        answer.into_inner().deposit_account.unwrap()
    }

    pub(crate) async fn register(
        &self,
        tenant_name: &str,
        account: &str,
        reference: &str,
    ) -> Result<proto::Deposit, Status> {
        let request = self.write(
            &tenant(tenant_name),
            &format!("register {reference}"),
            reference,
            registration(account, 1250, reference),
        );
        let answer = self.client().register_deposit(request).await?;
        Ok(answer.into_inner().deposit.unwrap())
    }

    pub(crate) async fn advance(
        &self,
        deposit_id: &str,
        fact: proto::DepositFact,
        key: &str,
    ) -> Result<proto::Deposit, Status> {
        let message =
            proto::AdvanceDepositRequest { deposit_id: deposit_id.into(), fact: fact.into() };
        let request = self.write(&tenant("tenant-a"), key, fact.as_str_name(), message);
        Ok(self.client().advance_deposit(request).await?.into_inner().deposit.unwrap())
    }

    pub(crate) fn count(&self, table: &str) -> i64 {
        self.database.sql(&format!("SELECT count(*) FROM {table}")).unwrap().parse().unwrap()
    }
}

pub(crate) fn registration(
    account: &str,
    minor_units: i64,
    reference: &str,
) -> proto::RegisterDepositRequest {
    proto::RegisterDepositRequest {
        deposit_account_id: account.into(),
        amount: Some(proto::Money { minor_units, currency: "EUR".into() }),
        reference: reference.into(),
    }
}

/// The reason that a status gives in its `ErrorInfo`, or in its first field violation.
pub(crate) fn reason(status: &Status) -> String {
    use tonic_types::StatusExt as _;
    if let Some(info) = status.get_details_error_info() {
        return info.reason;
    }
    let refused = status.get_details_bad_request();
    refused.map(|refused| refused.field_violations[0].reason.clone()).unwrap_or_default()
}
