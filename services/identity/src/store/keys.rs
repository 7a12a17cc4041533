//! API keys, each of one tenant in one environment.

use std::time::Duration;

use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;
use tollgate_commons::operation::UnitOfWork;
use tollgate_commons::request::PageRequest;
use tollgate_commons::{Environment, store};
use uuid::Uuid;

use super::rows::ApiKey;
use super::tenants;
use crate::error::Error;
use crate::events;
use crate::pepper::PepperedDigest;

/// An API key to be stored.
#[derive(Debug, Clone)]
pub struct NewApiKey {
    /// The digest by which it is found.
    pub peppered: PepperedDigest,
    /// The key's last characters.
    pub last_four: String,
    /// Its scopes.
    pub scopes: Vec<String>,
    /// A text for the tenant's own use.
    pub label: String,
    /// Its lifetime; none if it does not expire.
    pub lifetime: Option<Duration>,
    /// The id of the key that it replaces.
    pub succeeds: Option<String>,
}

/// Lists the keys of a page, the newest first, and one more if another page follows.
///
/// # Errors
/// [`Error::Store`] if the database fails.
pub async fn list(
    pool: &PgPool,
    tenant_id: &str,
    environment: Environment,
    page: &PageRequest,
) -> Result<Vec<ApiKey>, Error> {
    sqlx::query_as!(
        ApiKey,
        "SELECT key_id, tenant_id, environment, scopes, last_four, label, version, created_at,
                expires_at, revoked_at
         FROM api_keys
         WHERE tenant_id = $1 AND environment = $2 AND ($3::text IS NULL OR key_id < $3)
         ORDER BY key_id DESC LIMIT $4",
        tenant_id,
        environment.as_str(),
        page.before(),
        page.limit(),
    )
    .fetch_all(pool)
    .await
    .map_err(|source| store::Error::doing("list keys")(source).into())
}

/// Stores a key for the command's tenant and environment, if the tenant's state allows one there.
///
/// # Errors
/// [`Error::MintNotAllowed`]; [`Error::AlreadyRotated`] if the key that it replaces has a successor.
pub async fn insert(unit: &mut UnitOfWork, new: NewApiKey) -> Result<ApiKey, Error> {
    let (tenant_id, environment) = owner(unit)?;
    let state = tenants::lock_state(unit.connection(), &tenant_id).await?;
    if !state.may_mint(environment) {
        return Err(Error::MintNotAllowed);
    }

    let lifetime_seconds = new.lifetime.map(|l| i64::try_from(l.as_secs()).unwrap_or(i64::MAX));
    let key = sqlx::query_as!(
        ApiKey,
        "INSERT INTO api_keys (key_id, tenant_id, environment, digest, pepper_version, last_four,
                               scopes, label, succeeds_key_id, version, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, now() + $10::bigint * interval '1 second')
         ON CONFLICT ON CONSTRAINT api_keys_succeeds DO NOTHING
         RETURNING key_id, tenant_id, environment, scopes, last_four, label, version, created_at,
                   expires_at, revoked_at",
        format!("key_{}", Uuid::now_v7().simple()),
        tenant_id,
        environment.as_str(),
        new.peppered.digest,
        new.peppered.version,
        new.last_four,
        &new.scopes,
        new.label,
        new.succeeds,
        lifetime_seconds,
    )
    .fetch_optional(unit.connection())
    .await
    .map_err(store::Error::doing("insert a key"))?;
    let key = key.ok_or(Error::AlreadyRotated)?;

    let minted = events::key_minted(&key, new.succeeds.as_deref());
    unit.append(&events::topics(Some(environment)), minted).await?;
    Ok(key)
}

/// Reads a key of the command's tenant and locks it against change; true if it may still be used.
///
/// # Errors
/// [`Error::NoKey`] if it is unknown or another owner's.
pub async fn lock(unit: &mut UnitOfWork, key_id: &str) -> Result<(ApiKey, bool), Error> {
    let (tenant_id, environment) = owner(unit)?;
    let connection = unit.connection();
    let key = sqlx::query_as!(
        ApiKey,
        "SELECT key_id, tenant_id, environment, scopes, last_four, label, version, created_at,
                expires_at, revoked_at
         FROM api_keys WHERE tenant_id = $1 AND environment = $2 AND key_id = $3 FOR UPDATE",
        tenant_id,
        environment.as_str(),
        key_id,
    )
    .fetch_optional(&mut *connection)
    .await
    .map_err(store::Error::doing("lock a key"))?
    .ok_or(Error::NoKey)?;

    let is_active = key.revoked_at.is_none() && !is_past(connection, key.expires_at).await?;
    Ok((key, is_active))
}

/// Returns the tenant and the environment of a key. For operators, who alone need not be its owner.
///
/// # Errors
/// [`Error::NoKey`].
pub async fn owner_of(pool: &PgPool, key_id: &str) -> Result<(String, Environment), Error> {
    let row = sqlx::query!("SELECT tenant_id, environment FROM api_keys WHERE key_id = $1", key_id)
        .fetch_optional(pool)
        .await
        .map_err(store::Error::doing("look up a key's owner"))?
        .ok_or(Error::NoKey)?;
    let environment = Environment::from_word(&row.environment)
        .ok_or(Error::Corrupt { doing: "read a key's environment" })?;
    Ok((row.tenant_id, environment))
}

/// Revokes a locked key. A revoked one stays as it is.
///
/// # Errors
/// [`Error::Store`] if the database fails.
pub async fn revoke(unit: &mut UnitOfWork, key: ApiKey) -> Result<ApiKey, Error> {
    if key.revoked_at.is_some() {
        return Ok(key);
    }
    let key = sqlx::query_as!(
        ApiKey,
        "UPDATE api_keys SET revoked_at = now(), version = version + 1 WHERE key_id = $1
         RETURNING key_id, tenant_id, environment, scopes, last_four, label, version, created_at,
                   expires_at, revoked_at",
        key.key_id,
    )
    .fetch_one(unit.connection())
    .await
    .map_err(store::Error::doing("revoke a key"))?;

    unit.append(&events::topics(key.environment()), events::key_revoked(&key)).await?;
    Ok(key)
}

/// Sets the end of a locked key, unless it has an earlier one, and records its successor.
///
/// # Errors
/// [`Error::Store`] if the database fails.
pub async fn retire(
    unit: &mut UnitOfWork,
    key: &ApiKey,
    overlap: Duration,
    successor: &str,
) -> Result<ApiKey, Error> {
    let key = sqlx::query_as!(
        ApiKey,
        "UPDATE api_keys SET version = version + 1,
                expires_at = least(expires_at, now() + $2::bigint * interval '1 second')
         WHERE key_id = $1
         RETURNING key_id, tenant_id, environment, scopes, last_four, label, version, created_at,
                   expires_at, revoked_at",
        key.key_id,
        i64::try_from(overlap.as_secs()).unwrap_or(0),
    )
    .fetch_one(unit.connection())
    .await
    .map_err(store::Error::doing("retire a key"))?;

    unit.append(&events::topics(key.environment()), events::key_rotated(&key, successor)).await?;
    Ok(key)
}

/// Compares with the database's clock, which all processes share.
async fn is_past(
    connection: &mut PgConnection,
    moment: Option<OffsetDateTime>,
) -> Result<bool, Error> {
    let Some(moment) = moment else { return Ok(false) };
    sqlx::query_scalar!(r#"SELECT $1 <= clock_timestamp() AS "past!""#, moment)
        .fetch_one(connection)
        .await
        .map_err(|source| store::Error::doing("read the database's clock")(source).into())
}

fn owner(unit: &UnitOfWork) -> Result<(String, Environment), Error> {
    let context = unit.context();
    let environment = context
        .environment()
        .ok_or(Error::Corrupt { doing: "touch a key without an environment" })?;
    Ok((context.tenant_id().to_owned(), environment))
}
