//! What identity tells, and where: a key's events to its environment's topic, a tenant's to both.

use tollgate_commons::Environment;
use tollgate_commons::events::{Event, timestamp, topic};
use tollgate_proto::identity as proto;
use tollgate_proto::principal as wire;

use crate::domain::tenant::TenantState;
use crate::store::keys::Key;

/// The topics of a fact about one environment, or about both.
#[must_use]
pub fn topics(environment: Option<Environment>) -> Vec<String> {
    let all = Environment::ALL.into_iter();
    all.filter(|e| environment.is_none_or(|one| one == *e)).map(|e| topic(e, "identity")).collect()
}

/// A tenant came to be.
#[must_use]
pub fn tenant_created(tenant_id: &str, name: &str, state: TenantState) -> Event {
    let fact = proto::TenantCreated {
        tenant_id: tenant_id.into(),
        name: name.into(),
        state: state.to_proto().into(),
    };
    Event::of(tenant_id, 1, &fact)
}

/// A tenant took a step.
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
    Event::of(tenant_id, version, &fact)
}

/// A key was minted.
#[must_use]
pub fn key_minted(key: &Key, succeeds: Option<&str>) -> Event {
    let fact = proto::ApiKeyMinted {
        key_id: key.key_id.clone(),
        tenant_id: key.tenant_id.clone(),
        environment: key.environment().map_or(0, |e| wire::Environment::from(e).into()),
        scopes: key.scopes.clone(),
        expires_at: key.expires_at.map(timestamp),
        succeeds_key_id: succeeds.unwrap_or_default().into(),
    };
    Event::of(&key.key_id, key.version, &fact)
}

/// A key was revoked.
#[must_use]
pub fn key_revoked(key: &Key) -> Event {
    let fact = proto::ApiKeyRevoked {
        key_id: key.key_id.clone(),
        tenant_id: key.tenant_id.clone(),
        environment: key.environment().map_or(0, |e| wire::Environment::from(e).into()),
    };
    Event::of(&key.key_id, key.version, &fact)
}

/// A key has a successor, and an end.
#[must_use]
pub fn key_rotated(key: &Key, successor: &str) -> Event {
    let fact = proto::ApiKeyRotated {
        key_id: key.key_id.clone(),
        tenant_id: key.tenant_id.clone(),
        environment: key.environment().map_or(0, |e| wire::Environment::from(e).into()),
        successor_key_id: successor.into(),
        expires_at: key.expires_at.map(timestamp),
    };
    Event::of(&key.key_id, key.version, &fact)
}
