//! Events: facts appended to the streams of a service and to its outbox in one transaction.

use prost::Name;
use sqlx::PgConnection;
use time::OffsetDateTime;
use tollgate_proto::events::EventEnvelope;
use tollgate_proto::principal as wire;
use tollgate_terms::Environment;
use uuid::Uuid;

use crate::error::Error;
use crate::operation::CommandContext;
use crate::{outbox, store};

/// An event to append.
#[derive(Debug, Clone)]
pub struct Event {
    /// The stream, such as a deposit's id.
    pub stream_id: String,
    /// One more than the stream's last version; a stream begins with 1.
    pub version: i64,
    /// The full name of the payload's message.
    pub message_type: String,
    /// The version of the payload's schema.
    pub schema_version: i32,
    /// The encoded message.
    pub payload: Vec<u8>,
}

impl Event {
    /// Makes the event that `message` states, as the given version of the stream.
    #[must_use]
    pub fn new<M: Name>(stream_id: &str, version: i64, message: &M) -> Self {
        Self {
            stream_id: stream_id.into(),
            version,
            message_type: M::full_name(),
            schema_version: 1,
            payload: message.encode_to_vec(),
        }
    }
}

/// Returns the topic of a service in an environment.
#[must_use]
pub fn topic(environment: Environment, service: &str) -> String {
    format!("{environment}.{service}.events")
}

/// Appends an event to its stream and, once per topic, to the outbox.
///
/// # Errors
/// [`Error::Aborted`] if another transaction wrote that version first; [`Error::Store`] if the
/// database fails.
pub async fn append(
    connection: &mut PgConnection,
    context: &CommandContext,
    topics: &[String],
    event: Event,
) -> Result<EventEnvelope, Error> {
    let event_id = Uuid::now_v7();
    let recorded_at = insert(connection, context, event_id, &event).await?;
    let envelope = envelope(context, event_id, event, recorded_at);
    for topic in topics {
        outbox::insert(connection, event_id, topic, &envelope).await?;
    }
    Ok(envelope)
}

async fn insert(
    connection: &mut PgConnection,
    context: &CommandContext,
    event_id: Uuid,
    event: &Event,
) -> Result<OffsetDateTime, Error> {
    let meta = serde_json::json!({
        "request_id": context.request_id(),
        "operation_key": context.operation_key(),
    });

    sqlx::query_scalar!(
        "INSERT INTO events (stream_id, version, event_id, type, schema_version, tenant_id,
                             environment, payload, meta, occurred_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, now())
         RETURNING recorded_at",
        event.stream_id,
        event.version,
        event_id,
        event.message_type,
        event.schema_version,
        context.tenant_id(),
        context.environment_word(),
        event.payload,
        meta,
    )
    .fetch_one(connection)
    .await
    .map_err(store::Error::doing("append an event"))
    .map_err(|error| {
        if error.violates("events_stream_version") {
            Error::Aborted { doing: "append an event" }
        } else {
            error.into()
        }
    })
}

fn envelope(
    context: &CommandContext,
    event_id: Uuid,
    event: Event,
    recorded_at: OffsetDateTime,
) -> EventEnvelope {
    let recorded_at = timestamp(recorded_at);
    let environment = context.environment().map_or(wire::Environment::Unspecified, Into::into);

    EventEnvelope {
        event_id: event_id.to_string(),
        stream_id: event.stream_id,
        version: event.version,
        r#type: event.message_type,
        schema_version: event.schema_version,
        tenant_id: context.tenant_id().into(),
        environment: environment.into(),
        payload: event.payload,
        occurred_at: Some(recorded_at),
        recorded_at: Some(recorded_at),
        request_id: context.request_id().into(),
        operation_key: context.operation_key().unwrap_or_default(),
    }
}

/// Converts a moment to its protobuf form.
#[must_use]
pub fn timestamp(moment: OffsetDateTime) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: moment.unix_timestamp(),
        nanos: i32::try_from(moment.nanosecond()).unwrap_or_default(),
    }
}
