//! The credential look-up: by digest, on a unique index, then compared in constant time.

use sqlx::PgPool;
use subtle::ConstantTimeEq as _;
use time::OffsetDateTime;
use tollgate_commons::{Access, Environment, store};

use super::tenants;
use crate::error::Error;
use crate::pepper::Peppered;

/// A key that may be used now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Whose it is.
    pub tenant_id: String,
    /// Where it counts.
    pub environment: Environment,
    /// Its identifier.
    pub key_id: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// What the tenant's state allows.
    pub access: Access,
    /// None: does not expire.
    pub expires_at: Option<OffsetDateTime>,
}

#[derive(sqlx::FromRow)]
struct Row {
    tenant_id: String,
    environment: String,
    key_id: String,
    digest: Vec<u8>,
    pepper_version: i32,
    scopes: Vec<String>,
    expires_at: Option<OffsetDateTime>,
    usable: bool,
    state: String,
}

/// Finds a usable key by what it may be stored as. Unknown, revoked and expired ones go the same way.
///
/// # Errors
/// When the database fails.
pub async fn resolve(pool: &PgPool, candidates: &[Peppered]) -> Result<Option<Credential>, Error> {
    let digests: Vec<&[u8]> = candidates.iter().map(|c| c.digest.as_slice()).collect();
    let row: Option<Row> = sqlx::query_as(
        "SELECT k.tenant_id, k.environment, k.key_id, k.digest, k.pepper_version, k.scopes,
                k.expires_at, t.state,
                k.revoked_at IS NULL AND coalesce(k.expires_at > clock_timestamp(), true) AS usable
         FROM api_keys k JOIN tenants t USING (tenant_id)
         WHERE k.digest = ANY($1)",
    )
    .bind(digests)
    .fetch_optional(pool)
    .await
    .map_err(store::Error::doing("look a credential up"))?;
    row.map_or(Ok(None), |row| judge(row, candidates))
}

fn judge(row: Row, candidates: &[Peppered]) -> Result<Option<Credential>, Error> {
    let genuine = candidates.iter().fold(subtle::Choice::from(0), |found, candidate| {
        let same = candidate.digest.ct_eq(&row.digest);
        found | (same & candidate.version.ct_eq(&row.pepper_version))
    });
    let environment: Environment =
        row.environment.parse().map_err(|_| Error::Broken { doing: "read a key's environment" })?;
    let access = tenants::parse(&row.state)?.access(environment);
    let usable = bool::from(genuine) && row.usable;
    Ok(access.filter(|_| usable).map(|access| Credential {
        tenant_id: row.tenant_id,
        environment,
        key_id: row.key_id,
        scopes: row.scopes,
        access,
        expires_at: row.expires_at,
    }))
}
