//! The transaction of a command, and the table of operations.

use prost::Message;
use sqlx::{PgConnection, PgPool, Postgres, Transaction};
use tollgate_proto::events::EventEnvelope;
use tonic_types::pb;

use super::{CommandContext, Operation};
use crate::Environment;
use crate::error::Error;
use crate::events::{self, Event};
use crate::server::status;
use crate::store::{self, Meaning};

/// A command's transaction. Dropping it rolls everything back, the operation key included.
#[derive(Debug)]
pub struct UnitOfWork {
    pool: PgPool,
    transaction: Transaction<'static, Postgres>,
    context: CommandContext,
}

/// The start of a command.
#[derive(Debug)]
pub(super) enum Begun {
    /// The operation is new, or has no key.
    Fresh(UnitOfWork),
    /// The operation was completed before, with this encoded answer.
    Replay(Vec<u8>),
}

struct OperationRow {
    fingerprint: Vec<u8>,
    method: String,
    response: Option<Vec<u8>>,
    refusal: Option<Vec<u8>>,
}

impl UnitOfWork {
    /// Begins a command by claiming its operation key, or finds its stored answer.
    pub(super) async fn begin(
        pool: &PgPool,
        context: CommandContext,
        method: &'static str,
    ) -> Result<Begun, Error> {
        let mut unit = Self::open(pool, context).await?;
        let Some(operation) = unit.context.operation else { return Ok(Begun::Fresh(unit)) };

        if unit.claim(operation, method).await? {
            return Ok(Begun::Fresh(unit));
        }
        unit.stored_answer(operation, method).await.map(Begun::Replay)
    }

    /// Begins an operator's command, which has no operation key. The caller commits it.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn for_operator(
        pool: &PgPool,
        tenant_id: &str,
        environment: Option<Environment>,
    ) -> Result<Self, Error> {
        Self::open(pool, CommandContext::for_operator(tenant_id, environment)).await
    }

    /// The connection, for reading and writing the service's own tables.
    pub fn connection(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }

    /// The caller and the request that the command runs for.
    #[must_use]
    pub fn context(&self) -> &CommandContext {
        &self.context
    }

    /// Appends an event to its stream, and to the outbox once per topic.
    ///
    /// # Errors
    /// Those of [`events::append`].
    pub async fn append(
        &mut self,
        topics: &[String],
        event: Event,
    ) -> Result<EventEnvelope, Error> {
        events::append(&mut self.transaction, &self.context, topics, event).await
    }

    /// Stores the answer and commits.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails. Nothing is then known to have happened; a repeat with
    /// the same operation key finds out.
    pub async fn commit<M: Message>(mut self, answer: &M) -> Result<(), Error> {
        let encoded_answer = answer.encode_to_vec();
        self.store_outcome(Some(&encoded_answer), None).await?;
        self.finish().await
    }

    /// Stores a refusal as the operation's final outcome, commits, and returns the refusal. An error
    /// that is not final rolls the transaction back instead.
    pub(super) async fn refuse(mut self, refusal: Error) -> Error {
        if !refusal.is_final() {
            return refusal;
        }
        // The details of a status are the whole `google.rpc.Status`, encoded.
        let status = status::to_status(&refusal);
        if let Err(error) = self.store_outcome(None, Some(status.details())).await {
            return error;
        }
        match self.finish().await {
            Ok(()) => refusal,
            Err(error) => error,
        }
    }

    async fn open(pool: &PgPool, context: CommandContext) -> Result<Self, Error> {
        let transaction = pool.begin().await.map_err(store::Error::doing("begin a transaction"))?;
        Ok(Self { pool: pool.clone(), transaction, context })
    }

    /// Inserts the operation key. False if the operation exists, after waiting for a call with the
    /// same key that is still under way.
    async fn claim(&mut self, operation: Operation, method: &str) -> Result<bool, Error> {
        let inserted = sqlx::query!(
            "INSERT INTO operations (tenant_id, environment, operation_key, fingerprint, method)
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
            self.context.tenant_id(),
            self.context.environment_word(),
            operation.key.as_slice(),
            operation.fingerprint.as_slice(),
            method,
        )
        .execute(&mut *self.transaction)
        .await
        .map_err(store::Error::doing("claim an operation key"))?;
        Ok(inserted.rows_affected() == 1)
    }

    async fn stored_answer(
        &mut self,
        operation: Operation,
        method: &str,
    ) -> Result<Vec<u8>, Error> {
        let row = find(&mut self.transaction, &self.context, operation).await?;
        // The call that held the key rolled back while this one waited.
        let row = row.ok_or(Error::Aborted { doing: "read an operation's outcome" })?;

        if row.fingerprint != operation.fingerprint || row.method != method {
            return Err(Error::FailedPrecondition {
                reason: "OPERATION_KEY_REUSED",
                description: "the idempotency key was used for another request".into(),
            });
        }
        if let Some(refusal) = row.refusal {
            let stored = pb::Status::decode(refusal.as_slice())
                .map_err(|_| Error::Internal { doing: "decode a stored refusal" })?;
            return Err(Error::Replayed(stored));
        }
        row.response.ok_or(Error::Internal { doing: "read an operation without an outcome" })
    }

    async fn store_outcome(
        &mut self,
        response: Option<&[u8]>,
        refusal: Option<&[u8]>,
    ) -> Result<(), Error> {
        let Some(operation) = self.context.operation else { return Ok(()) };
        sqlx::query!(
            "UPDATE operations SET response = $4, refusal = $5
             WHERE tenant_id = $1 AND environment = $2 AND operation_key = $3",
            self.context.tenant_id(),
            self.context.environment_word(),
            operation.key.as_slice(),
            response,
            refusal,
        )
        .execute(&mut *self.transaction)
        .await
        .map_err(store::Error::doing("store an operation's outcome"))?;
        Ok(())
    }

    /// Commits. If the connection is lost meanwhile, the outcome is unknown rather than failed, and
    /// the operation's row is looked up once to learn it.
    async fn finish(self) -> Result<(), Error> {
        let Err(source) = self.transaction.commit().await else { return Ok(()) };
        let error = store::Error::doing("commit")(source);
        let Some(operation) = self.context.operation else { return Err(error.into()) };
        if error.meaning() != Meaning::Unavailable {
            return Err(error.into());
        }

        let mut connection =
            self.pool.acquire().await.map_err(store::Error::doing("look up a lost commit"))?;
        match find(&mut connection, &self.context, operation).await? {
            Some(_) => Ok(()),
            None => Err(error.into()),
        }
    }
}

async fn find(
    connection: &mut PgConnection,
    context: &CommandContext,
    operation: Operation,
) -> Result<Option<OperationRow>, Error> {
    sqlx::query_as!(
        OperationRow,
        "SELECT fingerprint, method, response, refusal FROM operations
         WHERE tenant_id = $1 AND environment = $2 AND operation_key = $3",
        context.tenant_id(),
        context.environment_word(),
        operation.key.as_slice(),
    )
    .fetch_optional(connection)
    .await
    .map_err(|source| store::Error::doing("look up an operation")(source).into())
}
