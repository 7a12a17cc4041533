//! One command, once: the operation key in the transaction of the operation's first event.
//!
//! A [`Unit`] is that transaction. It begins by inserting the key and ends by storing the answer
//! beside it, so a repeat gets the first answer, whatever the gateway remembers. A repeat that comes
//! while the first is still running waits for its lock (2 s at most) and then reads its outcome.

use data_encoding::HEXLOWER;
use prost::Message;
use sqlx::{PgConnection, PgPool, Postgres, Transaction};
use tollgate_proto::events::EventEnvelope;
use tollgate_proto::google::rpc;
use tollgate_terms::metadata::{OPERATION_KEY, REQUEST_FINGERPRINT, REQUEST_ID};
use tonic::metadata::MetadataMap;

use crate::Environment;
use crate::error::Error;
use crate::events::{self, Event};
use crate::principal::Principal;
use crate::server::status;
use crate::store::{self, Meaning};

/// What makes two calls the same call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    key: [u8; 32],
    fingerprint: [u8; 32],
}

/// In whose name a command runs: every row it writes carries this.
#[derive(Debug, Clone)]
pub struct Scope {
    tenant_id: String,
    environment: Option<Environment>,
    request_id: String,
    operation: Option<Operation>,
}

/// A command's transaction. Dropping it undoes everything, the operation key included.
#[derive(Debug)]
pub struct Unit {
    pool: PgPool,
    transaction: Transaction<'static, Postgres>,
    scope: Scope,
}

/// How a command begins.
#[derive(Debug)]
pub enum Begun {
    /// Nobody did this before.
    Fresh(Unit),
    /// It was done: this is the encoded answer it got.
    Earlier(Vec<u8>),
}

#[derive(sqlx::FromRow)]
struct Row {
    fingerprint: Vec<u8>,
    method: String,
    response: Option<Vec<u8>>,
    refusal: Option<Vec<u8>>,
}

impl Operation {
    /// Takes both digests; for tests and for operations that are not asked for by a gateway.
    #[must_use]
    pub fn new(key: [u8; 32], fingerprint: [u8; 32]) -> Self {
        Self { key, fingerprint }
    }

    /// Reads what the gateway wrote; none when it wrote neither.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] when one is missing, doubled, or not 64 lower-case hex digits.
    pub fn optional(metadata: &MetadataMap) -> Result<Option<Self>, Error> {
        match (digest(metadata, OPERATION_KEY)?, digest(metadata, REQUEST_FINGERPRINT)?) {
            (Some(key), Some(fingerprint)) => Ok(Some(Self { key, fingerprint })),
            (None, None) => Ok(None),
            (Some(_), None) => Err(refused(REQUEST_FINGERPRINT)),
            (None, Some(_)) => Err(refused(OPERATION_KEY)),
        }
    }

    /// Reads what the gateway wrote.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] when it did not, or wrote it wrongly.
    pub fn required(metadata: &MetadataMap) -> Result<Self, Error> {
        Self::optional(metadata)?.ok_or_else(|| refused(OPERATION_KEY))
    }
}

impl Scope {
    /// The scope of a tenant's call.
    #[must_use]
    pub fn of_call(
        principal: &Principal,
        metadata: &MetadataMap,
        operation: Option<Operation>,
    ) -> Self {
        Self {
            tenant_id: principal.tenant_id().into(),
            environment: Some(principal.environment()),
            request_id: request_id(metadata),
            operation,
        }
    }

    /// The scope of an operator's command, which no gateway vouches for: for command lines only.
    #[must_use]
    pub fn of_operator(tenant_id: &str, environment: Option<Environment>) -> Self {
        Self {
            tenant_id: tenant_id.into(),
            environment,
            request_id: String::new(),
            operation: None,
        }
    }

    /// The tenant.
    #[must_use]
    pub fn tenant_id(&self) -> &str {
        &self.tenant_id
    }

    /// The environment; none for what concerns a tenant in both.
    #[must_use]
    pub fn environment(&self) -> Option<Environment> {
        self.environment
    }

    /// The gateway's request, empty if there was none.
    #[must_use]
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// The operation key in lower-case hex.
    #[must_use]
    pub fn operation_key(&self) -> Option<String> {
        self.operation.map(|operation| HEXLOWER.encode(&operation.key))
    }

    fn world(&self) -> &'static str {
        self.environment.map_or("both", Environment::as_str)
    }
}

impl Begun {
    /// Decodes the earlier answer, or gives the unit to work in.
    ///
    /// # Errors
    /// When the stored answer cannot be decoded.
    pub fn or_earlier<M: Message + Default>(self) -> Result<Result<Unit, M>, Error> {
        match self {
            Self::Fresh(unit) => Ok(Ok(unit)),
            Self::Earlier(bytes) => M::decode(bytes.as_slice())
                .map(Err)
                .map_err(|_| Error::Internal { doing: "decode a stored answer" }),
        }
    }
}

impl Unit {
    /// Begins a command. Without an operation in the scope it is always fresh.
    ///
    /// # Errors
    /// [`Error::FailedPrecondition`] with reason `OPERATION_KEY_REUSED` when the key was used for
    /// something else; [`Error::Replayed`] when the first call was refused; a conflict when the first
    /// is still running after 2 s.
    pub async fn begin(pool: &PgPool, scope: Scope, method: &'static str) -> Result<Begun, Error> {
        let mut transaction =
            pool.begin().await.map_err(store::Error::doing("begin a transaction"))?;
        if let Some(operation) = scope.operation
            && !claim(&mut transaction, &scope, operation, method).await?
        {
            return earlier(&mut transaction, &scope, operation, method).await.map(Begun::Earlier);
        }
        Ok(Begun::Fresh(Self { pool: pool.clone(), transaction, scope }))
    }

    /// The connection, for reading and writing the service's own tables.
    pub fn connection(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }

    /// In whose name it runs.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Appends an event, and puts it into the outbox for these topics.
    ///
    /// # Errors
    /// As [`events::append`].
    pub async fn append(
        &mut self,
        topics: &[String],
        event: Event,
    ) -> Result<EventEnvelope, Error> {
        events::append(&mut self.transaction, &self.scope, topics, event).await
    }

    /// Stores the answer and commits.
    ///
    /// # Errors
    /// When the database fails. Then nothing is known to have happened: a repeat finds out.
    pub async fn commit<M: Message>(mut self, answer: &M) -> Result<(), Error> {
        self.store("response", &answer.encode_to_vec()).await?;
        self.end().await
    }

    /// Stores a refusal as this operation's final answer, commits what was written, and gives the
    /// refusal back. What is no refusal but a failure undoes the unit instead.
    pub async fn refuse(mut self, refusal: Error) -> Error {
        if !refusal.is_final() {
            return refusal;
        }
        let stored = status::to_rpc(&refusal).encode_to_vec();
        if let Err(error) = self.store("refusal", &stored).await {
            return error;
        }
        match self.end().await {
            Ok(()) => refusal,
            Err(error) => error,
        }
    }

    async fn store(&mut self, column: &'static str, outcome: &[u8]) -> Result<(), Error> {
        let Some(operation) = self.scope.operation else { return Ok(()) };
        let sql = if column == "response" {
            "UPDATE operations SET response = $4
             WHERE tenant_id = $1 AND environment = $2 AND operation_key = $3"
        } else {
            "UPDATE operations SET refusal = $4
             WHERE tenant_id = $1 AND environment = $2 AND operation_key = $3"
        };
        sqlx::query(sql)
            .bind(&self.scope.tenant_id)
            .bind(self.scope.world())
            .bind(operation.key.as_slice())
            .bind(outcome)
            .execute(&mut *self.transaction)
            .await
            .map_err(store::Error::doing("store an operation's outcome"))?;
        Ok(())
    }

    /// A commit whose answer was lost is unknown, not failed: the operation's row tells.
    async fn end(self) -> Result<(), Error> {
        let Err(source) = self.transaction.commit().await else { return Ok(()) };
        let error = store::Error::doing("commit")(source);
        let Some(operation) = self.scope.operation else { return Err(error.into()) };
        if error.meaning() != Meaning::Unavailable {
            return Err(error.into());
        }
        let mut connection =
            self.pool.acquire().await.map_err(store::Error::doing("look for a lost commit"))?;
        match find(&mut connection, &self.scope, operation).await? {
            Some(_) => Ok(()),
            None => Err(error.into()),
        }
    }
}

/// The gateway's request id; empty if it sent none.
#[must_use]
pub fn request_id(metadata: &MetadataMap) -> String {
    metadata
        .get(REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|text| text.len() <= 64)
        .unwrap_or_default()
        .to_owned()
}

async fn claim(
    connection: &mut PgConnection,
    scope: &Scope,
    operation: Operation,
    method: &'static str,
) -> Result<bool, Error> {
    let done = sqlx::query(
        "INSERT INTO operations (tenant_id, environment, operation_key, fingerprint, method)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
    )
    .bind(&scope.tenant_id)
    .bind(scope.world())
    .bind(operation.key.as_slice())
    .bind(operation.fingerprint.as_slice())
    .bind(method)
    .execute(connection)
    .await
    .map_err(store::Error::doing("claim an operation key"))?;
    Ok(done.rows_affected() == 1)
}

async fn earlier(
    connection: &mut PgConnection,
    scope: &Scope,
    operation: Operation,
    method: &'static str,
) -> Result<Vec<u8>, Error> {
    let aborted = Error::Aborted { doing: "read an operation's outcome" };
    let row = find(connection, scope, operation).await?.ok_or(aborted)?;
    if row.fingerprint != operation.fingerprint || row.method != method {
        return Err(Error::FailedPrecondition {
            reason: "OPERATION_KEY_REUSED",
            description: "the idempotency key was used for another request".into(),
        });
    }
    if let Some(refusal) = row.refusal {
        let stored = rpc::Status::decode(refusal.as_slice())
            .map_err(|_| Error::Internal { doing: "decode a stored refusal" })?;
        return Err(Error::Replayed(stored));
    }
    row.response.ok_or(Error::Internal { doing: "read an operation without an outcome" })
}

async fn find(
    connection: &mut PgConnection,
    scope: &Scope,
    operation: Operation,
) -> Result<Option<Row>, Error> {
    sqlx::query_as(
        "SELECT fingerprint, method, response, refusal FROM operations
         WHERE tenant_id = $1 AND environment = $2 AND operation_key = $3",
    )
    .bind(&scope.tenant_id)
    .bind(scope.world())
    .bind(operation.key.as_slice())
    .fetch_optional(connection)
    .await
    .map_err(|source| store::Error::doing("look an operation key up")(source).into())
}

fn digest(metadata: &MetadataMap, name: &'static str) -> Result<Option<[u8; 32]>, Error> {
    let mut values = metadata.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(refused(name));
    }
    let text = value.to_str().map_err(|_| refused(name))?;
    let bytes = HEXLOWER.decode(text.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.map(Some).ok_or_else(|| refused(name))
}

fn refused(name: &'static str) -> Error {
    Error::invalid(name, "OPERATION_KEY_INVALID", "must be 64 lower-case hex digits, once")
}
