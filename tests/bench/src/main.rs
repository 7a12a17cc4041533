//! What does a request cost? A bare hyper reverse proxy and the gateway, before the same upstream,
//! in the same run, each in a process of its own with one worker thread.
//!
//! Without a command it measures; the commands are the processes that it starts.
#![allow(clippy::print_stdout, reason = "it prints a table, and its parts tell their ports")]

mod load;
mod measure;
mod origin;
mod proxy;
mod sides;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Measures the gateway beside a bare proxy.
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Line {
    #[command(subcommand)]
    part: Option<Part>,
    /// The gateway's binary; `tollgate` beside this one unless told.
    #[arg(long)]
    gateway: Option<PathBuf>,
    /// The folder of the components; `plugins` in the build folder unless told.
    #[arg(long)]
    components: Option<PathBuf>,
    /// Seconds of load for each side in each round.
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// Rounds, in each of which every side has its turn.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Keep-alive connections.
    #[arg(long, default_value_t = 32)]
    connections: usize,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// The upstream: answers every request with the same JSON.
    Origin,
    /// The bare proxy.
    Proxy {
        /// Where the upstream is.
        #[arg(long)]
        to: SocketAddr,
    },
    /// The load.
    Load(load::Order),
}

fn main() -> Result<()> {
    let line = Line::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match line.part {
            Some(Part::Origin) => origin::serve().await,
            Some(Part::Proxy { to }) => proxy::serve(to).await,
            Some(Part::Load(order)) => load::run(order).await,
            None => {
                let gateway =
                    line.gateway.map_or_else(|| tollgate_harness::target_bin("tollgate"), Ok)?;
                let components = match line.components {
                    Some(folder) => folder,
                    None => tollgate_harness::target_dir()?.join("plugins"),
                };
                let sides = sides::start(&gateway, &components).await?;
                let rounds = measure::Rounds {
                    rounds: line.rounds.max(1),
                    seconds: line.seconds.max(1),
                    connections: line.connections.max(1),
                };
                measure::run(sides, &rounds).await
            }
        }
    })
}
