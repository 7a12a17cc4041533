//! Tenants.

use sqlx::{PgConnection, PgPool};
use tollgate_commons::{operation, store};
use uuid::Uuid;

use crate::domain::tenant::TenantState;
use crate::error::Error;
use crate::events;

/// Creates a tenant and returns its id.
///
/// # Errors
/// [`Error::Store`] if the database fails or refuses the name.
pub async fn create(pool: &PgPool, name: &str, state: TenantState) -> Result<String, Error> {
    let tenant_id = format!("tnt_{}", Uuid::now_v7().simple());
    operation::run_as_operator(pool, &tenant_id, None, async |unit| {
        sqlx::query!(
            "INSERT INTO tenants (tenant_id, name, state, version) VALUES ($1, $2, $3, 1)",
            tenant_id,
            name,
            state.as_str(),
        )
        .execute(unit.connection())
        .await
        .map_err(store::Error::doing("insert a tenant"))?;

        let created = events::tenant_created(&tenant_id, name, state);
        unit.append(&events::topics(None), created).await?;
        Ok::<_, Error>(())
    })
    .await?;
    Ok(tenant_id)
}

/// Moves a tenant to its next state.
///
/// # Errors
/// [`Error::NoTenant`], or [`Error::NoSuchStep`] if its state has no such step.
pub async fn step(
    pool: &PgPool,
    tenant_id: &str,
    to: TenantState,
    reason: &str,
) -> Result<(), Error> {
    operation::run_as_operator(pool, tenant_id, None, async |unit| {
        let row = sqlx::query!(
            "SELECT state, version FROM tenants WHERE tenant_id = $1 FOR UPDATE",
            tenant_id,
        )
        .fetch_optional(unit.connection())
        .await
        .map_err(store::Error::doing("lock a tenant"))?
        .ok_or(Error::NoTenant)?;
        let from = parse_state(&row.state)?;
        if !from.may_become(to) {
            return Err(Error::NoSuchStep { from: from.as_str(), to: to.as_str() });
        }

        sqlx::query!(
            "UPDATE tenants SET state = $2, version = version + 1, updated_at = now()
             WHERE tenant_id = $1",
            tenant_id,
            to.as_str(),
        )
        .execute(unit.connection())
        .await
        .map_err(store::Error::doing("update a tenant"))?;

        let version = row.version + 1;
        let changed = events::tenant_state_changed(tenant_id, version, (from, to), reason);
        unit.append(&events::topics(None), changed).await?;
        Ok(())
    })
    .await
}

/// Reads a tenant's state and locks it against change until the transaction ends.
pub(super) async fn lock_state(
    connection: &mut PgConnection,
    tenant_id: &str,
) -> Result<TenantState, Error> {
    let state =
        sqlx::query_scalar!("SELECT state FROM tenants WHERE tenant_id = $1 FOR SHARE", tenant_id,)
            .fetch_optional(connection)
            .await
            .map_err(store::Error::doing("read a tenant"))?;
    parse_state(&state.ok_or(Error::NoTenant)?)
}

pub(super) fn parse_state(state: &str) -> Result<TenantState, Error> {
    state.parse().map_err(|_| Error::Corrupt { doing: "read a tenant's state" })
}
