//! `setup`: everything that a fresh Debian machine with Rust lacks. Skips what is there.

use crate::place::Place;
use crate::workspace::{WASI, WASM};
use crate::{say, tool, zig};
use anyhow::{Context, Result, bail};
use nix::unistd::Uid;
use std::process::Command;
use tollgate_parts::{kafka, postgres};

/// Installs what is missing.
///
/// # Errors
/// When a package cannot be installed; the message is the package manager's own.
pub(crate) fn run(place: &Place) -> Result<()> {
    packages()?;
    wasm_target(place, WASM)?;
    wasm_target(place, WASI)?;
    jars(place)?;
    zig::ensure(place)?;
    buf(place)
}

/// A thing that must be there, and the Debian packages that bring it.
struct Need {
    there: fn() -> bool,
    packages: &'static [&'static str],
}

const NEEDS: &[Need] = &[
    // librdkafka is built from source: it needs both compilers and make.
    Need { there: || all(&["cc", "c++", "make"]), packages: &["build-essential"] },
    Need { there: || tool::exists("pkg-config"), packages: &["pkg-config"] },
    Need { there: || library("openssl"), packages: &["libssl-dev"] },
    Need { there: || library("zlib"), packages: &["zlib1g-dev"] },
    Need { there: || postgres::binary("initdb").is_ok(), packages: &["postgresql"] },
    Need { there: || postgres::binary("psql").is_ok(), packages: &["postgresql-client"] },
    Need { there: || tool::exists("redis-server"), packages: &["redis-server"] },
    Need { there: || tool::exists("java"), packages: &["default-jre-headless"] },
    Need { there: || tool::exists("mvn"), packages: &["maven"] },
    Need { there: || tool::exists("kcat"), packages: &["kcat"] },
    Need { there: || tool::exists("curl"), packages: &["curl"] },
    Need { there: || all(&["node", "npm"]), packages: &["nodejs", "npm"] },
    Need { there: python_venv, packages: &["python3-venv"] },
    Need { there: || tool::exists("flock"), packages: &["util-linux"] },
];

fn packages() -> Result<()> {
    let missing: Vec<&str> = NEEDS
        .iter()
        .filter(|need| !(need.there)())
        .flat_map(|need| need.packages)
        .copied()
        .collect();

    if missing.is_empty() {
        say::step("System packages: all there");
        return Ok(());
    }

    say::step(&format!("System packages: installing {}", missing.join(", ")));
    if !tool::exists("apt-get") {
        bail!("this machine has no apt-get; please install {} by hand", missing.join(", "));
    }

    tool::run(apt().args(["update", "-qq"]))?;
    tool::run(apt().args(["install", "-y", "-qq", "--no-install-recommends"]).args(&missing))?;

    match NEEDS.iter().find(|need| !(need.there)()) {
        None => Ok(()),
        Some(need) => {
            bail!("{} installed, but what it should bring is not there", need.packages.join(" "))
        }
    }
}

fn apt() -> Command {
    let wait = ["-o", "DPkg::Lock::Timeout=120"];
    let mut command = if Uid::effective().is_root() {
        Command::new("apt-get")
    } else {
        let mut command = Command::new("sudo");
        command.args(["--preserve-env=DEBIAN_FRONTEND", "apt-get"]);
        command
    };
    command.args(wait).env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn wasm_target(place: &Place, target: &str) -> Result<()> {
    let sysroot =
        tool::output(Command::new("rustc").args(["--print", "sysroot"]).current_dir(place.root()))?;
    let lib = std::path::Path::new(sysroot.trim()).join("lib/rustlib").join(target).join("lib");
    if lib.is_dir() {
        say::step(&format!("Wasm target: {target} is there"));
        return Ok(());
    }
    say::step(&format!("Wasm target: adding {target} to the pinned toolchain"));
    tool::run(Command::new("rustup").args(["target", "add", target]).current_dir(place.root()))
}

fn jars(place: &Place) -> Result<()> {
    if place.jars().is_dir() {
        say::step("Kafka: there");
        return Ok(());
    }
    say::step("Kafka: copying its jars with Maven (about 60 MB)");
    std::fs::create_dir_all(place.target())?;
    kafka::fetch(&place.root().join("deploy/kafka/pom.xml"), &place.jars())
}

fn buf(place: &Place) -> Result<()> {
    if place.buf().exists() {
        say::step("buf: there");
        return Ok(());
    }
    say::step("buf: installing with npm");
    let prefix = place.target().join("tools");
    std::fs::create_dir_all(&prefix)?;
    let mut npm = Command::new("npm");
    npm.args(["install", "--silent", "--no-fund", "--no-audit", "--no-save", "--prefix"]);
    tool::run(npm.arg(&prefix).arg(format!("@bufbuild/buf@{BUF}")))
        .context("buf lints the specifications")
}

fn all(programs: &[&str]) -> bool {
    programs.iter().all(|program| tool::exists(program))
}

/// Debian's Python comes without what makes a folder of packages.
fn python_venv() -> bool {
    Command::new("python3")
        .args(["-c", "import venv, ensurepip"])
        .status()
        .is_ok_and(|status| status.success())
}

fn library(name: &str) -> bool {
    Command::new("pkg-config")
        .args(["--exists", name])
        .status()
        .is_ok_and(|status| status.success())
}

const BUF: &str = "1.75.0";
