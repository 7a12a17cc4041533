//! Deposits: state, events, outbox and postings in one transaction.

use tollgate_commons::operation::UnitOfWork;
use tollgate_commons::store;
use uuid::Uuid;

use super::rows::Deposit;
use super::{Owner, View};
use crate::domain::deposit::{self, Fact, Posting, State, Transition};
use crate::domain::money::Amount;
use crate::error::Error;
use crate::events;

/// Registers a deposit into an account.
///
/// # Errors
/// [`Error::NoAccount`], [`Error::OtherCurrency`] or [`Error::ReferenceExists`].
pub async fn register(
    unit: &mut UnitOfWork,
    deposit_account_id: &str,
    amount: &Amount,
    reference: &str,
) -> Result<Deposit, Error> {
    let owner = Owner::of(unit)?;
    let account = View::new(unit.connection(), owner.clone()).account(deposit_account_id).await?;
    if account.currency != amount.currency().as_str() {
        return Err(Error::OtherCurrency);
    }

    let deposit = sqlx::query_as!(
        Deposit,
        "INSERT INTO deposits (deposit_id, deposit_account_id, tenant_id, environment, minor_units,
                               currency, state, reference, version)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1)
         ON CONFLICT ON CONSTRAINT deposits_reference DO NOTHING
         RETURNING deposit_id, deposit_account_id, minor_units, currency, state, facts, reference,
                   version, created_at, updated_at",
        format!("dep_{}", Uuid::now_v7().simple()),
        deposit_account_id,
        owner.tenant_id,
        owner.environment.as_str(),
        amount.minor_units(),
        amount.currency().as_str(),
        State::Detected.as_str(),
        reference,
    )
    .fetch_optional(unit.connection())
    .await
    .map_err(store::Error::doing("insert a deposit"))?;
    let deposit = deposit.ok_or(Error::ReferenceExists)?;

    unit.append(&events::topics(owner.environment), events::registered(&deposit)).await?;
    Ok(deposit)
}

/// Applies a fact to a deposit in this transaction.
///
/// # Errors
/// [`Error::NoDeposit`]; [`Error::Anomaly`], after an event that is to be committed.
pub async fn advance(
    unit: &mut UnitOfWork,
    deposit_id: &str,
    fact: Fact,
) -> Result<Deposit, Error> {
    let owner = Owner::of(unit)?;
    let deposit = lock(unit, &owner, deposit_id).await?;
    let state = deposit.state()?;

    match deposit::decide(state, deposit.facts(), fact) {
        Transition::Moved(to) => {
            let postings = deposit::postings(fact, &deposit.deposit_account_id, &deposit.amount()?);
            let advanced = events::advanced(&deposit, fact, (state, to), &postings);
            let envelope = unit.append(&events::topics(owner.environment), advanced).await?;
            insert_postings(unit, &owner, &envelope.event_id, &deposit.currency, &postings).await?;
            update(unit, &deposit, to, fact).await
        }
        Transition::Repeated => Ok(deposit),
        Transition::Anomaly => {
            let anomaly = events::anomaly(&deposit, fact, state);
            unit.append(&events::topics(owner.environment), anomaly).await?;
            increment_version(unit, &deposit).await?;
            Err(Error::Anomaly { state: state.as_str() })
        }
    }
}

impl View<'_> {
    /// Reads a deposit.
    ///
    /// # Errors
    /// [`Error::NoDeposit`] if it is unknown or another owner's.
    pub async fn deposit(&mut self, deposit_id: &str) -> Result<Deposit, Error> {
        let deposit = sqlx::query_as!(
            Deposit,
            "SELECT deposit_id, deposit_account_id, minor_units, currency, state, facts, reference,
                    version, created_at, updated_at
             FROM deposits WHERE tenant_id = $1 AND environment = $2 AND deposit_id = $3",
            self.owner.tenant_id,
            self.owner.environment.as_str(),
            deposit_id,
        )
        .fetch_optional(&mut *self.connection)
        .await
        .map_err(store::Error::doing("read a deposit"))?;
        deposit.ok_or(Error::NoDeposit)
    }
}

async fn lock(unit: &mut UnitOfWork, owner: &Owner, deposit_id: &str) -> Result<Deposit, Error> {
    let deposit = sqlx::query_as!(
        Deposit,
        "SELECT deposit_id, deposit_account_id, minor_units, currency, state, facts, reference,
                version, created_at, updated_at
         FROM deposits WHERE tenant_id = $1 AND environment = $2 AND deposit_id = $3 FOR UPDATE",
        owner.tenant_id,
        owner.environment.as_str(),
        deposit_id,
    )
    .fetch_optional(unit.connection())
    .await
    .map_err(store::Error::doing("lock a deposit"))?;
    deposit.ok_or(Error::NoDeposit)
}

async fn update(
    unit: &mut UnitOfWork,
    before: &Deposit,
    to: State,
    fact: Fact,
) -> Result<Deposit, Error> {
    sqlx::query_as!(
        Deposit,
        "UPDATE deposits SET state = $2, facts = $3, version = version + 1, updated_at = now()
         WHERE deposit_id = $1
         RETURNING deposit_id, deposit_account_id, minor_units, currency, state, facts, reference,
                   version, created_at, updated_at",
        before.deposit_id,
        to.as_str(),
        before.facts().with(fact).bits(),
    )
    .fetch_one(unit.connection())
    .await
    .map_err(|source| store::Error::doing("update a deposit")(source).into())
}

async fn increment_version(unit: &mut UnitOfWork, deposit: &Deposit) -> Result<(), Error> {
    sqlx::query!(
        "UPDATE deposits SET version = version + 1 WHERE deposit_id = $1",
        deposit.deposit_id,
    )
    .execute(unit.connection())
    .await
    .map_err(store::Error::doing("increment a deposit's version"))?;
    Ok(())
}

async fn insert_postings(
    unit: &mut UnitOfWork,
    owner: &Owner,
    event_id: &str,
    currency: &str,
    postings: &[Posting],
) -> Result<(), Error> {
    let event_id: Uuid =
        event_id.parse().map_err(|_| Error::Corrupt { doing: "read an event's id" })?;

    for (line, posting) in (1_i16..).zip(postings) {
        sqlx::query!(
            "INSERT INTO postings (event_id, line, tenant_id, environment, ledger_account,
                                   minor_units, currency)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            event_id,
            line,
            owner.tenant_id,
            owner.environment.as_str(),
            posting.ledger_account,
            posting.minor_units,
            currency,
        )
        .execute(unit.connection())
        .await
        .map_err(store::Error::doing("insert a posting"))?;
    }
    Ok(())
}
