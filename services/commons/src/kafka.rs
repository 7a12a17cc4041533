//! The broker. `relay` is its only user among services: no handler waits for it.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use tokio::sync::RwLock;

use crate::config::{Broker, Transport};
use crate::outbox::Pending;

/// How long the broker may take to acknowledge, retries of the client included.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(8);

/// Why a message was not acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The client could not be made.
    #[error("make a Kafka client")]
    Client(#[source] KafkaError),
    /// The broker did not acknowledge.
    #[error("publish to {topic}")]
    Publish {
        /// Where to.
        topic: String,
        /// Why.
        source: KafkaError,
    },
}

/// A publication under way.
pub type Publication<'a> = Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'a>>;

/// Where the relay tells events to.
pub trait Publisher: Send + Sync + fmt::Debug + 'static {
    /// Tells one event; ready when it is safe with the broker.
    fn publish<'a>(&'a self, row: &'a Pending) -> Publication<'a>;
}

/// Publishes to Kafka, idempotently, acknowledged by all in-sync replicas.
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
    /// Makes a client. The broker need not be there.
    ///
    /// # Errors
    /// When the client's settings, such as its certificate, are not usable.
    pub fn connect(broker: &Broker) -> Result<Self, Error> {
        let config = settings(broker);
        let producer = config.create().map_err(Error::Client)?;
        Ok(Self { config, producer: RwLock::new(producer) })
    }

    async fn send(&self, row: &Pending) -> Result<(), Error> {
        let event_id = row.event_id.to_string();
        let headers = OwnedHeaders::new()
            .insert(Header { key: "event-id", value: Some(event_id.as_str()) })
            .insert(Header { key: "event-type", value: Some(row.kind.as_str()) });
        let record = FutureRecord::to(&row.topic)
            .key(&row.stream_id)
            .payload(&row.envelope)
            .headers(headers);
        let producer = self.producer.read().await.clone();
        let sent = producer.send(record, MESSAGE_TIMEOUT).await;
        let Err((source, _)) = sent else { return Ok(()) };
        if fatal(&source) {
            self.renew().await?;
        }
        Err(Error::Publish { topic: row.topic.clone(), source })
    }

    /// A producer whose sequence is broken refuses everything from then on: only a new one helps.
    async fn renew(&self) -> Result<(), Error> {
        *self.producer.write().await = self.config.create().map_err(Error::Client)?;
        Ok(())
    }
}

impl Publisher for Kafka {
    fn publish<'a>(&'a self, row: &'a Pending) -> Publication<'a> {
        Box::pin(self.send(row))
    }
}

fn fatal(error: &KafkaError) -> bool {
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
        // Java's partitioner, so that other producers agree on where a key belongs.
        .set("partitioner", "murmur2_random")
        .set("allow.auto.create.topics", "false")
        // Down is a state that the lag shows; the client need not say it every second.
        .set("log.connection.close", "false");
    match &broker.transport {
        Transport::Clear => config.set("security.protocol", "plaintext"),
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
