//! The binary: what an operator does by hand, and a process that serves what was done.

use std::time::Duration;

use identity::domain::key;
use tollgate_commons::Environment;
use tollgate_commons::testing::{self, Signer};
use tollgate_harness::{Client, Process, free_port};
use tollgate_proto::identity as proto;
use tollgate_proto::identity::identity_lookup_service_client::IdentityLookupServiceClient;
use tollgate_proto::identity::resolve_credential_response::Outcome;
use tollgate_terms::api_key;

use crate::support::pepper;

const LIMIT: Duration = Duration::from_secs(30);

struct Operator {
    database: tollgate_harness::Database,
    folder: tempfile::TempDir,
    signer: Signer,
}

impl Operator {
    async fn new() -> Self {
        let database = tollgate_harness::postgres().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let signer = Signer::generate("test-1").unwrap();
        std::fs::write(folder.path().join("keys"), signer.public_line()).unwrap();
        std::fs::write(folder.path().join("pepper"), pepper(1)).unwrap();
        std::fs::write(folder.path().join("database"), database.url()).unwrap();
        Self { database, folder, signer }
    }

    fn env(&self, stage: &str, more: &[(&'static str, String)]) -> Vec<(&'static str, String)> {
        let path = |name: &str| self.folder.path().join(name).to_str().unwrap().to_owned();
        let mut env = vec![
            ("STAGE", stage.to_owned()),
            ("DATABASE_URL_FILE", path("database")),
            ("PEPPER_FILE", path("pepper")),
            ("PRINCIPAL_PUBLIC_KEYS", path("keys")),
        ];
        env.extend_from_slice(more);
        env
    }

    fn start(&self, stage: &str, more: &[(&'static str, String)], args: &[&str]) -> Process {
        let program = std::path::Path::new(env!("CARGO_BIN_EXE_identity"));
        Process::start(program, &self.env(stage, more), args).unwrap()
    }

    async fn run(&self, stage: &str, args: &[&str]) -> (bool, String) {
        let mut process = self.start(stage, &[], args);
        let status = process.ended(LIMIT).await.unwrap();
        (status.success(), process.log().trim().to_owned())
    }
}

#[tokio::test]
async fn an_operator_seeds_a_tenant_and_a_key_that_the_server_then_knows() {
    let operator = Operator::new().await;
    let create = ["tenant", "create", "--name", "Acme", "--state", "live_approved"];
    let (made, tenant) = operator.run("local", &create).await;
    assert!(made, "{tenant}");
    let scopes = "deposits:read,deposits:write";
    let mint = ["key", "mint", "--tenant", &tenant, "--environment", "live", "--scopes", scopes];
    let (minted, printed) = operator.run("local", &[&mint[..], &["--json"]].concat()).await;
    assert!(minted, "{printed}");
    let printed: serde_json::Value = serde_json::from_str(&printed).unwrap();
    let secret = printed["key"].as_str().unwrap();
    assert_eq!(api_key::parse(secret), Some(Environment::Live));

    let (grpc, health) = (free_port().unwrap(), free_port().unwrap());
    let addresses = [
        ("GRPC_ADDRESS", format!("127.0.0.1:{grpc}")),
        ("HEALTH_ADDRESS", format!("127.0.0.1:{health}")),
        ("DRAIN_SECONDS", "0".to_owned()),
    ];
    let mut server = operator.start("local", &addresses, &["serve"]);
    let readyz = format!("http://127.0.0.1:{health}/readyz");
    server.ready(&Client::h1(), &readyz, LIMIT).await.unwrap();
    let mut client =
        IdentityLookupServiceClient::connect(format!("http://127.0.0.1:{grpc}")).await.unwrap();
    let mut resolve = async || {
        let message = proto::ResolveCredentialRequest { key_sha256: key::sha256(secret) };
        let mut request = tonic::Request::new(message);
        let gateway = testing::gateway("identity", Environment::Live);
        operator.signer.attach(&gateway, request.metadata_mut());
        client.resolve_credential(request).await.unwrap().into_inner().outcome.unwrap()
    };
    let Outcome::Credential(credential) = resolve().await else { panic!("not found") };
    assert_eq!(credential.tenant_id, tenant);

    let key_id = printed["key_id"].as_str().unwrap();
    assert!(operator.run("local", &["key", "revoke", key_id]).await.0);
    assert!(matches!(resolve().await, Outcome::NotFound(_)));
    assert!(server.terminate(LIMIT).await.unwrap().success());
    assert!(!server.log().contains(secret));
    let told = "SELECT count(*) FROM outbox WHERE topic = 'live.identity.events'";
    assert_eq!(operator.database.sql(told).unwrap(), "3");
}

#[tokio::test]
async fn outside_the_local_stage_live_access_is_not_given_from_a_command_line() {
    let operator = Operator::new().await;
    let create = ["tenant", "create", "--name", "Acme", "--state", "live_approved"];
    let (made, why) = operator.run("production", &create).await;
    assert!(!made && why.contains("starts as applied or sandbox_active"), "{why}");
    let (made, tenant) = operator.run("production", &create[..4]).await;
    assert!(made, "{tenant}");
    for (to, allowed) in
        [("live_requested", true), ("under_review", true), ("live_approved", false)]
    {
        let step = ["tenant", "step", &tenant, "--to", to, "--reason", "test"];
        assert_eq!(operator.run("production", &step).await.0, allowed, "{to}");
    }
    let mint = ["key", "mint", "--tenant", &tenant, "--environment", "live"];
    let (minted, why) = operator.run("local", &[&mint[..], &["--scopes", "root"]].concat()).await;
    assert!(!minted && why.contains("does not exist"), "{why}");
    let (minted, why) =
        operator.run("local", &[&mint[..], &["--scopes", "deposits:read"]].concat()).await;
    assert!(!minted && why.contains("does not allow minting"), "{why}");
}
