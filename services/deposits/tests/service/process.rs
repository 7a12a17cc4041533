//! The binary itself: ready only when it serves, over TLS where told, and orderly in its end.

use std::time::Duration;

use nix::sys::signal::Signal;
use tollgate_commons::Environment;
use tollgate_commons::testing::{self, Signer};
use tollgate_harness::{Ca, Client, Process, free_port};
use tollgate_proto::deposits as proto;
use tollgate_proto::deposits::deposits_service_client::DepositsServiceClient;
use tonic::transport::{Certificate, Channel, ClientTlsConfig};

const LIMIT: Duration = Duration::from_secs(30);

struct Files {
    folder: tempfile::TempDir,
    signer: Signer,
    ca: Ca,
}

impl Files {
    fn write() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let signer = Signer::generate("test-1").unwrap();
        std::fs::write(folder.path().join("keys"), signer.public_line()).unwrap();
        let ca = Ca::generate("test").unwrap();
        ca.server(&["localhost"]).unwrap().write(folder.path(), "server").unwrap();
        Self { folder, signer, ca }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn the_binary_serves_tls_and_drains_before_it_ends() {
    let database = tollgate_harness::postgres().await.unwrap();
    let files = Files::write();
    let (grpc, health) = (free_port().unwrap(), free_port().unwrap());
    let env = [
        ("STAGE", "local".to_owned()),
        ("ENVIRONMENT", "sandbox".to_owned()),
        ("DATABASE_URL", database.url()),
        ("GRPC_ADDRESS", format!("127.0.0.1:{grpc}")),
        ("HEALTH_ADDRESS", format!("127.0.0.1:{health}")),
        ("PRINCIPAL_PUBLIC_KEYS", files.path("keys")),
        ("TLS_CERTIFICATE", files.path("server.pem")),
        ("TLS_KEY", files.path("server.key")),
        ("DRAIN_SECONDS", "1".to_owned()),
    ];
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_deposits"));
    let mut process = Process::start(program, &env, &[] as &[&str]).unwrap();
    let client = Client::h1();
    let readyz = format!("http://127.0.0.1:{health}/readyz");
    process.ready(&client, &readyz, LIMIT).await.unwrap();

    let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(files.ca.pem()));
    let endpoint = Channel::from_shared(format!("https://localhost:{grpc}")).unwrap();
    let channel = endpoint.tls_config(tls).unwrap().connect().await.unwrap();
    let call = async |channel: &Channel| {
        let message = proto::ListDepositAccountsRequest::default();
        let mut request = tonic::Request::new(message);
        let scopes = ["deposits:read"];
        let principal = testing::tenant("deposits", "tenant-a", Environment::Sandbox, &scopes);
        files.signer.attach(&principal, request.metadata_mut());
        DepositsServiceClient::new(channel.clone()).list_deposit_accounts(request).await
    };
    call(&channel).await.unwrap();

    process.signal(Signal::SIGTERM).unwrap();
    process.line("draining", LIMIT).await.unwrap();
    assert_eq!(client.get(&readyz).await.unwrap().status.as_u16(), 503);
    call(&channel).await.expect("calls are served while the balancers learn");
    assert!(process.ended(LIMIT).await.unwrap().success());
}

#[tokio::test]
async fn a_wrong_configuration_ends_the_process_with_every_reason_in_one_line() {
    let env = [("STAGE", "production"), ("DATABASE_URL", "postgres://u:hush@h/d")];
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_deposits"));
    let mut process = Process::start(program, &env, &[] as &[&str]).unwrap();
    assert!(!process.ended(LIMIT).await.unwrap().success());
    let log = process.log();
    assert_eq!(log.trim().lines().count(), 1, "{log}");
    for name in ["DATABASE_URL", "PRINCIPAL_PUBLIC_KEYS", "KAFKA_BROKERS", "ENVIRONMENT"] {
        assert!(log.contains(name), "{name} in {log}");
    }
    assert!(!log.contains("hush"));
}

#[tokio::test]
async fn without_a_database_the_process_lives_unready_and_says_why() {
    let files = Files::write();
    let (nobody, grpc, health) = (free_port().unwrap(), free_port().unwrap(), free_port().unwrap());
    let env = [
        ("STAGE", "local".to_owned()),
        ("ENVIRONMENT", "sandbox".to_owned()),
        ("DATABASE_URL", format!("postgres://u:hush@127.0.0.1:{nobody}/d")),
        ("GRPC_ADDRESS", format!("127.0.0.1:{grpc}")),
        ("HEALTH_ADDRESS", format!("127.0.0.1:{health}")),
        ("PRINCIPAL_PUBLIC_KEYS", files.path("keys")),
    ];
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_deposits"));
    let mut process = Process::start(program, &env, &[] as &[&str]).unwrap();
    let client = Client::h1();

    process.ready(&client, &format!("http://127.0.0.1:{health}/livez"), LIMIT).await.unwrap();
    process.line("database is not ready", LIMIT).await.unwrap();
    let readyz = format!("http://127.0.0.1:{health}/readyz");
    let reply = client.get(&readyz).await.unwrap();
    assert_eq!(reply.status.as_u16(), 503);
    let body = String::from_utf8_lossy(&reply.body).into_owned();
    assert!(body.contains("connect to the database") && !body.contains("hush"), "{body}");
    assert!(!process.terminate(LIMIT).await.unwrap().success());
}
