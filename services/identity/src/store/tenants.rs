//! Tenants.

use tollgate_commons::operation::{Begun, Scope, Unit};
use tollgate_commons::store;
use uuid::Uuid;

use sqlx::{PgConnection, PgPool};

use crate::domain::tenant::TenantState;
use crate::error::Error;
use crate::events;

/// Makes a tenant and returns its id.
///
/// # Errors
/// When the database fails or refuses the name.
pub async fn create(pool: &PgPool, name: &str, state: TenantState) -> Result<String, Error> {
    let tenant_id = format!("tnt_{}", Uuid::now_v7().simple());
    let mut unit = operator_unit(pool, &tenant_id, "tenant create").await?;
    sqlx::query("INSERT INTO tenants (tenant_id, name, state, version) VALUES ($1, $2, $3, 1)")
        .bind(&tenant_id)
        .bind(name)
        .bind(state.as_str())
        .execute(unit.connection())
        .await
        .map_err(store::Error::doing("insert a tenant"))?;
    let created = events::tenant_created(&tenant_id, name, state);
    unit.append(&events::topics(None), created).await?;
    unit.commit(&()).await?;
    Ok(tenant_id)
}

/// Takes a tenant one step on.
///
/// # Errors
/// When there is no such tenant or no such step.
pub async fn step(
    pool: &PgPool,
    tenant_id: &str,
    to: TenantState,
    reason: &str,
) -> Result<(), Error> {
    let mut unit = operator_unit(pool, tenant_id, "tenant step").await?;
    let row: Option<(String, i64)> =
        sqlx::query_as("SELECT state, version FROM tenants WHERE tenant_id = $1 FOR UPDATE")
            .bind(tenant_id)
            .fetch_optional(unit.connection())
            .await
            .map_err(store::Error::doing("lock a tenant"))?;
    let (state, version) = row.ok_or(Error::NoTenant)?;
    let from = parse(&state)?;
    if !from.may_become(to) {
        return Err(Error::NoSuchStep { from: from.as_str(), to: to.as_str() });
    }
    sqlx::query(
        "UPDATE tenants SET state = $2, version = version + 1, updated_at = now()
         WHERE tenant_id = $1",
    )
    .bind(tenant_id)
    .bind(to.as_str())
    .execute(unit.connection())
    .await
    .map_err(store::Error::doing("update a tenant"))?;
    let changed = events::tenant_state_changed(tenant_id, version + 1, (from, to), reason);
    unit.append(&events::topics(None), changed).await?;
    unit.commit(&()).await?;
    Ok(())
}

/// Reads a tenant's state and keeps it from changing until the transaction ends.
pub(super) async fn hold(
    connection: &mut PgConnection,
    tenant_id: &str,
) -> Result<TenantState, Error> {
    let state: Option<String> =
        sqlx::query_scalar("SELECT state FROM tenants WHERE tenant_id = $1 FOR SHARE")
            .bind(tenant_id)
            .fetch_optional(connection)
            .await
            .map_err(store::Error::doing("read a tenant"))?;
    parse(&state.ok_or(Error::NoTenant)?)
}

pub(super) fn parse(state: &str) -> Result<TenantState, Error> {
    state.parse().map_err(|_| Error::Broken { doing: "read a tenant's state" })
}

async fn operator_unit(
    pool: &PgPool,
    tenant_id: &str,
    method: &'static str,
) -> Result<Unit, Error> {
    match Unit::begin(pool, Scope::of_operator(tenant_id, None), method).await? {
        Begun::Fresh(unit) => Ok(unit),
        Begun::Earlier(_) => Err(Error::Broken { doing: "begin without an operation key" }),
    }
}
