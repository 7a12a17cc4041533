//! `fuzz`: the fuzz targets under libFuzzer, one after another.
//!
//! Cargo is run with the flags that cargo-fuzz passes where it uses no sanitizer: they work with the
//! pinned, stable compiler, while cargo-fuzz itself asks for a nightly one and a crate outside of the
//! workspace. The readers are safe Rust: what breaks in them panics, with no sanitizer to notice it.

use crate::place::Place;
use crate::{say, tool};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Instruments the code for libFuzzer: counters of edges, a table of their places, and comparisons.
const FLAGS: &[&str] = &[
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cdebug-assertions",
    "-Coverflow-checks",
];

/// Where the engine and what it finds are kept, beside other builds.
const FOLDER: &str = "fuzz";

/// Builds the engine, and runs the targets that are named, or all, for so many seconds each.
///
/// # Errors
/// When it does not build, a name is not a target's, or a property does not hold: the input is kept,
/// and its path is in the message.
pub(crate) fn run(place: &Place, names: &[String], seconds: u64) -> Result<()> {
    let targets = targets(place)?;
    if let Some(unknown) = names.iter().find(|name| !targets.contains(name)) {
        bail!("there is no target `{unknown}`; expected one of {}", targets.join(", "));
    }

    say::step("Fuzz: building the targets with their engine");
    let folder = place.target().join(FOLDER);
    let engine = build(place, &folder)?;

    let chosen = if names.is_empty() { &targets } else { names };
    for target in chosen {
        say::step(&format!("Fuzz: {target}, for {seconds} s"));
        one(place, &engine, &folder, target, seconds)?;
    }
    Ok(())
}

/// The targets are those that have seeds; a test of theirs holds the two lists together.
fn targets(place: &Place) -> Result<Vec<String>> {
    let corpus = place.root().join("tests/fuzz/corpus");
    let mut names = Vec::new();
    for entry in fs::read_dir(&corpus).with_context(|| format!("read {}", corpus.display()))? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn build(place: &Place, folder: &Path) -> Result<std::path::PathBuf> {
    // The name of the machine's own target keeps the flags from build scripts and macros.
    let machine = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let arguments = ["build", "--package", "fuzz", "--bin", "fuzz", "--target", &machine];
    let mut cargo = tool::cargo(place, &arguments);
    cargo.env("CARGO_TARGET_DIR", folder).env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\u{1f}"));
    // The coverage pass is an unstable option of the compiler, which a stable one takes with this.
    tool::run(cargo.env("RUSTC_BOOTSTRAP", "1"))?;
    Ok(folder.join(machine).join("debug/fuzz"))
}

/// Runs one target. What it learns is kept for the next time; the seeds stay as they are.
fn one(place: &Place, engine: &Path, folder: &Path, target: &str, seconds: u64) -> Result<()> {
    let (learned, found) = (folder.join("corpus").join(target), folder.join("found").join(target));
    for folder in [&learned, &found] {
        fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    }

    let mut command = Command::new(engine);
    command.arg(format!("--target={target}")).arg(&learned);
    command.arg(place.root().join("tests/fuzz/corpus").join(target));
    command.args([
        format!("-artifact_prefix={}/", found.display()),
        format!("-max_total_time={seconds}"),
        "-timeout=10".to_owned(),
        "-rss_limit_mb=2048".to_owned(),
        "-print_final_stats=1".to_owned(),
        "-verbosity=0".to_owned(),
    ]);
    tool::run(command.current_dir(place.root()))
        .with_context(|| format!("{target} fails; its input is in {}", found.display()))
}
