//! A database with the tables of commons, and a broker that a test can order about.

use std::collections::HashSet;
use std::sync::Mutex;

use sqlx::PgPool;
use tollgate_commons::events::Event;
use tollgate_commons::kafka::{Error, Publication, Publisher};
use tollgate_commons::operation::{Begun, Scope, Unit};
use tollgate_commons::outbox::Pending;
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

pub(crate) async fn begin(pool: &PgPool) -> Unit {
    let scope = Scope::of_operator("tenant-a", Some(Environment::Sandbox));
    match Unit::begin(pool, scope, "test").await.unwrap() {
        Begun::Fresh(unit) => unit,
        Begun::Earlier(_) => panic!("no operation key was given"),
    }
}

pub(crate) async fn append(unit: &mut Unit, topic: &str, stream: &str, version: i64) {
    let fact = DepositAccountCreated { label: version.to_string(), ..Default::default() };
    unit.append(&[topic.into()], Event::of(stream, version, &fact)).await.unwrap();
}

/// Appends events 1 to `last` to a stream, each in its own transaction.
pub(crate) async fn stream(pool: &PgPool, topic: &str, stream: &str, last: i64) {
    for version in 1..=last {
        let mut unit = begin(pool).await;
        append(&mut unit, topic, stream, version).await;
        unit.commit(&()).await.unwrap();
    }
}

/// Acknowledges everything but the streams that it was told to refuse.
#[derive(Debug, Default)]
pub(crate) struct Obedient {
    told: Mutex<Vec<Pending>>,
    refused: Mutex<HashSet<String>>,
}

impl Obedient {
    pub(crate) fn refuse(&self, stream: &str) {
        self.refused.lock().unwrap().insert(stream.into());
    }

    pub(crate) fn accept(&self, stream: &str) {
        self.refused.lock().unwrap().remove(stream);
    }

    /// The versions that were told of a stream, in the order in which they were.
    pub(crate) fn versions(&self, stream: &str) -> Vec<i64> {
        use prost::Message as _;
        let told = self.told.lock().unwrap();
        told.iter()
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
    fn publish<'a>(&'a self, row: &'a Pending) -> Publication<'a> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            if self.refused.lock().unwrap().contains(&row.stream_id) {
                let source = rdkafka::error::KafkaError::Canceled;
                return Err(Error::Publish { topic: row.topic.clone(), source });
            }
            self.told.lock().unwrap().push(row.clone());
            Ok(())
        })
    }
}
