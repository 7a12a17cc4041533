//! The events of identity: a key's for its environment's topic, a tenant's for both topics.

use tollgate_commons::Environment;
use tollgate_commons::events::{Event, timestamp, topic};
use tollgate_proto::identity as proto;

use crate::domain::tenant::TenantState;
use crate::store::rows::ApiKey;

/// Returns the topic of an environment, or the topics of both.
#[must_use]
pub fn topics(environment: Option<Environment>) -> Vec<String> {
    let chosen = Environment::ALL.into_iter().filter(|e| environment.is_none_or(|one| one == *e));
    chosen.map(|environment| topic(environment, "identity")).collect()
}

/// Makes the event of a created tenant.
#[must_use]
pub fn tenant_created(tenant_id: &str, name: &str, state: TenantState) -> Event {
    let fact = proto::TenantCreated {
        tenant_id: tenant_id.into(),
        name: name.into(),
        state: state.to_proto().into(),
    };
    Event::new(tenant_id, 1, &fact)
}

/// Makes the event of a tenant's step from the first to the second state.
#[must_use]
pub fn tenant_state_changed(
    tenant_id: &str,
    version: i64,
    step: (TenantState, TenantState),
    reason: &str,
) -> Event {
    let fact = proto::TenantStateChanged {
        tenant_id: tenant_id.into(),
        from: step.0.to_proto().into(),
        to: step.1.to_proto().into(),
        reason: reason.into(),
    };
    Event::new(tenant_id, version, &fact)
}

/// Makes the event of a minted key.
#[must_use]
pub fn key_minted(key: &ApiKey, succeeds: Option<&str>) -> Event {
    let fact = proto::ApiKeyMinted {
        key_id: key.key_id.clone(),
        tenant_id: key.tenant_id.clone(),
        environment: key.environment_number(),
        scopes: key.scopes.clone(),
        expires_at: key.expires_at.map(timestamp),
        succeeds_key_id: succeeds.unwrap_or_default().into(),
    };
    Event::new(&key.key_id, key.version, &fact)
}

/// Makes the event of a revoked key.
#[must_use]
pub fn key_revoked(key: &ApiKey) -> Event {
    let fact = proto::ApiKeyRevoked {
        key_id: key.key_id.clone(),
        tenant_id: key.tenant_id.clone(),
        environment: key.environment_number(),
    };
    Event::new(&key.key_id, key.version, &fact)
}

/// Makes the event of a key that got a successor and an end.
#[must_use]
pub fn key_rotated(key: &ApiKey, successor: &str) -> Event {
    let fact = proto::ApiKeyRotated {
        key_id: key.key_id.clone(),
        tenant_id: key.tenant_id.clone(),
        environment: key.environment_number(),
        successor_key_id: successor.into(),
        expires_at: key.expires_at.map(timestamp),
    };
    Event::new(&key.key_id, key.version, &fact)
}
