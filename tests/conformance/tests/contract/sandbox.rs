//! Waiting, giving up, and running out of room.

use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use conformance::{Table, component};
use tollgate_chain::{
    Answer, Claimed, CredentialHandle, CredentialsRead, Failure, Hook, IdempotencyEffect,
    IdempotencyKey, IdempotencyRead, Plugin, Presented, Question, Resolution, Run,
};
use tollgate_runtime::{Component, Engine, EngineSettings, Grants, RunLimits};

use crate::world::{ANSWER_BYTES_MAX, QUESTIONS_MAX};

fn slow(delay: Duration) -> Table {
    let key = CredentialHandle(0);
    Table::new([
        (Question::from(CredentialsRead::Presented), Answer::Presented(Presented::One(key))),
        (Question::from(CredentialsRead::Resolve(key)), Answer::Resolution(Resolution::Invalid)),
        (
            Question::from(CredentialsRead::Permits(key, "deposits:read".into())),
            Answer::Bool(false),
        ),
        (Question::from(IdempotencyRead::Key), Answer::IdempotencyKey(IdempotencyKey::Valid)),
        (Question::from(IdempotencyEffect::Claim), Answer::Claimed(Claimed::InProgress)),
    ])
    .slow(delay)
}

fn engine(instances: u32, wait_ms: u64) -> Engine {
    let wait = Duration::from_millis(wait_ms);
    Engine::new(EngineSettings::new(instances, wait, 256 << 10).unwrap()).unwrap()
}

fn guest(engine: &Engine, interface: &str, time_ms: u64) -> Component<Table> {
    let limits = RunLimits::new(Duration::from_millis(time_ms), 4 << 20, 2_000).unwrap();
    let settings = format!(r#"{{"interface":"{interface}"}}"#);
    let file = component("curious").unwrap();
    Component::load(engine, &file, settings, &Grants::all(), limits).unwrap()
}

fn new_run(host: Table) -> Run<Table> {
    Run::new(host, QUESTIONS_MAX, ANSWER_BYTES_MAX)
}

#[tokio::test]
async fn waits_of_the_host_are_not_charged_to_the_guest() {
    let engine = engine(1, 0);
    for interface in ["credentials", "idempotency"] {
        let guest = guest(&engine, interface, 20);
        let run = new_run(slow(Duration::from_millis(200)));
        let (_, outcome) = guest.run(Hook::Request, run).await;
        assert!(outcome.is_ok(), "{interface}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_run_that_is_dropped_drops_its_host_and_gives_its_instance_back() {
    let engine = engine(1, 0);
    let guest = guest(&engine, "credentials", 50);
    let host = slow(Duration::from_secs(3_600));
    let log = host.log();
    let mut running = guest.run(Hook::Request, new_run(host));
    let mut context = Context::from_waker(Waker::noop());
    assert!(running.as_mut().poll(&mut context).is_pending());
    assert!(log.host_lives());
    assert_eq!(engine.instances_free(), 0);
    drop(running);
    assert!(!log.host_lives(), "the host outlived its run");
    assert_eq!(engine.instances_free(), 1);
    assert_eq!(log.settled(), [], "a dropped run settled");
}

#[tokio::test]
async fn without_a_free_instance_a_run_ends_after_a_short_wait() {
    let engine = engine(1, 10);
    let guest = Arc::new(guest(&engine, "credentials", 50));
    let mut first = guest.run(Hook::Request, new_run(slow(Duration::from_millis(500))));
    let mut context = Context::from_waker(Waker::noop());
    assert!(first.as_mut().poll(&mut context).is_pending());
    let second = new_run(Table::default());
    let (_, outcome) = guest.run(Hook::Request, second).await;
    assert_eq!(outcome, Err(Failure::NoInstance));
    let (_, outcome) = first.await;
    assert!(outcome.is_ok(), "{outcome:?}");
}

#[tokio::test]
async fn a_component_can_be_loaded_while_every_instance_is_taken() {
    let engine = engine(1, 0);
    let busy = guest(&engine, "credentials", 50);
    let mut running = busy.run(Hook::Request, new_run(slow(Duration::from_secs(3_600))));
    let mut context = Context::from_waker(Waker::noop());
    assert!(running.as_mut().poll(&mut context).is_pending());
    let loaded = guest(&engine, "notes", 50);
    assert!(loaded.has(Hook::Request));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_runs_at_once_share_few_instances() {
    let engine = engine(4, 1_000);
    let guest = Arc::new(guest(&engine, "credentials", 50));
    let runs: Vec<_> = (0..64)
        .map(|_| {
            let guest = Arc::clone(&guest);
            tokio::spawn(async move {
                guest.run(Hook::Request, new_run(slow(Duration::from_millis(2)))).await.1.is_ok()
            })
        })
        .collect();
    for run in runs {
        assert!(run.await.unwrap());
    }
    assert_eq!(engine.instances_free(), 4);
}
