//! Rotation: a successor, an overlap, and no way up.

use identity::domain::tenant::TenantState;
use prost::Message as _;
use tollgate_commons::{Environment, testing};
use tollgate_proto::identity as proto;
use tonic::{Code, Status};

use crate::support::{Bench, bench, caller};

async fn rotate(
    bench: &Bench,
    principal: &tollgate_proto::principal::Principal,
    key_id: &str,
    overlap_seconds: i64,
) -> Result<proto::RotateApiKeyResponse, Status> {
    let overlap = prost_types::Duration { seconds: overlap_seconds, nanos: 0 };
    let message = proto::RotateApiKeyRequest { key_id: key_id.into(), overlap: Some(overlap) };
    let request = bench.request(principal, message);
    bench.client().rotate_api_key(request).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn both_keys_work_during_the_overlap_and_the_successor_after_it() {
    let bench = bench().await;
    let tenant = bench.tenant(TenantState::SandboxActive).await;
    let principal = caller(&tenant, Environment::Sandbox);
    let old = bench.mint(&principal, &["deposits:read"]).await.unwrap();
    let old_id = old.api_key.unwrap().key_id;
    let new = rotate(&bench, &principal, &old_id, 3600).await.unwrap();
    assert_eq!(bench.resolve(&old.secret).await.unwrap().key_id, old_id);
    let successor = bench.resolve(&new.secret).await.unwrap();
    assert_eq!(successor.scopes, ["deposits:read"]);
    assert!(new.replaced.unwrap().expires_at.is_some());
    assert!(successor.expires_at.is_none());

    let over = format!("UPDATE api_keys SET expires_at = now() WHERE key_id = '{old_id}'");
    bench.database.sql(&over).unwrap();
    assert_eq!(bench.resolve(&old.secret).await, None);
    assert!(bench.resolve(&new.secret).await.is_some());

    let envelope: Vec<u8> = sqlx::query_scalar(
        "SELECT envelope FROM outbox WHERE type = 'tollgate.identity.v1.ApiKeyRotated'",
    )
    .fetch_one(&bench.pool)
    .await
    .unwrap();
    let envelope = tollgate_proto::events::EventEnvelope::decode(envelope.as_slice()).unwrap();
    let rotated = proto::ApiKeyRotated::decode(envelope.payload.as_slice()).unwrap();
    assert_eq!((rotated.key_id, envelope.version), (old_id, 2));
    assert_eq!(rotated.successor_key_id, successor.key_id);
}

#[tokio::test]
async fn without_an_overlap_the_old_key_ends_at_once() {
    let bench = bench().await;
    let tenant = bench.tenant(TenantState::SandboxActive).await;
    let principal = caller(&tenant, Environment::Sandbox);
    let old = bench.mint(&principal, &["deposits:read"]).await.unwrap();
    rotate(&bench, &principal, &old.api_key.unwrap().key_id, 0).await.unwrap();
    assert_eq!(bench.resolve(&old.secret).await, None);
}

#[tokio::test]
async fn a_key_has_one_successor_and_a_dead_one_has_none() {
    let bench = bench().await;
    let tenant = bench.tenant(TenantState::SandboxActive).await;
    let principal = caller(&tenant, Environment::Sandbox);
    let old = bench.mint(&principal, &["deposits:read"]).await.unwrap();
    let old_id = old.api_key.unwrap().key_id;
    let new = rotate(&bench, &principal, &old_id, 60).await.unwrap();
    let refused = rotate(&bench, &principal, &old_id, 60).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().contains("successor"), "{}", refused.message());

    let new_id = new.api_key.unwrap().key_id;
    let message = proto::RevokeApiKeyRequest { key_id: new_id.clone() };
    bench.client().revoke_api_key(bench.request(&principal, message)).await.unwrap();
    let refused = rotate(&bench, &principal, &new_id, 60).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    let minted = bench.database.sql("SELECT count(*) FROM api_keys").unwrap();
    assert_eq!(minted, "2");
}

#[tokio::test]
async fn rotating_a_stronger_key_is_no_way_to_get_one() {
    let bench = bench().await;
    let tenant = bench.tenant(TenantState::SandboxActive).await;
    let strong = bench.mint(&caller(&tenant, Environment::Sandbox), &["deposits:write"]).await;
    let key_id = strong.unwrap().api_key.unwrap().key_id;
    let scopes = ["api-keys:write", "deposits:read"];
    let weak = testing::tenant("identity", &tenant, Environment::Sandbox, &scopes);
    let refused = rotate(&bench, &weak, &key_id, 0).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
}

#[tokio::test]
async fn an_overlap_is_at_most_a_week() {
    let bench = bench().await;
    let tenant = bench.tenant(TenantState::SandboxActive).await;
    let principal = caller(&tenant, Environment::Sandbox);
    let minted = bench.mint(&principal, &["deposits:read"]).await.unwrap();
    let key_id = minted.api_key.unwrap().key_id;
    for overlap in [-1, 7 * 24 * 3600 + 1] {
        let refused = rotate(&bench, &principal, &key_id, overlap).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
    }
}
