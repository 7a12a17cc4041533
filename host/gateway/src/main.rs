//! The `tollgate` binary: a gateway whose every rule is a WebAssembly component.
//!
//! `serve` carries traffic; `check` walks the same context from policies folder to Snapshot without
//! opening a socket. Read next: `serve.rs`; the life of a request is `proxy`'s, the life of a
//! configuration `control`'s.

mod check;
mod cli;
mod parts;
mod schema;
mod serve;
mod signals;
mod telemetry;

use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let arguments = match cli::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Nothing is left to be done when the terminal is gone.
            let _ = error.print();
            let misused = error.use_stderr();
            return if misused { ExitCode::from(cli::NOT_RUN) } else { ExitCode::SUCCESS };
        }
    };
    match cli::run(arguments) {
        Ok(code) => code,
        Err(error) => {
            telemetry::complain(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
