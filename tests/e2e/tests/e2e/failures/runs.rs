//! Causes of a run: a policy's component misbehaves before the real binary.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use e2e::gate::{Gate, SOON};
use e2e::{Echo, Key};
use http::Method;
use tollgate_harness::{Reply, eventually};

use super::matrix::{Cell, OF_THE_HOST, PROVOCATIONS, folder};
use super::{FailureTable, table};

/// Puts the outcome of a cell into the words of the table.
fn seen(reply: &Reply, was_forwarded: bool) -> Result<String> {
    if reply.status.is_success() {
        ensure!(was_forwarded, "a success of nobody's: {}", reply.text());
        return Ok("passed over".to_owned());
    }
    let problem = reply.json().with_context(|| reply.text())?;
    let code = problem["code"].as_str().context("a code")?;
    let rest = if was_forwarded { "the response is withheld" } else { "nothing is forwarded" };
    Ok(format!("{} {code}, {rest}", reply.status.as_u16()))
}

#[tokio::test]
async fn every_policy_fails_by_every_cause_in_each_hook_as_the_table_says() -> Result<()> {
    let (echo, key) = (Echo::start().await?, Key::new("sandbox", 21));
    let gate = Gate::start(&folder(&echo, &key)?).await?;
    let printed = table(gate.folder())?;

    let bearer = key.bearer();
    let long = "x".repeat(100);
    let headers = [("authorization", bearer.as_str()), ("x-text", long.as_str())];

    let mut wrong = Vec::new();
    for cell in Cell::all() {
        let before = echo.calls();
        let reply = gate.send(Method::GET, &cell.path(), &headers, "").await?;
        let outcome = seen(&reply, echo.calls() > before).with_context(|| cell.name())?;
        let expected = printed.follows(&cell.name(), cell.hook, cell.provocation.cause)?;
        if outcome != expected {
            wrong.push(format!("{}: expected {expected}, saw {outcome}", cell.name()));
        }
    }

    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    failed_by_their_own_causes(&gate).await?;
    for cell in Cell::all() {
        is_closed_list(&printed, &cell)?;
    }
    Ok(())
}

/// Each cell's policy failed once, in its hook, by its cause and no other.
async fn failed_by_their_own_causes(gate: &Gate) -> Result<()> {
    let cells = Cell::all();
    let failures = eventually("every failure in the log", SOON, async || {
        let log = gate.process.log();
        let lines = log.lines().filter(|line| line.contains("a policy failed"));
        let lines: Vec<serde_json::Value> =
            lines.filter_map(|line| serde_json::from_str(line).ok()).collect();
        (lines.len() >= cells.len()).then_some(lines)
    });
    let failures = failures.await?;
    ensure!(failures.len() == cells.len(), "{} failures", failures.len());
    for cell in cells {
        let name = cell.name();
        let own = failures.iter().find(|line| line["policy"] == *name);
        let own = own.with_context(|| format!("{name} is not in the log"))?;
        let text = own["failure"].as_str().unwrap_or_default();
        ensure!(own["hook"] == cell.hook, "{name}: {own}");
        ensure!(text.starts_with(cell.provocation.logged), "{name} failed otherwise: {text}");
    }
    Ok(())
}

/// No cause is printed that is not provoked.
fn is_closed_list(failures: &FailureTable, cell: &Cell) -> Result<()> {
    let provoked = PROVOCATIONS.iter().map(|one| one.cause).chain(OF_THE_HOST);
    let (provoked, printed) =
        (provoked.collect::<BTreeSet<_>>(), failures.causes(&cell.name(), cell.hook));
    ensure!(provoked == printed, "{}: {provoked:?}, {printed:?}", cell.name());
    Ok(())
}
