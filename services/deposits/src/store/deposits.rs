//! Deposits: state, events, outbox and postings in one transaction.

use time::OffsetDateTime;
use tollgate_commons::operation::Unit;
use tollgate_commons::store;
use uuid::Uuid;

use super::{Owner, View};
use crate::domain::deposit::{self, Fact, Outcome, Posting, State, Taken};
use crate::domain::money::{Amount, Currency};
use crate::error::Error;
use crate::events;

/// A stored deposit.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Deposit {
    /// Its identifier.
    pub deposit_id: String,
    /// Where it goes.
    pub deposit_account_id: String,
    /// Above zero.
    pub minor_units: i64,
    /// The account's.
    pub currency: String,
    state: String,
    facts: i32,
    /// The provider's or the chain's.
    pub reference: String,
    /// Of its event stream.
    pub version: i64,
    /// By database time.
    pub created_at: OffsetDateTime,
    /// By database time.
    pub updated_at: OffsetDateTime,
}

impl Deposit {
    /// Where it stands.
    ///
    /// # Errors
    /// When what was stored is not a state.
    pub fn state(&self) -> Result<State, Error> {
        self.state.parse().map_err(|_| Error::Broken { doing: "read a deposit's state" })
    }

    fn amount(&self) -> Result<Amount, Error> {
        Ok(Amount::new(self.minor_units, Currency::new(&self.currency)?)?)
    }
}

/// Registers money on its way to an account.
///
/// # Errors
/// [`Error::NoAccount`], [`Error::OtherCurrency`], [`Error::ReferenceTaken`].
pub async fn register(
    unit: &mut Unit,
    deposit_account_id: &str,
    amount: &Amount,
    reference: &str,
) -> Result<Deposit, Error> {
    let owner = Owner::of(unit)?;
    let account = View::new(unit.connection(), owner.clone()).account(deposit_account_id).await?;
    if account.currency != amount.currency().as_str() {
        return Err(Error::OtherCurrency);
    }
    let deposit: Option<Deposit> = sqlx::query_as(
        "INSERT INTO deposits (deposit_id, deposit_account_id, tenant_id, environment, minor_units,
                               currency, state, reference, version)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1)
         ON CONFLICT ON CONSTRAINT deposits_reference DO NOTHING
         RETURNING deposit_id, deposit_account_id, minor_units, currency, state, facts, reference,
                   version, created_at, updated_at",
    )
    .bind(format!("dep_{}", Uuid::now_v7().simple()))
    .bind(deposit_account_id)
    .bind(&owner.tenant_id)
    .bind(owner.environment.as_str())
    .bind(amount.minor_units())
    .bind(amount.currency().as_str())
    .bind(State::Detected.as_str())
    .bind(reference)
    .fetch_optional(unit.connection())
    .await
    .map_err(store::Error::doing("insert a deposit"))?;
    let deposit = deposit.ok_or(Error::ReferenceTaken)?;
    unit.append(&events::topics(owner.environment), events::registered(&deposit)).await?;
    Ok(deposit)
}

/// Tells a deposit a fact.
///
/// # Errors
/// [`Error::NoDeposit`]; [`Error::Anomaly`], which leaves a record to commit.
pub async fn advance(unit: &mut Unit, deposit_id: &str, fact: Fact) -> Result<Deposit, Error> {
    let owner = Owner::of(unit)?;
    let deposit = lock(unit, &owner, deposit_id).await?;
    let state = deposit.state()?;
    match deposit::decide(state, Taken::from_bits(deposit.facts), fact) {
        Outcome::Moved(to) => {
            let moved = deposit::postings(fact, &deposit.deposit_account_id, &deposit.amount()?);
            let advanced = events::advanced(&deposit, fact, (state, to), &moved);
            let envelope = unit.append(&events::topics(owner.environment), advanced).await?;
            post(unit, &owner, &envelope.event_id, &deposit.currency, &moved).await?;
            update(unit, &deposit, to, fact).await
        }
        Outcome::Known => Ok(deposit),
        Outcome::Anomaly => {
            let anomaly = events::anomaly(&deposit, fact, state);
            unit.append(&events::topics(owner.environment), anomaly).await?;
            count_version(unit, &deposit).await?;
            Err(Error::Anomaly { state: state.as_str() })
        }
    }
}

impl View<'_> {
    /// Reads a deposit.
    ///
    /// # Errors
    /// [`Error::NoDeposit`] for unknown and foreign ones alike.
    pub async fn deposit(&mut self, deposit_id: &str) -> Result<Deposit, Error> {
        let deposit: Option<Deposit> = sqlx::query_as(
            "SELECT deposit_id, deposit_account_id, minor_units, currency, state, facts, reference,
                    version, created_at, updated_at
             FROM deposits WHERE tenant_id = $1 AND environment = $2 AND deposit_id = $3",
        )
        .bind(&self.owner.tenant_id)
        .bind(self.owner.environment.as_str())
        .bind(deposit_id)
        .fetch_optional(&mut *self.connection)
        .await
        .map_err(store::Error::doing("read a deposit"))?;
        deposit.ok_or(Error::NoDeposit)
    }
}

async fn lock(unit: &mut Unit, owner: &Owner, deposit_id: &str) -> Result<Deposit, Error> {
    let deposit: Option<Deposit> = sqlx::query_as(
        "SELECT deposit_id, deposit_account_id, minor_units, currency, state, facts, reference,
                version, created_at, updated_at
         FROM deposits WHERE tenant_id = $1 AND environment = $2 AND deposit_id = $3 FOR UPDATE",
    )
    .bind(&owner.tenant_id)
    .bind(owner.environment.as_str())
    .bind(deposit_id)
    .fetch_optional(unit.connection())
    .await
    .map_err(store::Error::doing("lock a deposit"))?;
    deposit.ok_or(Error::NoDeposit)
}

async fn update(
    unit: &mut Unit,
    before: &Deposit,
    to: State,
    fact: Fact,
) -> Result<Deposit, Error> {
    sqlx::query_as(
        "UPDATE deposits SET state = $2, facts = $3, version = version + 1, updated_at = now()
         WHERE deposit_id = $1
         RETURNING deposit_id, deposit_account_id, minor_units, currency, state, facts, reference,
                   version, created_at, updated_at",
    )
    .bind(&before.deposit_id)
    .bind(to.as_str())
    .bind(Taken::from_bits(before.facts).and(fact).bits())
    .fetch_one(unit.connection())
    .await
    .map_err(|source| store::Error::doing("update a deposit")(source).into())
}

async fn count_version(unit: &mut Unit, deposit: &Deposit) -> Result<(), Error> {
    sqlx::query("UPDATE deposits SET version = version + 1 WHERE deposit_id = $1")
        .bind(&deposit.deposit_id)
        .execute(unit.connection())
        .await
        .map_err(store::Error::doing("count a deposit's version"))?;
    Ok(())
}

async fn post(
    unit: &mut Unit,
    owner: &Owner,
    event_id: &str,
    currency: &str,
    moved: &[Posting],
) -> Result<(), Error> {
    let event_id: Uuid =
        event_id.parse().map_err(|_| Error::Broken { doing: "read an event's id" })?;
    for (line, posting) in (1_i16..).zip(moved) {
        sqlx::query(
            "INSERT INTO postings (event_id, line, tenant_id, environment, ledger_account,
                                   minor_units, currency)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(event_id)
        .bind(line)
        .bind(&owner.tenant_id)
        .bind(owner.environment.as_str())
        .bind(&posting.ledger_account)
        .bind(posting.minor_units)
        .bind(currency)
        .execute(unit.connection())
        .await
        .map_err(store::Error::doing("insert a posting"))?;
    }
    Ok(())
}
