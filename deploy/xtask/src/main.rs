//! `cargo xtask`: sets up, builds, runs, tests and measures the project.
//!
//! Each verb is a module of the same name. It must build in seconds on a fresh machine, so it
//! depends on nothing that the product is made of.
#![allow(clippy::print_stdout, reason = "a command line tool speaks to the person who runs it")]

mod bench;
mod check;
mod ci;
mod conformance;
mod down;
mod fuzz;
mod place;
mod platform;
mod plugins;
mod queries;
mod references;
mod say;
mod setup;
mod soak;
mod status;
mod test;
mod tool;
mod up;
mod workspace;
mod zig;

use anyhow::Result;
use clap::{Parser, Subcommand};
use place::Place;

/// Builds, runs, tests and measures Tollgate.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Line {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Installs what a fresh machine lacks: system packages, the Wasm target, Kafka, buf.
    Setup,
    /// Builds the plugins and the guests of the tests as components.
    Plugins {
        /// Those to build; all where none is named.
        names: Vec<String>,
    },
    /// Refreshes the data by which SQL is checked at compile time, with a PostgreSQL of its own.
    Queries,
    /// Writes the generated files of `policies/`: the references of keys and problems, the schema.
    References,
    /// Sets up, builds and starts the whole platform on loopback; prints commands that work.
    Up,
    /// Stops what `up` started. Data stays under `.tollgate`.
    Down,
    /// Shows what runs, on which port, and where its log is.
    Status,
    /// Sets up, builds and runs every test; lints the specifications.
    Test {
        /// Passed on to `cargo test`, such as `-p identity`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<String>,
    },
    /// Runs for long: `reloads` (ten a second under load), `starvation` (one caller takes what
    /// another needs), `connections` (ten thousand of them) or `streams` (an hour of each kind).
    Soak {
        /// Passed on: the run, `reloads` where none is named, `--seconds N`, and of
        /// `connections` `--idle N` where descriptors are too few (more than twice ten thousand).
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<String>,
    },
    /// Judges format, house rules and lints, and the dependencies where cargo-deny is installed.
    Check,
    /// Sets up and runs everything that CI runs, or one part of it.
    Ci {
        /// The part; all of them in order where none is named.
        job: Option<ci::Job>,
    },
    /// Runs the public suites against the built gateway: HTTP/2, gRPC, gRPC-Web, Connect.
    Conformance {
        /// The suites; all where none is named.
        suites: Vec<conformance::Suite>,
        /// Passed on to the suite, after `--`: `--run 'pattern/**'`, `-v`, `--trace`.
        #[arg(last = true)]
        rest: Vec<String>,
    },
    /// Runs the fuzz targets under libFuzzer, one after another.
    Fuzz {
        /// The targets; all where none is named.
        targets: Vec<String>,
        /// The time for each, in seconds.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
    },
    /// Measures what the gateway costs beside a bare proxy, and prints the table.
    Bench {
        /// Passed on to the benchmark.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        rest: Vec<String>,
    },
}

fn main() -> Result<()> {
    let place = Place::find()?;
    match Line::parse().verb {
        Verb::Setup => setup::run(&place),
        Verb::Plugins { names } => plugins::some(&place, &names).map(drop),
        Verb::Queries => queries::run(&place),
        Verb::References => references::run(&place),
        Verb::Up => up::run(&place),
        Verb::Down => down::run(&place),
        Verb::Status => status::run(&place),
        Verb::Test { rest } => test::run(&place, &rest),
        Verb::Soak { rest } => soak::run(&place, &rest),
        Verb::Check => check::run(&place),
        Verb::Ci { job } => ci::run(&place, job),
        Verb::Conformance { suites, rest } => conformance::run(&place, &suites, &rest),
        Verb::Fuzz { targets, seconds } => fuzz::run(&place, &targets, seconds),
        Verb::Bench { rest } => bench::run(&place, &rest),
    }
}
