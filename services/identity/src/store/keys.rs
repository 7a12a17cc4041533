//! API keys, always of one tenant in one environment.

use std::time::Duration;

use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;
use tollgate_commons::operation::Unit;
use tollgate_commons::{Environment, store};
use uuid::Uuid;

use super::tenants;
use crate::error::Error;
use crate::events;
use crate::pepper::Peppered;

/// A stored key.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Key {
    /// Its identifier.
    pub key_id: String,
    /// Whose it is.
    pub tenant_id: String,
    environment: String,
    /// Of the form `resource:action`.
    pub scopes: Vec<String>,
    /// The key's last characters.
    pub last_four: String,
    /// For the tenant's own use.
    pub label: String,
    /// Of its event stream.
    pub version: i64,
    /// By database time.
    pub created_at: OffsetDateTime,
    /// None: does not expire.
    pub expires_at: Option<OffsetDateTime>,
    /// None: not revoked.
    pub revoked_at: Option<OffsetDateTime>,
}

/// A key to be stored.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// What it is found by.
    pub peppered: Peppered,
    /// Its last characters.
    pub last_four: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// For the tenant's own use.
    pub label: String,
    /// None: does not expire.
    pub lifetime: Option<Duration>,
    /// The key that it replaces.
    pub succeeds: Option<String>,
}

impl Key {
    /// Its environment.
    #[must_use]
    pub fn environment(&self) -> Option<Environment> {
        self.environment.parse().ok()
    }
}

/// Lists keys below `before`, the newest first.
///
/// # Errors
/// When the database fails.
pub async fn list(
    pool: &PgPool,
    tenant_id: &str,
    environment: Environment,
    before: Option<&str>,
    limit: i64,
) -> Result<Vec<Key>, Error> {
    sqlx::query_as(
        "SELECT key_id, tenant_id, environment, scopes, last_four, label, version, created_at,
                expires_at, revoked_at
         FROM api_keys
         WHERE tenant_id = $1 AND environment = $2 AND ($3::text IS NULL OR key_id < $3)
         ORDER BY key_id DESC LIMIT $4",
    )
    .bind(tenant_id)
    .bind(environment.as_str())
    .bind(before)
    .bind(limit)
    .fetch_all(pool)
    .await
    .map_err(|source| store::Error::doing("list keys")(source).into())
}

/// Stores a key of the unit's tenant and environment, if the tenant's state allows one there.
///
/// # Errors
/// [`Error::MintNotAllowed`], or when the database fails.
pub async fn insert(unit: &mut Unit, new: NewKey) -> Result<Key, Error> {
    let (tenant_id, environment) = owner(unit)?;
    let state = tenants::hold(unit.connection(), &tenant_id).await?;
    if !state.may_mint(environment) {
        return Err(Error::MintNotAllowed);
    }
    let seconds = new.lifetime.map(|l| i64::try_from(l.as_secs()).unwrap_or(i64::MAX));
    let key: Key = sqlx::query_as(
        "INSERT INTO api_keys (key_id, tenant_id, environment, digest, pepper_version, last_four,
                               scopes, label, succeeds_key_id, version, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, now() + $10::bigint * interval '1 second')
         RETURNING key_id, tenant_id, environment, scopes, last_four, label, version, created_at,
                   expires_at, revoked_at",
    )
    .bind(format!("key_{}", Uuid::now_v7().simple()))
    .bind(&tenant_id)
    .bind(environment.as_str())
    .bind(&new.peppered.digest)
    .bind(new.peppered.version)
    .bind(&new.last_four)
    .bind(&new.scopes)
    .bind(&new.label)
    .bind(&new.succeeds)
    .bind(seconds)
    .fetch_one(unit.connection())
    .await
    .map_err(store::Error::doing("insert a key"))
    .map_err(|error| match error.violates("api_keys_succeeds") {
        true => Error::AlreadyRotated,
        false => error.into(),
    })?;
    let minted = events::key_minted(&key, new.succeeds.as_deref());
    unit.append(&events::topics(Some(environment)), minted).await?;
    Ok(key)
}

/// Reads one of the unit's keys and keeps it from changing; tells whether it may still be used.
///
/// # Errors
/// [`Error::NoKey`] for unknown and foreign ones alike.
pub async fn lock(unit: &mut Unit, key_id: &str) -> Result<(Key, bool), Error> {
    let (tenant_id, environment) = owner(unit)?;
    let connection = unit.connection();
    let key: Option<Key> = sqlx::query_as(
        "SELECT key_id, tenant_id, environment, scopes, last_four, label, version, created_at,
                expires_at, revoked_at
         FROM api_keys WHERE tenant_id = $1 AND environment = $2 AND key_id = $3 FOR UPDATE",
    )
    .bind(&tenant_id)
    .bind(environment.as_str())
    .bind(key_id)
    .fetch_optional(&mut *connection)
    .await
    .map_err(store::Error::doing("lock a key"))?;
    let key = key.ok_or(Error::NoKey)?;
    let active = key.revoked_at.is_none() && !past(connection, key.expires_at).await?;
    Ok((key, active))
}

/// Tells whose key it is: for operators, who alone may ask without being the tenant.
///
/// # Errors
/// [`Error::NoKey`].
pub async fn owner_of(pool: &PgPool, key_id: &str) -> Result<(String, Environment), Error> {
    let row: Option<(String, String)> =
        sqlx::query_as("SELECT tenant_id, environment FROM api_keys WHERE key_id = $1")
            .bind(key_id)
            .fetch_optional(pool)
            .await
            .map_err(store::Error::doing("look a key's owner up"))?;
    let (tenant_id, environment) = row.ok_or(Error::NoKey)?;
    let environment =
        environment.parse().map_err(|_| Error::Broken { doing: "read a key's environment" })?;
    Ok((tenant_id, environment))
}

/// Revokes a locked key. One that is revoked already stays as it is.
///
/// # Errors
/// When the database fails.
pub async fn revoke(unit: &mut Unit, key: Key) -> Result<Key, Error> {
    if key.revoked_at.is_some() {
        return Ok(key);
    }
    let key: Key = sqlx::query_as(
        "UPDATE api_keys SET revoked_at = now(), version = version + 1 WHERE key_id = $1
         RETURNING key_id, tenant_id, environment, scopes, last_four, label, version, created_at,
                   expires_at, revoked_at",
    )
    .bind(&key.key_id)
    .fetch_one(unit.connection())
    .await
    .map_err(store::Error::doing("revoke a key"))?;
    unit.append(&events::topics(key.environment()), events::key_revoked(&key)).await?;
    Ok(key)
}

/// Gives a locked key an end, unless it has an earlier one, and names its successor.
///
/// # Errors
/// When the database fails.
pub async fn retire(
    unit: &mut Unit,
    key: &Key,
    overlap: Duration,
    successor: &str,
) -> Result<Key, Error> {
    let key: Key = sqlx::query_as(
        "UPDATE api_keys SET version = version + 1,
                expires_at = least(expires_at, now() + $2::bigint * interval '1 second')
         WHERE key_id = $1
         RETURNING key_id, tenant_id, environment, scopes, last_four, label, version, created_at,
                   expires_at, revoked_at",
    )
    .bind(&key.key_id)
    .bind(i64::try_from(overlap.as_secs()).unwrap_or(0))
    .fetch_one(unit.connection())
    .await
    .map_err(store::Error::doing("retire a key"))?;
    unit.append(&events::topics(key.environment()), events::key_rotated(&key, successor)).await?;
    Ok(key)
}

/// Judged by the database's clock, which all processes share.
async fn past(
    connection: &mut PgConnection,
    moment: Option<OffsetDateTime>,
) -> Result<bool, Error> {
    let Some(moment) = moment else { return Ok(false) };
    sqlx::query_scalar("SELECT $1 <= clock_timestamp()")
        .bind(moment)
        .fetch_one(connection)
        .await
        .map_err(|source| store::Error::doing("read the database's clock")(source).into())
}

fn owner(unit: &Unit) -> Result<(String, Environment), Error> {
    let scope = unit.scope();
    let environment =
        scope.environment().ok_or(Error::Broken { doing: "touch a key without an environment" })?;
    Ok((scope.tenant_id().to_owned(), environment))
}
