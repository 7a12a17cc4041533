//! Does the benchmark still measure everything? A short run, in which no request may fail and
//! every row must be there with figures. What the figures are is not asserted.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

#[test]
fn every_row_is_there_with_figures() -> Result<()> {
    let output = Command::new(env!("CARGO_BIN_EXE_bench")).arg("--quick").output()?;
    let text = String::from_utf8(output.stdout)?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{complaint}\nafter\n{text}");
    let rows: Vec<Vec<&str>> = text.lines().filter_map(cells).collect();
    for row in &rows {
        let (name, figures) = row.split_first().context("an empty row")?;
        for figure in figures {
            ensure!(is_fine(figure), "{name}: {figure:?} is no figure");
        }
    }
    let count = |name: &str| rows.iter().filter(|row| row.first() == Some(&name)).count();
    let c_hosts = tollgate_harness::target_dir()?.join("plugins/c-hosts.wasm");
    for (name, times) in expected(&c_hosts) {
        ensure!(count(name) == times, "{times} rows {name:?} expected in\n{text}");
    }
    Ok(())
}

/// The cells of a row of figures: neither the head of a table nor the rule beneath it.
fn cells(line: &str) -> Option<Vec<&str>> {
    let inner = line.strip_prefix('|')?.strip_suffix('|')?;
    let cells: Vec<&str> = inner.split('|').map(str::trim).collect();
    let last = cells.last()?;
    (is_fine(last) || *last == "inf" || *last == "NaN").then_some(cells)
}

fn is_fine(cell: &str) -> bool {
    let is_word = ["–", "yes", "no", "most", "least"].contains(&cell);
    is_word || cell.parse::<f64>().is_ok_and(f64::is_finite)
}

fn expected(c_hosts: &Path) -> Vec<(&'static str, usize)> {
    let mut rows = vec![
        ("bare hyper proxy", 6),
        ("gateway, no policies", 4),
        ("gateway, six policies, warm", 3),
        ("gateway, six policies, trees off", 3),
        ("bare hyper upgrade, copied", 1),
        ("gateway, WebSocket echo", 1),
        ("allowed-hosts alone", 1),
        ("cors alone", 1),
        ("auth alone", 1),
        ("rate-limit alone", 1),
        ("auth, then routing", 1),
        ("auth, then idempotency", 1),
        // Once with what a request costs, once with start and memory.
        ("10 routes, 10000 keys", 2),
        ("200 routes, 10000 keys", 2),
        ("1000 routes, 10000 keys", 2),
        ("200 routes, 100 keys", 2),
        ("200 routes, 20000 keys", 2),
        ("translated, no policies", 1),
        ("translated, six policies, warm", 1),
        ("one worker", 3),
        ("two workers", 3),
        ("trees on, 1 thread", 1),
        ("trees on, 2 threads", 1),
        ("trees on, 2 threads, nothing shared", 1),
        ("trees off, 1 thread", 1),
        ("trees off, 2 threads", 1),
        ("trees off, 2 threads, nothing shared", 1),
        ("nothing compiled before", 1),
        ("six policies, as many records as by default", 1),
        ("normal traffic, before", 1),
        ("normal and hostile at once", 1),
        ("normal traffic, right after", 1),
        ("hostile alone", 1),
        ("largest tree, bytes", 1),
        ("receipts on, to off: 2 pairs", 1),
        ("six policies, warm, HTTP/1.1: ratio", 1),
        ("JSON → gRPC → JSON, six policies, warm: ratio", 1),
    ];

    if c_hosts.is_file() {
        rows.extend([
            ("allowed-hosts in Rust, warm", 1),
            ("allowed-hosts in Rust, trees off", 1),
            ("allowed-hosts in C, warm", 1),
            ("allowed-hosts in C, trees off", 1),
        ]);
        if let Some(bare) = rows.first_mut() {
            bare.1 += 1;
        }
    }
    rows
}
