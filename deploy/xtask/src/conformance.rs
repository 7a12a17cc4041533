//! `conformance`: the public suites of the field against the built gateway, each with the failures
//! that are known. A failure that is not listed fails, and so does a listed one that passes.

use crate::place::Place;
use crate::{say, test, tool};
use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A public suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Suite {
    /// gRPC, gRPC-Web and Connect, passed through to a service that speaks them.
    ConnectPassThrough,
    /// gRPC-Web and Connect, translated for a service that speaks gRPC alone.
    ConnectTranslated,
}

impl Suite {
    const ALL: [Self; 2] = [Self::ConnectPassThrough, Self::ConnectTranslated];

    /// The mode of the adapter, and the start of the names of the suite's files.
    fn mode(self) -> &'static str {
        match self {
            Self::ConnectPassThrough => "pass-through",
            Self::ConnectTranslated => "translated",
        }
    }
}

/// Installs the suites, builds what they test, and runs those that are named; all where none is.
/// `rest` is passed on to the suite.
///
/// # Errors
/// When Go is missing, something does not build, or a suite found what is not listed.
pub(crate) fn run(place: &Place, suites: &[Suite], rest: &[String]) -> Result<()> {
    say::step("Binaries: building what the suites test");
    test::binaries(place)?;
    let suites = if suites.is_empty() { &Suite::ALL } else { suites };
    suites.iter().try_for_each(|suite| connect(place, *suite, rest))
}

fn connect(place: &Place, suite: Suite, rest: &[String]) -> Result<()> {
    let runner = go_tool(place, CONNECT, "connectconformance")?;
    let reference = go_tool(place, CONNECT, "referenceserver")?;
    let folder = place.root().join("tests/suites/connect");

    say::step(&format!("Connect conformance, {}", suite.mode()));
    let config = folder.join(format!("{}.yaml", suite.mode()));
    let failing = folder.join(format!("{}-failing.txt", suite.mode()));
    let mut command = Command::new(runner);
    command.arg("--conf").arg(config).args(["--mode", "server"]);
    command.arg("--known-failing").arg(format!("@{}", failing.display()));
    command.args(rest).arg("--").arg(place.binary("connect-adapter"));
    command.args(["--mode", suite.mode(), "--reference"]).arg(reference);
    tool::run(command.current_dir(place.root()))
}

/// Returns a program of a Go module, installed into the build folder unless it is there.
fn go_tool(place: &Place, module: Module, name: &str) -> Result<PathBuf> {
    let folder = place.target().join("tools/go").join(module.version);
    let program = folder.join(name);
    if program.exists() {
        return Ok(program);
    }
    if !tool::exists("go") {
        bail!("the suite is written in Go: install Go 1.24 or later (https://go.dev/doc/install)");
    }

    say::step(&format!("{name}: installing {} {} with Go", module.path, module.version));
    fs::create_dir_all(&folder)?;
    let mut go = Command::new("go");
    go.args(["install", &format!("{}/cmd/{name}@{}", module.path, module.version)]);
    tool::run(go.env("GOBIN", &folder).current_dir(Path::new("/")))
        .with_context(|| format!("install {name}"))?;
    Ok(program)
}

/// A module of Go and the version that is installed.
#[derive(Debug, Clone, Copy)]
struct Module {
    path: &'static str,
    version: &'static str,
}

const CONNECT: Module = Module { path: "connectrpc.com/conformance", version: "v1.0.7" };
