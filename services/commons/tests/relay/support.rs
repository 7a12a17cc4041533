//! A database with the tables of commons, and a broker that a test can order about.

use std::collections::HashSet;
use std::sync::Mutex;

use sqlx::PgPool;
use tollgate_commons::events::Event;
use tollgate_commons::kafka::{Error, Publication, Publisher};
use tollgate_commons::operation::UnitOfWork;
use tollgate_commons::outbox::PendingEvent;
use tollgate_commons::{Environment, store};
use tollgate_harness::Database;
use tollgate_proto::deposits::DepositAccountCreated;

pub(crate) struct Bench {
    pub(crate) pool: PgPool,
    pub(crate) database: Database,
}

pub(crate) async fn bench() -> Bench {
    let database = tollgate_harness::postgres().await.unwrap();
    let pool = store::open(&database.url().into(), 10).unwrap();
    let none = sqlx::migrate::Migrator::with_migrations(Vec::new());
    store::migrate(&pool, &none).await.unwrap();
    Bench { pool, database }
}

pub(crate) async fn begin(pool: &PgPool) -> UnitOfWork {
    UnitOfWork::for_operator(pool, "tenant-a", Some(Environment::Sandbox)).await.unwrap()
}

pub(crate) async fn append(unit: &mut UnitOfWork, topic: &str, stream: &str, version: i64) {
    let fact = DepositAccountCreated { label: version.to_string(), ..Default::default() };
    unit.append(&[topic.into()], Event::new(stream, version, &fact)).await.unwrap();
}

/// Appends events 1 to `last` to a stream, each in its own transaction.
pub(crate) async fn stream(pool: &PgPool, topic: &str, stream: &str, last: i64) {
    for version in 1..=last {
        let mut unit = begin(pool).await;
        append(&mut unit, topic, stream, version).await;
        unit.commit(&()).await.unwrap();
    }
}

/// Acknowledges everything except the streams that it is to refuse.
#[derive(Debug, Default)]
pub(crate) struct Obedient {
    published: Mutex<Vec<PendingEvent>>,
    refused: Mutex<HashSet<String>>,
}

impl Obedient {
    pub(crate) fn refuse(&self, stream: &str) {
        self.refused.lock().unwrap().insert(stream.into());
    }

    pub(crate) fn accept(&self, stream: &str) {
        self.refused.lock().unwrap().remove(stream);
    }

    /// The published versions of a stream, in their order.
    pub(crate) fn versions(&self, stream: &str) -> Vec<i64> {
        use prost::Message as _;
        let published = self.published.lock().unwrap();
        published
            .iter()
            .filter(|row| row.stream_id == stream)
            .map(|row| {
                tollgate_proto::events::EventEnvelope::decode(row.envelope.as_slice())
                    .unwrap()
                    .version
            })
            .collect()
    }
}

impl Publisher for Obedient {
    fn publish<'a>(&'a self, event: &'a PendingEvent) -> Publication<'a> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            if self.refused.lock().unwrap().contains(&event.stream_id) {
                let source = rdkafka::error::KafkaError::Canceled;
                return Err(Error::Publish { topic: event.topic.clone(), source });
            }
            self.published.lock().unwrap().push(event.clone());
            Ok(())
        })
    }
}
