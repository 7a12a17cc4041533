//! What is still to be told. Written in the transaction of the event; emptied by `relay` alone.

use prost::Message as _;
use sqlx::{PgConnection, PgPool};
use tollgate_proto::events::EventEnvelope;
use uuid::Uuid;

use crate::store;

/// A row that waits to be told.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Pending {
    /// The event; duplicates carry the same.
    pub event_id: Uuid,
    /// Where to.
    pub topic: String,
    /// The key, by which order is kept.
    pub stream_id: String,
    /// The full name of the payload's message.
    #[sqlx(rename = "type")]
    pub kind: String,
    /// An encoded [`EventEnvelope`].
    pub envelope: Vec<u8>,
}

/// How far the relay is behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct Lag {
    /// Rows that wait.
    pub pending: i64,
    /// Age of the oldest in milliseconds; 0 when nothing waits.
    pub oldest_ms: i64,
}

pub(crate) async fn insert(
    connection: &mut PgConnection,
    event_id: Uuid,
    topic: &str,
    envelope: &EventEnvelope,
) -> Result<(), store::Error> {
    sqlx::query(
        "INSERT INTO outbox (event_id, topic, stream_id, version, type, envelope)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(event_id)
    .bind(topic)
    .bind(&envelope.stream_id)
    .bind(envelope.version)
    .bind(&envelope.r#type)
    .bind(envelope.encode_to_vec())
    .execute(connection)
    .await
    .map_err(store::Error::doing("write to the outbox"))?;
    Ok(())
}

/// Takes the lease of a partition that has rows to tell: none when nothing waits, or others have it.
/// `turn` decides where to look first, so that no partition is served before all others for ever.
pub(crate) async fn lease(
    connection: &mut PgConnection,
    turn: i16,
    parked: &[String],
) -> Result<Option<i16>, store::Error> {
    sqlx::query_scalar(
        "SELECT p.partition FROM relay_partitions p
         WHERE EXISTS (SELECT 1 FROM outbox o
                       WHERE o.published_at IS NULL AND o.partition = p.partition
                         AND o.stream_id <> ALL($2))
         ORDER BY mod(p.partition + $1, 16)
         LIMIT 1 FOR UPDATE OF p SKIP LOCKED",
    )
    .bind(turn)
    .bind(parked)
    .fetch_optional(connection)
    .await
    .map_err(store::Error::doing("lease a partition of the outbox"))
}

/// Reads what waits in a leased partition, in the order of each stream.
pub(crate) async fn pending(
    connection: &mut PgConnection,
    partition: i16,
    parked: &[String],
    limit: i64,
) -> Result<Vec<Pending>, store::Error> {
    sqlx::query_as(
        "SELECT event_id, topic, stream_id, type, envelope FROM outbox
         WHERE published_at IS NULL AND partition = $1 AND stream_id <> ALL($2)
         ORDER BY topic, stream_id, version
         LIMIT $3",
    )
    .bind(partition)
    .bind(parked)
    .bind(limit)
    .fetch_all(connection)
    .await
    .map_err(store::Error::doing("read the outbox"))
}

/// Notes what the broker has acknowledged.
pub(crate) async fn mark(
    connection: &mut PgConnection,
    told: &[Pending],
) -> Result<(), store::Error> {
    let ids: Vec<Uuid> = told.iter().map(|row| row.event_id).collect();
    let topics: Vec<String> = told.iter().map(|row| row.topic.clone()).collect();
    sqlx::query(
        "UPDATE outbox SET published_at = clock_timestamp()
         FROM unnest($1::uuid[], $2::text[]) AS told (event_id, topic)
         WHERE outbox.event_id = told.event_id AND outbox.topic = told.topic",
    )
    .bind(ids)
    .bind(topics)
    .execute(connection)
    .await
    .map_err(store::Error::doing("mark the outbox"))?;
    Ok(())
}

/// Forgets what was told more than a week ago: the events table has it for ever.
pub(crate) async fn forget_told(pool: &PgPool) -> Result<u64, store::Error> {
    let done = sqlx::query(
        "DELETE FROM outbox WHERE ctid = ANY (ARRAY(
             SELECT ctid FROM outbox WHERE published_at < now() - interval '7 days' LIMIT 1000))",
    )
    .execute(pool)
    .await
    .map_err(store::Error::doing("forget what was told"))?;
    Ok(done.rows_affected())
}

/// Measures how far the relay is behind.
///
/// # Errors
/// When the database fails.
pub async fn lag(pool: &PgPool) -> Result<Lag, store::Error> {
    sqlx::query_as(
        "SELECT count(*) AS pending,
                coalesce(extract(epoch FROM clock_timestamp() - min(created_at)) * 1000, 0)::bigint
                    AS oldest_ms
         FROM outbox WHERE published_at IS NULL",
    )
    .fetch_one(pool)
    .await
    .map_err(store::Error::doing("measure the outbox"))
}
