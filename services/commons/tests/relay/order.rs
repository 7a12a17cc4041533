//! Nothing is lost, nothing overtakes within a stream, and one stream's trouble is its own.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tollgate_commons::outbox;
use tollgate_commons::relay::Relay;
use tollgate_harness::eventually;

use crate::support::{Obedient, append, begin, bench, stream};

const LIMIT: Duration = Duration::from_secs(20);

async fn empty(pool: &sqlx::PgPool) {
    eventually("an empty outbox", LIMIT, async || {
        (outbox::lag(pool).await.ok()?.pending == 0).then_some(())
    })
    .await
    .unwrap();
}

async fn publish_all(relay: &mut Relay) -> usize {
    let mut published = 0;
    loop {
        let pass = relay.pass().await.unwrap();
        if pass.published == 0 {
            return published;
        }
        published += pass.published;
    }
}

#[tokio::test]
async fn what_began_first_and_commits_last_is_published_too() {
    let bench = bench().await;
    let mut early = begin(&bench.pool).await;
    append(&mut early, "t", "early", 1).await;
    let mut late = begin(&bench.pool).await;
    append(&mut late, "t", "late", 1).await;
    late.commit(&()).await.unwrap();

    let broker = Arc::new(Obedient::default());
    let mut relay = Relay::new(bench.pool.clone(), broker.clone());
    assert_eq!(publish_all(&mut relay).await, 1);
    assert_eq!(broker.versions("early"), [] as [i64; 0]);
    early.commit(&()).await.unwrap();
    assert_eq!(publish_all(&mut relay).await, 1);
    assert_eq!(broker.versions("early"), [1]);
    assert_eq!(broker.versions("late"), [1]);
}

#[tokio::test]
async fn a_refused_event_stops_its_stream_and_no_other() {
    let bench = bench().await;
    for name in ["a", "b", "c", "d"] {
        stream(&bench.pool, "t", name, 3).await;
    }
    let broker = Arc::new(Obedient::default());
    broker.refuse("b");

    let ending = CancellationToken::new();
    let relay = Relay::new(bench.pool.clone(), broker.clone());
    let running = tokio::spawn(relay.run(ending.clone()));
    eventually("the other streams", LIMIT, async || {
        (outbox::lag(&bench.pool).await.ok()?.pending == 3).then_some(())
    })
    .await
    .unwrap();
    assert_eq!(broker.versions("b"), [] as [i64; 0]);

    broker.accept("b");
    empty(&bench.pool).await;
    ending.cancel();
    running.await.unwrap();
    for name in ["a", "b", "c", "d"] {
        assert_eq!(broker.versions(name), [1, 2, 3], "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_relays_at_once_publish_each_event_once_and_in_order() {
    let bench = bench().await;
    let names: Vec<String> = (0..12).map(|n| format!("stream-{n}")).collect();
    for name in &names {
        stream(&bench.pool, "t", name, 4).await;
    }
    let broker = Arc::new(Obedient::default());
    let ending = CancellationToken::new();
    let relays: Vec<_> = (0..2)
        .map(|_| Relay::new(bench.pool.clone(), broker.clone()))
        .map(|relay| tokio::spawn(relay.run(ending.clone())))
        .collect();
    empty(&bench.pool).await;
    ending.cancel();
    for relay in relays {
        relay.await.unwrap();
    }
    for name in &names {
        assert_eq!(broker.versions(name), [1, 2, 3, 4], "{name}");
    }
}

#[tokio::test]
async fn a_transaction_that_is_rolled_back_publishes_nothing() {
    let bench = bench().await;
    let mut unit = begin(&bench.pool).await;
    append(&mut unit, "t", "undone", 1).await;
    drop(unit);
    assert_eq!(outbox::lag(&bench.pool).await.unwrap().pending, 0);
    assert_eq!(bench.database.sql("SELECT count(*) FROM events").unwrap(), "0");
}

#[tokio::test]
async fn events_can_be_added_and_never_changed() {
    let bench = bench().await;
    stream(&bench.pool, "t", "s", 1).await;
    for change in ["UPDATE events SET version = 2", "DELETE FROM events", "TRUNCATE events CASCADE"]
    {
        let refused = bench.database.sql(change).unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{change}: {refused}");
    }
    let mut unit = begin(&bench.pool).await;
    let fact = tollgate_proto::deposits::DepositAccountCreated::default();
    let again = tollgate_commons::events::Event::new("s", 1, &fact);
    let refused = unit.append(&["t".into()], again).await.unwrap_err();
    assert!(matches!(refused, tollgate_commons::Error::Aborted { .. }), "{refused:?}");
}

#[tokio::test]
async fn migrations_are_applied_once_however_many_start_at_once() {
    let database = tollgate_harness::postgres().await.unwrap();
    let pool = tollgate_commons::store::open(&database.url().into(), 10).unwrap();
    let none = sqlx::migrate::Migrator::with_migrations(Vec::new());
    let outcomes = futures_util::future::join_all(
        (0..4).map(|_| tollgate_commons::store::migrate(&pool, &none)),
    )
    .await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    let newer = "INSERT INTO _commons_migrations
                     (version, description, success, checksum, execution_time)
                 VALUES (9999, 'newer', true, '', 0)";
    database.sql(newer).unwrap();
    tollgate_commons::store::migrate(&pool, &none).await.unwrap();
}
