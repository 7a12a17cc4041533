//! Deposit accounts. A balance is the sum of the account's postings.

use time::OffsetDateTime;
use tollgate_commons::operation::Unit;
use tollgate_commons::store;
use uuid::Uuid;

use super::{Owner, View};
use crate::domain::money::Currency;
use crate::error::Error;
use crate::events;

/// A stored account.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Account {
    /// Its identifier.
    pub deposit_account_id: String,
    /// Of everything in it.
    pub currency: String,
    /// For the tenant's own use.
    pub label: String,
    /// In minor units.
    pub balance: i64,
    /// By database time.
    pub created_at: OffsetDateTime,
}

/// Opens an account.
///
/// # Errors
/// When the database fails.
pub async fn open(unit: &mut Unit, currency: &Currency, label: &str) -> Result<Account, Error> {
    let owner = Owner::of(unit)?;
    let account: Account = sqlx::query_as(
        "INSERT INTO deposit_accounts
             (deposit_account_id, tenant_id, environment, currency, label, version)
         VALUES ($1, $2, $3, $4, $5, 1)
         RETURNING deposit_account_id, currency, label, 0::bigint AS balance, created_at",
    )
    .bind(format!("acc_{}", Uuid::now_v7().simple()))
    .bind(&owner.tenant_id)
    .bind(owner.environment.as_str())
    .bind(currency.as_str())
    .bind(label)
    .fetch_one(unit.connection())
    .await
    .map_err(store::Error::doing("insert an account"))?;
    let created = events::account_created(&account);
    unit.append(&events::topics(owner.environment), created).await?;
    Ok(account)
}

impl View<'_> {
    /// Reads an account.
    ///
    /// # Errors
    /// [`Error::NoAccount`] for unknown and foreign ones alike.
    pub async fn account(&mut self, deposit_account_id: &str) -> Result<Account, Error> {
        let account: Option<Account> = sqlx::query_as(
            "SELECT deposit_account_id, currency, label, created_at,
                    (SELECT coalesce(sum(p.minor_units), 0)::bigint FROM postings p
                     WHERE p.ledger_account = 'account:' || a.deposit_account_id) AS balance
             FROM deposit_accounts a
             WHERE tenant_id = $1 AND environment = $2 AND deposit_account_id = $3",
        )
        .bind(&self.owner.tenant_id)
        .bind(self.owner.environment.as_str())
        .bind(deposit_account_id)
        .fetch_optional(&mut *self.connection)
        .await
        .map_err(store::Error::doing("read an account"))?;
        account.ok_or(Error::NoAccount)
    }

    /// Lists accounts below `before`, the newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn accounts(
        &mut self,
        before: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Account>, Error> {
        sqlx::query_as(
            "SELECT deposit_account_id, currency, label, created_at,
                    (SELECT coalesce(sum(p.minor_units), 0)::bigint FROM postings p
                     WHERE p.ledger_account = 'account:' || a.deposit_account_id) AS balance
             FROM deposit_accounts a
             WHERE tenant_id = $1 AND environment = $2
               AND ($3::text IS NULL OR deposit_account_id < $3)
             ORDER BY deposit_account_id DESC LIMIT $4",
        )
        .bind(&self.owner.tenant_id)
        .bind(self.owner.environment.as_str())
        .bind(before)
        .bind(limit)
        .fetch_all(&mut *self.connection)
        .await
        .map_err(|source| store::Error::doing("list accounts")(source).into())
    }
}
