//! Keys: minted, listed, revoked, and always one's own.

use identity::domain::key;
use identity::domain::tenant::TenantState;
use tollgate_commons::{Environment, testing};
use tollgate_proto::identity as proto;
use tollgate_terms::api_key;
use tonic::Code;

use crate::support::{bench, caller};

#[tokio::test]
async fn a_minted_key_is_shown_once_and_works_at_once() {
    let bench = bench().await;
    let tenant = bench.tenant(TenantState::SandboxActive).await;
    let sandbox = caller(&tenant, Environment::Sandbox);
    let minted = bench.mint(&sandbox, &["deposits:read"]).await.unwrap();
    assert!(!minted.secret_withheld);
    assert_eq!(api_key::parse(&minted.secret), Some(Environment::Sandbox));
    let credential = bench.resolve(&minted.secret).await.unwrap();
    assert_eq!(credential.tenant_id, tenant);
    assert_eq!(credential.key_id, minted.api_key.unwrap().key_id);
    assert_eq!(credential.scopes, ["deposits:read"]);

    let request = bench.request(&sandbox, proto::ListApiKeysRequest::default());
    let listed = bench.client().list_api_keys(request).await.unwrap().into_inner();
    assert_eq!(listed.api_keys.len(), 1);
    assert!(minted.secret.ends_with(&listed.api_keys[0].last_four));
}

#[tokio::test]
async fn the_database_holds_neither_the_key_nor_its_plain_digest() {
    let bench = bench().await;
    let tenant = bench.tenant(TenantState::SandboxActive).await;
    let principal = caller(&tenant, Environment::Sandbox);
    let message =
        proto::MintApiKeyRequest { scopes: vec!["deposits:read".into()], ..Default::default() };
    let mut request = bench.request(&principal, message);
    testing::operation("mint", "body", request.metadata_mut()).unwrap();
    let minted = bench.client().mint_api_key(request).await.unwrap().into_inner();
    let dump = bench.dump();
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let suffix = &minted.secret[minted.secret.len() - 38..];
    assert!(dump.contains(&minted.api_key.unwrap().key_id));
    assert!(!dump.contains(suffix) && !dump.contains(&hex(suffix.as_bytes())));
    assert!(!dump.contains(&hex(&key::sha256(&minted.secret))));
}

#[tokio::test]
async fn a_repeated_mint_mints_nothing_and_withholds_the_key() {
    let bench = bench().await;
    let tenant = bench.tenant(TenantState::SandboxActive).await;
    let principal = caller(&tenant, Environment::Sandbox);
    let mut answers = Vec::new();
    for _ in 0..2 {
        let scopes = vec!["deposits:read".into()];
        let message = proto::MintApiKeyRequest { scopes, ..Default::default() };
        let mut request = bench.request(&principal, message);
        testing::operation("mint", "body", request.metadata_mut()).unwrap();
        answers.push(bench.client().mint_api_key(request).await.unwrap().into_inner());
    }
    assert_eq!(answers[0].api_key, answers[1].api_key);
    assert!(answers[1].secret.is_empty() && answers[1].secret_withheld);
    assert_eq!(bench.database.sql("SELECT count(*) FROM api_keys").unwrap(), "1");
}

#[tokio::test]
async fn a_revoked_key_is_unknown_and_revoking_again_changes_nothing() {
    let bench = bench().await;
    let tenant = bench.tenant(TenantState::SandboxActive).await;
    let principal = caller(&tenant, Environment::Sandbox);
    let minted = bench.mint(&principal, &["deposits:read"]).await.unwrap();
    let key_id = minted.api_key.unwrap().key_id;
    let mut answers = Vec::new();
    for _ in 0..2 {
        let message = proto::RevokeApiKeyRequest { key_id: key_id.clone() };
        let request = bench.request(&principal, message);
        answers.push(bench.client().revoke_api_key(request).await.unwrap().into_inner());
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(bench.resolve(&minted.secret).await, None);
    let told = "SELECT string_agg(type, ',' ORDER BY version) FROM outbox
                WHERE stream_id LIKE 'key_%' AND topic = 'sandbox.identity.events'";
    let expected = "tollgate.identity.v1.ApiKeyMinted,tollgate.identity.v1.ApiKeyRevoked";
    assert_eq!(bench.database.sql(told).unwrap(), expected);
}

#[tokio::test]
async fn unknown_missing_and_foreign_scopes_are_refused() {
    let bench = bench().await;
    let tenant = bench.tenant(TenantState::SandboxActive).await;
    let all = caller(&tenant, Environment::Sandbox);
    for scopes in [&[][..], &["deposits:everything"], &["deposits:read", "root"]] {
        let refused = bench.mint(&all, scopes).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{scopes:?}");
    }
    let own = ["api-keys:write", "deposits:read"];
    let lesser = testing::tenant("identity", &tenant, Environment::Sandbox, &own);
    let refused = bench.mint(&lesser, &["deposits:write"]).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied, "a key cannot give what it lacks");
    bench.mint(&lesser, &["deposits:read"]).await.unwrap();
}

#[tokio::test]
async fn a_sandbox_key_neither_sees_nor_mints_nor_revokes_live_keys() {
    let bench = bench().await;
    let tenant = bench.tenant(TenantState::LiveApproved).await;
    let live = bench.mint(&caller(&tenant, Environment::Live), &["deposits:read"]).await.unwrap();
    let live_id = live.api_key.unwrap().key_id;
    let sandbox = caller(&tenant, Environment::Sandbox);
    let request = bench.request(&sandbox, proto::ListApiKeysRequest::default());
    let listed = bench.client().list_api_keys(request).await.unwrap().into_inner();
    assert!(listed.api_keys.is_empty());

    let mut refusals = Vec::new();
    for key_id in [live_id.as_str(), "key_0192f0c1a3b47d7c8e9f0a1b2c3d4e5f"] {
        let message = proto::RevokeApiKeyRequest { key_id: key_id.into() };
        let refused = bench.client().revoke_api_key(bench.request(&sandbox, message)).await;
        let refused = refused.unwrap_err();
        refusals.push((refused.code(), refused.message().to_owned(), refused.details().to_vec()));
    }
    assert_eq!(refusals[0].0, Code::NotFound);
    assert_eq!(refusals[0], refusals[1]);
    assert!(bench.resolve(&live.secret).await.is_some());
    let minted = bench.mint(&sandbox, &["deposits:read"]).await.unwrap();
    assert!(minted.secret.starts_with("tg_sandbox_"));
}

#[tokio::test]
async fn live_keys_are_minted_for_approved_tenants_alone() {
    let bench = bench().await;
    for state in TenantState::all() {
        let tenant = bench.tenant(state).await;
        for environment in Environment::ALL {
            let minted = bench.mint(&caller(&tenant, environment), &["deposits:read"]).await;
            match state.may_mint(environment) {
                true => assert!(minted.is_ok(), "{state:?} {environment}"),
                false => {
                    let code = minted.unwrap_err().code();
                    assert_eq!(code, Code::FailedPrecondition, "{state:?} {environment}");
                }
            }
        }
    }
}
