//! Transactional outbox: events not yet published.
//!
//! Rows are written in the transaction of their event; `relay` alone publishes and marks them.

use prost::Message as _;
use sqlx::{PgConnection, PgPool};
use tollgate_proto::events::EventEnvelope;
use uuid::Uuid;

use crate::store;

/// An event that waits for publication.
#[derive(Debug, Clone)]
pub struct PendingEvent {
    /// The event's id, which duplicates share.
    pub event_id: Uuid,
    /// The topic to publish to.
    pub topic: String,
    /// The Kafka key, within which order is kept.
    pub stream_id: String,
    /// The full name of the payload's message.
    pub message_type: String,
    /// An encoded [`EventEnvelope`].
    pub envelope: Vec<u8>,
}

/// The backlog of the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lag {
    /// Number of pending events.
    pub pending: i64,
    /// Age of the oldest one in milliseconds; 0 if none is pending.
    pub oldest_ms: i64,
}

pub(crate) async fn insert(
    connection: &mut PgConnection,
    event_id: Uuid,
    topic: &str,
    envelope: &EventEnvelope,
) -> Result<(), store::Error> {
    sqlx::query!(
        "INSERT INTO outbox (event_id, topic, stream_id, version, type, envelope)
         VALUES ($1, $2, $3, $4, $5, $6)",
        event_id,
        topic,
        envelope.stream_id,
        envelope.version,
        envelope.r#type,
        envelope.encode_to_vec(),
    )
    .execute(connection)
    .await
    .map_err(store::Error::doing("write to the outbox"))?;
    Ok(())
}

/// Locks a partition with pending events: none if nothing is pending or other relays hold the locks.
///
/// `turn` rotates the partition that is looked at first, so that none starves. Streams in `parked`
/// do not count as pending.
pub(crate) async fn lease(
    connection: &mut PgConnection,
    turn: i16,
    parked: &[String],
) -> Result<Option<i16>, store::Error> {
    sqlx::query_scalar!(
        "SELECT p.partition FROM relay_partitions p
         WHERE EXISTS (SELECT 1 FROM outbox o
                       WHERE o.published_at IS NULL AND o.partition = p.partition
                         AND o.stream_id <> ALL($2))
         ORDER BY mod(p.partition + $1::smallint, 16)
         LIMIT 1 FOR UPDATE OF p SKIP LOCKED",
        turn,
        parked,
    )
    .fetch_optional(connection)
    .await
    .map_err(store::Error::doing("lease a partition of the outbox"))
}

/// Reads the pending events of a leased partition, in the order of each stream.
pub(crate) async fn pending(
    connection: &mut PgConnection,
    partition: i16,
    parked: &[String],
    limit: i64,
) -> Result<Vec<PendingEvent>, store::Error> {
    sqlx::query_as!(
        PendingEvent,
        "SELECT event_id, topic, stream_id, type AS message_type, envelope FROM outbox
         WHERE published_at IS NULL AND partition = $1 AND stream_id <> ALL($2)
         ORDER BY topic, stream_id, version
         LIMIT $3",
        partition,
        parked,
        limit,
    )
    .fetch_all(connection)
    .await
    .map_err(store::Error::doing("read the outbox"))
}

/// Marks events that the broker acknowledged.
pub(crate) async fn mark_published(
    connection: &mut PgConnection,
    events: &[PendingEvent],
) -> Result<(), store::Error> {
    let event_ids: Vec<Uuid> = events.iter().map(|event| event.event_id).collect();
    let topics: Vec<String> = events.iter().map(|event| event.topic.clone()).collect();
    sqlx::query!(
        "UPDATE outbox SET published_at = clock_timestamp()
         FROM unnest($1::uuid[], $2::text[]) AS published (event_id, topic)
         WHERE outbox.event_id = published.event_id AND outbox.topic = published.topic",
        &event_ids,
        &topics,
    )
    .execute(connection)
    .await
    .map_err(store::Error::doing("mark published events"))?;
    Ok(())
}

/// Deletes up to 1000 rows that were published more than a week ago, and returns their number. The
/// events themselves stay in their table.
pub(crate) async fn delete_published(pool: &PgPool) -> Result<u64, store::Error> {
    let deleted = sqlx::query!(
        "DELETE FROM outbox WHERE ctid = ANY (ARRAY(
             SELECT ctid FROM outbox WHERE published_at < now() - interval '7 days' LIMIT 1000))",
    )
    .execute(pool)
    .await
    .map_err(store::Error::doing("delete published events"))?;
    Ok(deleted.rows_affected())
}

/// Measures the backlog.
///
/// # Errors
/// A database failure.
pub async fn lag(pool: &PgPool) -> Result<Lag, store::Error> {
    sqlx::query_as!(
        Lag,
        r#"SELECT count(*) AS "pending!",
                  coalesce(extract(epoch FROM clock_timestamp() - min(created_at)) * 1000, 0)::bigint
                      AS "oldest_ms!"
           FROM outbox WHERE published_at IS NULL"#,
    )
    .fetch_one(pool)
    .await
    .map_err(store::Error::doing("measure the outbox"))
}
