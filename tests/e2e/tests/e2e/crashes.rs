//! Kills of each part: an answered operation is kept, and none is carried out twice.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use e2e::gate::SOON;
use e2e::platform::{Minted, Platform, Shape};
use e2e::{Key, Relay};
use http::StatusCode;
use nix::sys::signal::Signal;
use tollgate_harness::{Reply, eventually};

const ACCOUNTS: &str = "/v1/deposit-accounts";

/// Deposits of an environment: its place among the platform's services, and its topic.
const LIVE: (usize, &str) = (1, "live.deposits.events");
const SANDBOX: (usize, &str) = (2, "sandbox.deposits.events");

fn sql(platform: &Platform, (service, _): (usize, &str), sql: &str) -> Result<String> {
    Ok(platform.services[service].database.sql(sql)?.trim().to_owned())
}

async fn open(platform: &Platform, key: &Minted, label: &str) -> Result<Reply> {
    let body = format!(r#"{{"currency":"USD","label":"{label}"}}"#);
    platform.post(ACCOUNTS, &key.key, &format!("\"{label}\""), &body).await
}

fn id_of(reply: &Reply) -> Result<String> {
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text());
    Ok(reply.json()?["depositAccountId"].as_str().context("an id")?.to_owned())
}

/// The gateway dies after the service committed and before the service's answer reached it.
async fn is_killed_between_commit_and_answer(shape: Shape) -> Result<()> {
    let mut platform = Platform::shaped(Shape { relay: true, ..shape }).await?;
    let key = platform.tenant(&["sandbox"])?.remove(0);
    // The way to the service is open before its answers are held back.
    assert_eq!(platform.get(ACCOUNTS, &key.key).await?.status, StatusCode::OK);
    let relay = platform.relay.as_ref().context("a relay")?;
    relay.hold();
    let find = "SELECT deposit_account_id FROM deposit_accounts WHERE label = 'cut'";
    let kill = async {
        let committed = eventually("the row, and its answer on the way", SOON, async || {
            let id = sql(&platform, SANDBOX, find).ok()?;
            (!id.is_empty() && relay.waiting() > 0).then_some(id)
        });
        let id = committed.await?;
        platform.gateway.signal(Signal::SIGKILL)?;
        anyhow::Ok(id)
    };
    let (unheard, id) = tokio::join!(open(&platform, &key, "cut"), kill);
    let id = id?;
    assert!(unheard.is_err(), "nobody had an answer to give: {unheard:?}");
    platform.relay.as_ref().map(Relay::release);
    platform.crash_gateway().await?;

    // At once, though the claim's lease has not run out: its holder is dead.
    let retried = open(&platform, &key, "cut").await?;
    assert_eq!(id_of(&retried)?, id, "the original result");
    assert_eq!(retried.header("idempotent-replayed"), None, "the service gave it");
    let third = open(&platform, &key, "cut").await?;
    assert_eq!(third.header("idempotent-replayed"), Some("true"), "{}", third.text());
    assert_eq!(third.body, retried.body);
    assert_eq!(sql(&platform, SANDBOX, "SELECT count(*) FROM deposit_accounts")?, "1");
    for table in ["events", "outbox"] {
        let count = format!("SELECT count(*) FROM {table} WHERE stream_id = '{id}'");
        assert_eq!(sql(&platform, SANDBOX, &count)?, "1", "{table}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_killed_before_it_heard_the_answer_gives_it_to_the_retry() -> Result<()> {
    is_killed_between_commit_and_answer(Shape { records_in_a_file: true, ..Shape::default() }).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_does_so_too_where_its_records_died_with_it() -> Result<()> {
    is_killed_between_commit_and_answer(Shape::default()).await
}

/// The part that is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Identity,
    DepositsLive,
    DepositsSandbox,
    Kafka,
    Postgres,
}

impl Part {
    const ALL: [Self; 5] =
        [Self::Identity, Self::DepositsLive, Self::DepositsSandbox, Self::Kafka, Self::Postgres];

    /// Its place among the services, if it is one.
    fn service(self) -> Option<usize> {
        [Self::Identity, Self::DepositsLive, Self::DepositsSandbox]
            .into_iter()
            .position(|part| part == self)
    }

    fn kill(self, platform: &mut Platform) -> Result<()> {
        let stores = platform.stores.as_ref().context("stores of its own")?;
        match self.service() {
            Some(service) => drop(platform.services[service].process.kill()?),
            None if self == Self::Kafka => assert!(stores.kafka.kill()?),
            None => assert!(stores.postgres.kill()?),
        }
        Ok(())
    }

    async fn restart(self, platform: &mut Platform) -> Result<()> {
        let stores = platform.stores.as_mut().context("stores of its own")?;
        match self.service() {
            Some(service) => platform.services[service].restart().await,
            None if self == Self::Kafka => stores.kafka.start(),
            None => stores.postgres.start(),
        }
    }

    /// Returns true if an account can be opened without the part; none where both answers are
    /// right, since the gateway may remember a live key for some seconds.
    fn works_without(self, world: (usize, &str)) -> Option<bool> {
        match self {
            Self::Identity if world == LIVE => None,
            Self::Identity | Self::Kafka => Some(true),
            Self::DepositsLive => Some(world == SANDBOX),
            Self::DepositsSandbox => Some(world == LIVE),
            Self::Postgres => Some(false),
        }
    }
}

/// It was carried out, or the caller was told that it may try again.
fn is_done_or_told(reply: &Reply, works: Option<bool>, what: &str) -> Result<()> {
    if reply.status == StatusCode::OK {
        assert_ne!(works, Some(false), "{what}: {}", reply.text());
        return Ok(());
    }
    assert_ne!(works, Some(true), "{what}: {}", reply.text());
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE, "{what}: {}", reply.text());
    assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{what}");
    assert_eq!(reply.json()?["status"], 503, "{what}");
    assert!(reply.header("retry-after").is_some(), "{what}: {:?}", reply.headers);
    Ok(())
}

async fn works_again(platform: &Platform, key: &Minted, path: &str) -> Result<Reply> {
    eventually(path, SOON, async || {
        let reply = platform.get(path, &key.key).await.ok()?;
        (reply.status == StatusCode::OK).then_some(reply)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_was_answered_is_lost_when_any_part_is_killed() -> Result<()> {
    let mut platform = Platform::shaped(Shape { own_stores: true, ..Shape::default() }).await?;
    let keys = platform.tenant(&["live", "sandbox"])?;
    let mut opened = [BTreeSet::new(), BTreeSet::new()];
    for part in Part::ALL {
        // A key that the gateway has never seen when identity is gone.
        let fresh = platform.tenant(&["sandbox"])?.remove(0);
        let (before, during) = (format!("{part:?}-before"), format!("{part:?}-during"));
        let mut answered = Vec::new();
        for key in &keys {
            answered.push(open(&platform, key, &before).await?);
        }
        part.kill(&mut platform)?;
        for (key, world) in keys.iter().zip([LIVE, SANDBOX]) {
            let reply = open(&platform, key, &during).await?;
            is_done_or_told(&reply, part.works_without(world), &format!("{part:?} {world:?}"))?;
        }
        let stranger = platform.get(ACCOUNTS, &fresh.key).await?;
        let works = [Part::DepositsLive, Part::Kafka].contains(&part);
        is_done_or_told(&stranger, Some(works), &format!("{part:?}, a key not seen before"))?;

        part.restart(&mut platform).await?;
        works_again(&platform, &fresh, ACCOUNTS).await?;
        for (at, (key, world)) in keys.iter().zip([LIVE, SANDBOX]).enumerate() {
            let id = id_of(&answered[at])?;
            let kept = works_again(&platform, key, &format!("{ACCOUNTS}/{id}")).await?;
            assert_eq!(id_of(&kept)?, id, "{part:?}");
            let again = open(&platform, key, &before).await?;
            assert_eq!(again.body, answered[at].body, "{part:?}");
            // What was told to try again is done by trying again; what was done is not done twice.
            let retried = open(&platform, key, &during).await?;
            opened[at].extend([id, id_of(&retried)?]);
            let rows = format!(
                "SELECT count(*) FROM deposit_accounts WHERE label IN ('{before}', '{during}')"
            );
            assert_eq!(sql(&platform, world, &rows)?, "2", "{part:?}");
        }
        let forged = platform.get(ACCOUNTS, &Key::new("sandbox", 77).text).await?;
        assert_eq!(forged.status, StatusCode::UNAUTHORIZED, "{part:?}: {}", forged.text());
    }
    for (ids, (_, topic)) in opened.iter().zip([LIVE, SANDBOX]) {
        are_told_once(&platform, topic, ids).await?;
    }
    Ok(())
}

/// Each stream has its one event in the topic; told twice it is the same event.
async fn are_told_once(platform: &Platform, topic: &str, ids: &BTreeSet<String>) -> Result<()> {
    let events = eventually(&format!("every event in {topic}"), SOON, async || {
        let records = platform.kafka.read_now(topic).await.ok()?;
        let events: BTreeSet<(String, String)> = records
            .into_iter()
            .map(|record| (String::from_utf8_lossy(&record.key).into_owned(), record.headers))
            .collect();
        let event_ids: BTreeSet<&String> = events.iter().map(|(id, _)| id).collect();
        ids.iter().all(|id| event_ids.contains(id)).then_some(events)
    })
    .await?;
    assert_eq!(events.len(), ids.len(), "{events:?}");
    Ok(())
}
