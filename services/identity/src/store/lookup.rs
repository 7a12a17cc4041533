//! The credential look-up: by digest on a unique index, then compared in constant time.

use sqlx::PgPool;
use subtle::ConstantTimeEq as _;
use time::OffsetDateTime;
use tollgate_commons::{Environment, store};

use super::rows::UsableCredential;
use super::tenants;
use crate::error::Error;
use crate::pepper::PepperedDigest;

struct CredentialRow {
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

/// Finds a usable credential by the digests that it may be stored as. Unknown, revoked and expired
/// ones are all none.
///
/// # Errors
/// [`Error::Store`] if the database fails; [`Error::Corrupt`].
pub async fn resolve(
    pool: &PgPool,
    candidates: &[PepperedDigest],
) -> Result<Option<UsableCredential>, Error> {
    let digests: Vec<Vec<u8>> = candidates.iter().map(|c| c.digest.clone()).collect();
    let row = sqlx::query_as!(
        CredentialRow,
        r#"SELECT k.tenant_id, k.environment, k.key_id, k.digest, k.pepper_version, k.scopes,
                  k.expires_at, t.state,
                  k.revoked_at IS NULL AND coalesce(k.expires_at > clock_timestamp(), true)
                      AS "usable!"
           FROM api_keys k JOIN tenants t USING (tenant_id)
           WHERE k.digest = ANY($1)"#,
        &digests,
    )
    .fetch_optional(pool)
    .await
    .map_err(store::Error::doing("look up a credential"))?;
    row.map_or(Ok(None), |row| usable(row, candidates))
}

fn usable(
    row: CredentialRow,
    candidates: &[PepperedDigest],
) -> Result<Option<UsableCredential>, Error> {
    // Every candidate is compared, so that the time does not depend on which one matches.
    let genuine = candidates.iter().fold(subtle::Choice::from(0), |matched, candidate| {
        let same_digest = candidate.digest.ct_eq(&row.digest);
        matched | (same_digest & candidate.version.ct_eq(&row.pepper_version))
    });

    let environment = Environment::from_word(&row.environment)
        .ok_or(Error::Corrupt { doing: "read a key's environment" })?;
    let access = tenants::parse_state(&row.state)?.access(environment);
    let usable = bool::from(genuine) && row.usable;
    Ok(access.filter(|_| usable).map(|access| UsableCredential {
        tenant_id: row.tenant_id,
        environment,
        key_id: row.key_id,
        scopes: row.scopes,
        access,
        expires_at: row.expires_at,
    }))
}
