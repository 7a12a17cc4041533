//! Runs h2spec against the built gateway, in clear and by TLS, and compares what failed with the
//! list of expected failures, both ways.
#![allow(clippy::print_stdout, reason = "a program for the person who runs it")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Parser;
use e2e::Echo;
use suites::{Listening, RunningGateway, h2spec};
use tokio::process::Command;
use tollgate_harness::Ca;

/// Runs h2spec against the built gateway.
#[derive(Debug, Parser)]
struct Line {
    /// The program.
    #[arg(long)]
    h2spec: PathBuf,
    /// The file with the expected failures: one case in each line, after `clear: ` or `tls: `; `#`
    /// for a remark.
    #[arg(long)]
    failing: PathBuf,
    /// Passed on to the program, such as `http2/6.9`.
    rest: Vec<String>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let line = Line::parse();
    let expected = h2spec::expected(&fs::read_to_string(&line.failing)?);
    let folder = tempfile::tempdir()?;
    let issued = Ca::new()?.server(&["localhost", "127.0.0.1"])?;
    let (certificate, key) = (issued.cert_pem.as_bytes(), issued.key_pem.as_bytes());

    let mut problems = Vec::new();
    for (mode, listening) in
        [("clear", Listening::Clear), ("tls", Listening::Tls { certificate, key })]
    {
        let report = folder.path().join("report.xml");
        let mut failed = run(&line, mode, listening, &report).await?;
        println!("{mode}: {} of {} cases failed", failed.cases.len(), failed.total);

        let prefix = format!("{mode}: ");
        let listed: BTreeSet<String> =
            expected.iter().filter(|case| case.starts_with(&prefix)).cloned().collect();
        // Some cases of the suite race with what they themselves have sent: such a case fails in
        // one run and passes in the next.
        if failed.cases.difference(&listed).next().is_some() {
            let again = run(&line, mode, listening, &report).await?;
            for case in failed.cases.difference(&again.cases) {
                println!("passed when it was run again: {case}");
            }
            failed.cases.retain(|case| again.cases.contains(case));
        }

        problems.extend(failed.cases.difference(&listed).map(|case| format!("failed: {case}")));
        // A part of the suite says nothing about the other parts.
        if line.rest.is_empty() {
            let passed = listed.difference(&failed.cases);
            problems.extend(passed.map(|case| format!("listed, but passed: {case}")));
        }
    }
    if !problems.is_empty() {
        bail!("h2spec and the list of expected failures differ:\n{}", problems.join("\n"));
    }
    Ok(())
}

/// The cases that failed, of how many.
struct Failed {
    cases: BTreeSet<String>,
    total: usize,
}

async fn run(line: &Line, mode: &str, listening: Listening<'_>, report: &Path) -> Result<Failed> {
    let echo = Echo::start().await?;
    let rules = format!(
        "[chains.open]\npolicies = []\n\
         [upstreams.echo]\nprotocol = \"http\"\nendpoints = [\"{}\"]\n\
         [routes.any]\nchain = \"open\"\nupstream = \"echo\"\n\
         match = [\"GET /\", \"POST /\"]\n",
        echo.url()
    );
    let gateway = RunningGateway::start(listening, &rules).await?;

    let mut command = Command::new(&line.h2spec);
    command.args(&line.rest).arg("--strict").args(["-h", "127.0.0.1", "-p"]);
    command.arg(gateway.port.to_string()).arg("-j").arg(report).args(["-o", "5"]);
    if matches!(listening, Listening::Tls { .. }) {
        command.args(["-t", "-k"]);
    }
    // The status says only that something failed; the report says what.
    let output = command.output().await.context("run h2spec")?;
    let text = fs::read_to_string(report).with_context(|| {
        format!("h2spec wrote no report: {}", String::from_utf8_lossy(&output.stderr))
    })?;
    let cases = h2spec::cases(&text)?;
    let failed = cases.iter().filter(|case| case.has_failed);
    let failed = failed.map(|case| format!("{mode}: {}", case.name));
    Ok(Failed { cases: failed.collect(), total: cases.len() })
}
