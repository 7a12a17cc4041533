//! The `tollgate` binary: a gateway whose every rule is a WebAssembly component.
//!
//! `serve` carries traffic; `check` walks the same road from policies folder to Snapshot without
//! opening a socket. Read next: `exchange.rs` for the life of a request, `compile.rs` for the
//! life of a configuration change.

mod admin;
mod check;
mod cli;
mod compile;
mod detachable;
mod drain;
mod exchange;
mod explain;
mod forward;
mod live;
mod payload;
mod receipts;
mod reload;
mod remote;
mod rollouts;
mod schema;
mod serve;
mod snapshot;
mod stores;
mod telemetry;

use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match cli::run(cli::Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            telemetry::complain(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
