//! Settings reach every run: by the memory of a snapshot, or by configuring each instance.

use conformance::Table;
use tollgate_chain::{Content, Failure, Hook, Reply, Verdict};
use tollgate_runtime::{Component, Grants, LoadError};

use crate::world::{hostile, load, run};

/// The slug and the detail of the problem that the guest replies with.
async fn told(guest: &Component<Table>) -> (String, String) {
    let (outcome, _) = run(guest, Hook::Request, Table::default()).await;
    let Ok(Verdict::Reply(Reply { content: Content::Problem(problem), .. })) = outcome else {
        panic!("no problem: {outcome:?}");
    };
    (problem.slug.to_string(), problem.detail.to_string())
}

#[test]
fn every_policy_written_with_the_sdk_is_snapshotted() {
    let hosts = r#"{"hosts":[{"name":"a.example"}]}"#;
    let keys = r#"{"interface":"none"}"#;
    for (guest, settings) in
        [("hostile", "{}"), ("curious", keys), ("modest", "{}"), ("allowed-hosts", hosts)]
    {
        let guest = load(guest, settings, &Grants::all()).unwrap();
        assert!(guest.is_snapshotted(), "{:?}", guest.why_not_snapshotted());
    }
}

#[tokio::test]
async fn each_policy_runs_with_its_own_settings() {
    let (proceed, deny) = (hostile("proceed"), hostile("deny"));
    for _ in 0..20 {
        let (outcome, _) = run(&proceed, Hook::Request, Table::default()).await;
        assert_eq!(outcome, Ok(Verdict::Proceed));
        assert_eq!(told(&deny).await.0, "denied");
    }
}

#[tokio::test]
async fn a_snapshot_was_configured_once_however_often_it_runs() {
    let guest = hostile("count-configuring");
    assert!(guest.is_snapshotted());
    for _ in 0..20 {
        assert_eq!(told(&guest).await.1, "1");
    }
}

/// The guest `c-tables` keeps its settings in a table, which no snapshot can hold.
fn tables(settings: &str) -> Result<Component<Table>, LoadError> {
    load("c-tables", settings, &Grants::all())
}

#[tokio::test]
async fn what_cannot_be_snapshotted_is_configured_in_each_instance() {
    let (proceed, deny) = (tables("proceed").unwrap(), tables("deny").unwrap());
    for guest in [&proceed, &deny] {
        assert!(!guest.is_snapshotted());
        let reason = guest.why_not_snapshotted().unwrap();
        assert!(reason.contains("table."), "{reason}");
    }
    for _ in 0..20 {
        let (outcome, _) = run(&proceed, Hook::Request, Table::default()).await;
        assert_eq!(outcome, Ok(Verdict::Proceed));
        assert_eq!(told(&deny).await.0, "denied");
    }
}

#[test]
fn what_cannot_be_snapshotted_is_refused_its_settings_as_any_other() {
    let LoadError::Settings(problems) = tables("dance").unwrap_err() else {
        panic!("refused in another way");
    };
    assert_eq!(problems[0].key, "act");
}

#[tokio::test]
async fn a_table_grows_no_further_than_its_limit() {
    let (outcome, _) = run(&tables("grow").unwrap(), Hook::Request, Table::default()).await;
    assert_eq!(outcome, Err(Failure::Table));
}
