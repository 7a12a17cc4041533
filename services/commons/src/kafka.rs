//! The Kafka client. Only `relay` publishes: no handler waits for the broker.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use tokio::sync::RwLock;

use crate::config::{Broker, Transport};
use crate::outbox::PendingEvent;

/// Longest wait for an acknowledgement, retries of the client included.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(8);

/// The errors of publishing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The client cannot be created.
    #[error("create a Kafka client")]
    Client(#[source] KafkaError),
    /// The broker did not acknowledge an event.
    #[error("publish to {topic}")]
    Publish {
        /// The topic.
        topic: String,
        /// The client's error.
        source: KafkaError,
    },
}

/// A publication in progress.
pub type Publication<'a> = Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'a>>;

/// A destination for events.
pub trait Publisher: Send + Sync + fmt::Debug + 'static {
    /// Publishes one event; completes when the broker has stored it safely.
    fn publish<'a>(&'a self, event: &'a PendingEvent) -> Publication<'a>;
}

/// An idempotent Kafka producer that waits for all in-sync replicas.
pub struct Kafka {
    config: ClientConfig,
    producer: RwLock<FutureProducer>,
}

impl fmt::Debug for Kafka {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kafka").finish_non_exhaustive()
    }
}

impl Kafka {
    /// Creates a client. The broker need not be reachable.
    ///
    /// # Errors
    /// [`Error::Client`] if a setting, such as the certificate, is not usable.
    pub fn connect(broker: &Broker) -> Result<Self, Error> {
        let config = settings(broker);
        let producer = config.create().map_err(Error::Client)?;
        Ok(Self { config, producer: RwLock::new(producer) })
    }

    async fn send(&self, event: &PendingEvent) -> Result<(), Error> {
        let event_id = event.event_id.to_string();
        let headers = OwnedHeaders::new()
            .insert(Header { key: "event-id", value: Some(event_id.as_str()) })
            .insert(Header { key: "event-type", value: Some(event.message_type.as_str()) });
        let record = FutureRecord::to(&event.topic)
            .key(&event.stream_id)
            .payload(&event.envelope)
            .headers(headers);

        let producer = self.producer.read().await.clone();
        let sent = producer.send(record, MESSAGE_TIMEOUT).await;
        let Err((source, _)) = sent else { return Ok(()) };
        if is_fatal(&source) {
            self.replace_producer().await?;
        }
        Err(Error::Publish { topic: event.topic.clone(), source })
    }

    /// Replaces the producer. After a fatal error, such as a broken sequence, it refuses everything.
    async fn replace_producer(&self) -> Result<(), Error> {
        *self.producer.write().await = self.config.create().map_err(Error::Client)?;
        Ok(())
    }
}

impl Publisher for Kafka {
    fn publish<'a>(&'a self, event: &'a PendingEvent) -> Publication<'a> {
        Box::pin(self.send(event))
    }
}

fn is_fatal(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(rdkafka::types::RDKafkaErrorCode::Fatal)
}

fn settings(broker: &Broker) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &broker.addresses)
        .set("client.id", &broker.client_id)
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("max.in.flight.requests.per.connection", "5")
        .set("message.timeout.ms", MESSAGE_TIMEOUT.as_millis().to_string())
        .set("linger.ms", "2")
        .set("queue.buffering.max.messages", "10000")
        .set("queue.buffering.max.kbytes", "65536")
        .set("reconnect.backoff.max.ms", "2000")
        // The partitioner of the Java client, so that other producers map a key to the same partition.
        .set("partitioner", "murmur2_random")
        .set("allow.auto.create.topics", "false")
        // The backlog metrics show that a broker is down; the client need not log it every second.
        .set("log.connection.close", "false");

    match &broker.transport {
        Transport::Plain => config.set("security.protocol", "plaintext"),
        Transport::Tls { ca, certificate, key } => config
            .set("security.protocol", "ssl")
            .set("ssl.ca.location", ca.to_string_lossy())
            .set("ssl.certificate.location", certificate.to_string_lossy())
            .set("ssl.key.location", key.to_string_lossy())
            .set("enable.ssl.certificate.verification", "true")
            .set("ssl.endpoint.identification.algorithm", "https"),
    };
    config
}
