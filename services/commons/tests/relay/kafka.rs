//! The relay against a real broker, and against none.

use std::sync::Arc;
use std::time::Duration;

use prost::Message as _;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use tokio_util::sync::CancellationToken;
use tollgate_commons::config::{Broker, Transport};
use tollgate_commons::kafka::Kafka;
use tollgate_commons::outbox;
use tollgate_commons::relay::{Pass, Relay};
use tollgate_proto::events::EventEnvelope;

use crate::support::{bench, stream};

fn client(addresses: &str) -> Kafka {
    Kafka::connect(&Broker {
        addresses: addresses.into(),
        client_id: "test".into(),
        transport: Transport::Plain,
    })
    .unwrap()
}

/// Topics are the deployment's to make: the relay's client asks for none.
async fn make_topic(addresses: &str, topic: &str) {
    let mut config = rdkafka::ClientConfig::new();
    let admin: AdminClient<_> = config.set("bootstrap.servers", addresses).create().unwrap();
    let new = NewTopic::new(topic, 1, TopicReplication::Fixed(1));
    let made = admin.create_topics([&new], &AdminOptions::new()).await.unwrap();
    assert_eq!(made, [Ok(topic.to_owned())]);
}

#[tokio::test]
async fn events_reach_kafka_in_order_under_their_stream_and_id() {
    let bench = bench().await;
    let broker = tollgate_harness::kafka().await.unwrap();
    let topic = broker.topic("sandbox.test.events").unwrap();
    make_topic(broker.bootstrap(), &topic).await;
    stream(&bench.pool, &topic, "stream-a", 3).await;
    let ending = CancellationToken::new();
    let relay = Relay::new(bench.pool.clone(), Arc::new(client(broker.bootstrap())));
    let running = tokio::spawn(relay.run(ending.clone()));
    let records = broker.read(&topic, 3, Duration::from_secs(60)).await.unwrap();
    ending.cancel();
    running.await.unwrap();
    for (record, version) in records.iter().zip(1..) {
        assert_eq!(record.key, b"stream-a");
        let envelope = EventEnvelope::decode(record.value.as_slice()).unwrap();
        assert_eq!(envelope.version, version);
        assert_eq!(envelope.r#type, "tollgate.deposits.v1.DepositAccountCreated");
        assert!(record.headers.contains(&format!("event-id={}", envelope.event_id)));
    }
    assert_eq!(outbox::lag(&bench.pool).await.unwrap().pending, 0);
}

#[tokio::test]
async fn without_a_broker_events_stay_in_the_outbox() {
    let bench = bench().await;
    stream(&bench.pool, "sandbox.test.events", "stream-a", 2).await;
    let nobody = format!("127.0.0.1:{}", tollgate_harness::free_port().unwrap());
    let mut relay = Relay::new(bench.pool.clone(), Arc::new(client(&nobody)));
    assert_eq!(relay.pass().await.unwrap(), Pass { published: 0, stopped: 1 });
    assert_eq!(outbox::lag(&bench.pool).await.unwrap().pending, 2);
}
