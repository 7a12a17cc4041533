//! Measures what a request costs: a bare hyper reverse proxy and the gateway, before the same
//! upstream, in the same run, each in a process of its own with one worker thread.
//!
//! Without a command it measures, one file for each group of rows; the commands are the processes
//! that it starts. Read next: `groups.rs`, then `ground.rs` and `measure.rs`.
#![allow(clippy::print_stdout, reason = "it prints tables, and its parts tell their ports")]

mod alone;
mod attack;
mod ground;
mod groups;
mod growth;
mod languages;
mod load;
mod measure;
mod metrics;
mod origin;
mod processors;
mod protocols;
mod proxy;
mod receipts;
mod sides;
mod startup;
mod table;
mod threads;
mod transcode;
mod websocket;
mod workers;

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
    #[command(flatten)]
    options: groups::MeasureOptions,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// The upstream: answers every request with the same message.
    Origin {
        /// Speak gRPC instead of HTTP/1.1.
        #[arg(long)]
        grpc: bool,
    },
    /// The bare proxy, on HTTP/1.1, h2c and TLS.
    Proxy {
        /// Where the upstream is.
        #[arg(long)]
        to: SocketAddr,
        /// The folder of `server.pem` and `server.key`.
        #[arg(long)]
        certificates: PathBuf,
        /// Its worker threads.
        #[arg(long, default_value_t = 1)]
        workers: usize,
    },
    /// The load.
    Load(load::LoadOptions),
}

fn main() -> Result<()> {
    let line = Line::parse();
    let workers = if let Some(Part::Proxy { workers, .. }) = &line.part { *workers } else { 1 };
    let mut runtime = match workers {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    if workers > 1 {
        runtime.worker_threads(workers);
    }
    let runtime = runtime.enable_all().build()?;
    runtime.block_on(async {
        match line.part {
            Some(Part::Origin { grpc }) => origin::serve(grpc).await,
            Some(Part::Proxy { to, certificates, .. }) => proxy::serve(to, &certificates).await,
            Some(Part::Load(options)) => load::run(options).await,
            None => groups::run(line.options).await,
        }
    })
}
