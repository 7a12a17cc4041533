//! The credential look-up: expiry by the database's clock, peppers, tenants' states.

use identity::domain::tenant::TenantState;
use tollgate_commons::Environment;
use tollgate_proto::principal::Access;

use crate::support::{bench, caller, pepper, serve};

#[tokio::test]
async fn expiry_is_judged_by_the_databases_clock() {
    let bench = bench().await;
    let tenant = bench.tenant(TenantState::SandboxActive).await;
    let principal = caller(&tenant, Environment::Sandbox);
    let minted = bench.mint(&principal, &["deposits:read"]).await.unwrap();
    let end = |when: &str| format!("UPDATE api_keys SET expires_at = now() + interval '{when}'");
    bench.database.sql(&end("5 minutes")).unwrap();
    let credential = bench.resolve(&minted.secret).await.unwrap();
    assert!(credential.expires_at.is_some());
    bench.database.sql(&end("-1 microsecond")).unwrap();
    assert_eq!(bench.resolve(&minted.secret).await, None);
}

#[tokio::test]
async fn keys_minted_under_the_old_pepper_work_until_it_is_gone() {
    let bench = bench().await;
    let tenant = bench.tenant(TenantState::SandboxActive).await;
    let principal = caller(&tenant, Environment::Sandbox);
    let old = bench.mint(&principal, &["deposits:read"]).await.unwrap().secret;
    let both = serve(&bench.pool, &bench.signer, &(pepper(1) + &pepper(2))).await;
    let new_only = serve(&bench.pool, &bench.signer, &pepper(2)).await;
    assert!(bench.resolve_at(&both, &old).await.is_some());
    assert!(bench.resolve_at(&new_only, &old).await.is_none());

    let message = tollgate_proto::identity::MintApiKeyRequest {
        scopes: vec!["deposits:read".into()],
        ..Default::default()
    };
    let mut client =
        tollgate_proto::identity::identity_service_client::IdentityServiceClient::new(both.clone());
    let minted = client.mint_api_key(bench.request(&principal, message)).await.unwrap();
    assert!(bench.resolve_at(&new_only, &minted.into_inner().secret).await.is_some());
    let versions = "SELECT string_agg(pepper_version::text, ',' ORDER BY key_id) FROM api_keys";
    assert_eq!(bench.database.sql(versions).unwrap(), "1,2");
}

#[tokio::test]
async fn a_tenants_state_decides_what_its_keys_may_do_from_the_next_look_up_on() {
    let bench = bench().await;
    let tenant = bench.tenant(TenantState::LiveApproved).await;
    let principal = caller(&tenant, Environment::Live);
    let secret = bench.mint(&principal, &["deposits:read"]).await.unwrap().secret;
    let steps = [
        (TenantState::LiveRestrictedOutboundFrozen, Some(Access::NoMoneyOut)),
        (TenantState::LiveRestrictedReadOnly, Some(Access::ReadOnly)),
        (TenantState::LiveSuspended, Some(Access::None)),
        (TenantState::LiveApproved, Some(Access::Full)),
        (TenantState::Closed, None),
    ];

    for (state, expected) in steps {
        identity::store::tenants::step(&bench.pool, &tenant, state, "test").await.unwrap();
        let access = bench.resolve(&secret).await.map(|credential| credential.access());
        assert_eq!(access, expected, "{state:?}");
    }

    let published = "SELECT count(*), count(DISTINCT topic) FROM outbox
                WHERE type = 'tollgate.identity.v1.TenantStateChanged'";
    assert_eq!(bench.database.sql(published).unwrap(), "10|2", "published to both environments");
    let reopened = TenantState::LiveApproved;
    let refused = identity::store::tenants::step(&bench.pool, &tenant, reopened, "no").await;
    assert!(refused.is_err(), "closed is for good");
}

#[tokio::test]
async fn a_well_formed_key_that_nobody_minted_is_unknown() {
    let bench = bench().await;
    let random = ring::rand::SystemRandom::new();
    let minted = identity::domain::key::mint(Environment::Live, &random).unwrap();
    let text = secrecy::ExposeSecret::expose_secret(&minted.secret).to_owned();
    assert_eq!(bench.resolve(&text).await, None);
}
