//! Conversions from messages to checked values, and from rows to messages.

use std::time::Duration;

use tollgate_commons::{Error, events::timestamp};
use tollgate_proto::identity as proto;
use tollgate_proto::principal as wire;

use crate::store::rows::{ApiKey, UsableCredential};

const DAY: u64 = 24 * 60 * 60;

/// Longest lifetime of a key.
const LIFETIME_MAX: Duration = Duration::from_secs(400 * DAY);
/// Longest time for which a rotated key and its successor both work.
const OVERLAP_MAX: Duration = Duration::from_secs(7 * DAY);

pub(super) fn api_key(key: &ApiKey) -> proto::ApiKey {
    proto::ApiKey {
        key_id: key.key_id.clone(),
        environment: key.environment_number(),
        scopes: key.scopes.clone(),
        last_four: key.last_four.clone(),
        label: key.label.clone(),
        created_at: Some(timestamp(key.created_at)),
        expires_at: key.expires_at.map(timestamp),
        revoked_at: key.revoked_at.map(timestamp),
    }
}

pub(super) fn credential(credential: UsableCredential) -> proto::Credential {
    proto::Credential {
        tenant_id: credential.tenant_id,
        environment: wire::Environment::from(credential.environment).into(),
        key_id: credential.key_id,
        scopes: credential.scopes,
        access: wire::Access::from(credential.access).into(),
        expires_at: credential.expires_at.map(timestamp),
    }
}

pub(super) fn lifetime(duration: Option<prost_types::Duration>) -> Result<Option<Duration>, Error> {
    let refused = || Error::invalid("lifetime", "OUT_OF_RANGE", "1 second to 400 days");
    let Some(duration) = duration else { return Ok(None) };
    let lifetime = Duration::try_from(duration).map_err(|_| refused())?;
    if lifetime < Duration::from_secs(1) || lifetime > LIFETIME_MAX {
        return Err(refused());
    }
    Ok(Some(lifetime))
}

pub(super) fn overlap(duration: Option<prost_types::Duration>) -> Result<Duration, Error> {
    let refused = || Error::invalid("overlap", "OUT_OF_RANGE", "0 seconds to 7 days");
    let overlap = duration.map_or(Ok(Duration::ZERO), Duration::try_from);
    overlap.ok().filter(|overlap| *overlap <= OVERLAP_MAX).ok_or_else(refused)
}
