//! Deposit accounts. A balance is the sum of the account's postings.

use tollgate_commons::operation::UnitOfWork;
use tollgate_commons::request::PageRequest;
use tollgate_commons::store;
use uuid::Uuid;

use super::rows::Account;
use super::{Owner, View};
use crate::domain::money::Currency;
use crate::error::Error;
use crate::events;

/// Opens an account.
///
/// # Errors
/// [`Error::Store`] if the database fails.
pub async fn open(
    unit: &mut UnitOfWork,
    currency: &Currency,
    label: &str,
) -> Result<Account, Error> {
    let owner = Owner::of(unit)?;
    let account = sqlx::query_as!(
        Account,
        r#"INSERT INTO deposit_accounts
               (deposit_account_id, tenant_id, environment, currency, label, version)
           VALUES ($1, $2, $3, $4, $5, 1)
           RETURNING deposit_account_id, currency, label, 0::bigint AS "balance!", created_at"#,
        format!("acc_{}", Uuid::now_v7().simple()),
        owner.tenant_id,
        owner.environment.as_str(),
        currency.as_str(),
        label,
    )
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
    /// [`Error::NoAccount`] if it is unknown or another owner's.
    pub async fn account(&mut self, deposit_account_id: &str) -> Result<Account, Error> {
        let account = sqlx::query_as!(
            Account,
            r#"SELECT deposit_account_id, currency, label, created_at,
                      (SELECT coalesce(sum(p.minor_units), 0)::bigint FROM postings p
                       WHERE p.ledger_account = 'account:' || a.deposit_account_id) AS "balance!"
               FROM deposit_accounts a
               WHERE tenant_id = $1 AND environment = $2 AND deposit_account_id = $3"#,
            self.owner.tenant_id,
            self.owner.environment.as_str(),
            deposit_account_id,
        )
        .fetch_optional(&mut *self.connection)
        .await
        .map_err(store::Error::doing("read an account"))?;
        account.ok_or(Error::NoAccount)
    }

    /// Lists the accounts of a page, the newest first, and one more if another page follows.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn accounts(&mut self, page: &PageRequest) -> Result<Vec<Account>, Error> {
        sqlx::query_as!(
            Account,
            r#"SELECT deposit_account_id, currency, label, created_at,
                      (SELECT coalesce(sum(p.minor_units), 0)::bigint FROM postings p
                       WHERE p.ledger_account = 'account:' || a.deposit_account_id) AS "balance!"
               FROM deposit_accounts a
               WHERE tenant_id = $1 AND environment = $2
                 AND ($3::text IS NULL OR deposit_account_id < $3)
               ORDER BY deposit_account_id DESC LIMIT $4"#,
            self.owner.tenant_id,
            self.owner.environment.as_str(),
            page.before(),
            page.limit(),
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(|source| store::Error::doing("list accounts")(source).into())
    }
}
