//! From a policies folder to a Snapshot, and to the next one when the folder changes.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tollgate_control::{BuildMode, Error, Follower, InputStamp, OnSwap, SnapshotBuilder};
use tollgate_proxy::{Ledger, Live, Snapshot};

/// Longest wait for anything that is meant to happen at once.
const SOON: Duration = Duration::from_secs(30);

fn write(folder: &Path, routes: &[&str]) -> Result<()> {
    let mut toml = "[chains.open]\npolicies = []\n\n[listeners.main]\naddress = \"127.0.0.1:0\"\n\
                    chain = \"open\"\n\n[upstreams.things]\nprotocol = \"http\"\n\
                    endpoints = [\"http://127.0.0.1:9\"]\n"
        .to_owned();
    for name in routes {
        toml.push_str(&format!(
            "\n[routes.{name}]\nmatch = [\"GET /v1/{name}\"]\nchain = \"open\"\n\
             upstream = \"things\"\n"
        ));
    }
    Ok(fs::write(folder.join("gateway.toml"), toml)?)
}

fn folder(routes: &[&str]) -> Result<TempDir> {
    let folder = tempfile::tempdir()?;
    write(folder.path(), routes)?;
    Ok(folder)
}

fn open(folder: &Path) -> Result<((SnapshotBuilder, InputStamp), Snapshot)> {
    let config = tollgate_config::load(folder)?;
    let stamp = InputStamp::of(&tollgate_control::inputs(&config));
    let mode = BuildMode::DryRun(None);
    let (builder, first) = SnapshotBuilder::open(folder, config, Ledger::default(), mode)?;
    Ok(((builder, stamp), first))
}

#[tokio::test]
async fn a_folder_becomes_a_snapshot_with_its_routes_and_chains() -> Result<()> {
    let folder = folder(&["first", "second"])?;
    let (_, first) = open(folder.path())?;
    let routes: Vec<&str> = first.bindings.iter().map(|binding| &*binding.route).collect();
    assert_eq!(routes, ["first", "second"]);
    assert_eq!((first.generation(), first.chains.len()), (1, 1));
    assert!(first.targets.get("things").is_some() && first.targets.get("others").is_none());
    Ok(())
}

#[tokio::test]
async fn what_is_unchanged_is_carried_over_to_the_next_snapshot() -> Result<()> {
    let folder = folder(&["first"])?;
    let ((mut builder, _), first) = open(folder.path())?;
    write(folder.path(), &["first", "second"])?;
    let next = builder.rebuild(&first)?;
    let upstream = |snapshot: &Snapshot| {
        let target = snapshot.targets.get("things").context("the upstream")?;
        anyhow::Ok(std::sync::Arc::clone(&target.upstream))
    };
    assert!(std::sync::Arc::ptr_eq(&upstream(&first)?, &upstream(&next)?), "connections are kept");
    assert!(std::sync::Arc::ptr_eq(&first.stores, &next.stores), "stores are kept");
    assert_eq!((next.generation(), next.bindings.len()), (2, 2));
    Ok(())
}

#[tokio::test]
async fn a_refused_folder_names_the_place_and_changes_nothing() -> Result<()> {
    let folder = folder(&["first"])?;
    let ((mut builder, _), first) = open(folder.path())?;
    fs::write(folder.path().join("more.toml"), "[routes.broken]\nchain = \"none\"\n")?;
    let problems = builder.rebuild(&first).err().context("a refusal")?;
    assert!(problems.iter().any(|problem| problem.file.ends_with("more.toml")), "{problems}");
    assert_eq!(builder.config().routes().len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_store_that_cannot_be_opened_is_told_at_its_key() -> Result<()> {
    let folder = folder(&["first"])?;
    let store = "[stores.credentials]\nkind = \"file\"\npath = \"missing.keys\"\n";
    fs::write(folder.path().join("stores.toml"), store)?;
    let config = tollgate_config::load(folder.path())?;
    let mode = BuildMode::DryRun(None);
    let opened = SnapshotBuilder::open(folder.path(), config, Ledger::default(), mode);
    let Err(Error::Problems(problems)) = opened else { anyhow::bail!("accepted") };
    let problem = problems.iter().next().context("a problem")?;
    assert_eq!((&*problem.key, problem.line), ("stores.credentials.path", 3));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_the_folder_is_swapped_in() -> Result<()> {
    let folder = folder(&["first"])?;
    let (built, first) = open(folder.path())?;
    let live = Live::new(first);
    let (_reload, requests) = mpsc::channel(1);
    let follower = Follower::new(live.clone(), built, OnSwap::default(), requests);
    let following = async {
        let Err(error) = follower.run().await;
        Err(error.into())
    };

    write(folder.path(), &["first", "second"])?;
    let swapped = async {
        while live.pin().generation() < 2 {
            sleep(Duration::from_millis(10)).await;
        }
        anyhow::Ok(())
    };
    tokio::select! {
        ended = following => ended,
        swapped = timeout(SOON, swapped) => swapped?,
    }?;
    assert_eq!(live.pin().bindings.len(), 2);
    Ok(())
}
