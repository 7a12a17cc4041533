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
    /// HTTP/2 (RFC 9113) and HPACK (RFC 7541), in clear and by TLS.
    H2spec,
}

impl Suite {
    const ALL: [Self; 3] = [Self::H2spec, Self::ConnectPassThrough, Self::ConnectTranslated];

    fn run(self, place: &Place, rest: &[String]) -> Result<()> {
        match self {
            Self::ConnectPassThrough => connect(place, "pass-through", rest),
            Self::ConnectTranslated => connect(place, "translated", rest),
            Self::H2spec => h2spec(place, rest),
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
    suites.iter().try_for_each(|suite| suite.run(place, rest))
}

fn h2spec(place: &Place, rest: &[String]) -> Result<()> {
    let program = go_tool(place, H2SPEC, "h2spec")?;
    say::step("h2spec, strict");
    let failing = place.root().join("tests/suites/h2spec/failing.txt");
    let mut command = Command::new(place.binary("h2spec-run"));
    command.arg("--h2spec").arg(program).arg("--failing").arg(failing);
    tool::run(command.args(rest).current_dir(place.root()))
}

/// Runs the suite of Connect. `mode` is the adapter's, and the start of the names of its files.
fn connect(place: &Place, mode: &str, rest: &[String]) -> Result<()> {
    let runner = go_tool(place, CONNECT, "connectconformance")?;
    let reference = go_tool(place, CONNECT, "referenceserver")?;
    let folder = place.root().join("tests/suites/connect");

    say::step(&format!("Connect conformance, {mode}"));
    let config = folder.join(format!("{mode}.yaml"));
    let failing = folder.join(format!("{mode}-failing.txt"));
    let mut command = Command::new(runner);
    command.arg("--conf").arg(config).args(["--mode", "server"]);
    command.arg("--known-failing").arg(format!("@{}", failing.display()));
    command.args(rest).arg("--").arg(place.binary("connect-adapter"));
    command.args(["--mode", mode, "--reference"]).arg(reference);
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

/// Its own version of HTTP/2's specification is RFC 7540; RFC 9113 changed priorities alone.
const H2SPEC: Module =
    Module { path: "github.com/summerwind/h2spec", version: "v2.2.1+incompatible" };
const CONNECT: Module = Module { path: "connectrpc.com/conformance", version: "v1.0.7" };
