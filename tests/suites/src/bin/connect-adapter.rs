//! The server that the conformance suite of Connect tests: the built gateway, with the suite's own
//! reference server behind it.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use suites::connect::{self, GRPC, HTTP_2, ServerCompatRequest, ServerCompatResponse, TlsCreds};
use suites::{Listening, RunningGateway};
use tokio::signal::unix::{SignalKind, signal};

/// Starts what the suite asks for on standard input, says where, and ends when it is told to.
#[derive(Debug, Parser)]
struct Line {
    /// The suite's reference server.
    #[arg(long)]
    reference: PathBuf,
    /// The treatment of gRPC-Web and Connect.
    #[arg(long, value_enum)]
    mode: Mode,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Mode {
    /// The service speaks them.
    PassThrough,
    /// The service speaks gRPC alone.
    Translated,
}

#[tokio::main]
async fn main() -> Result<()> {
    let line = Line::parse();
    let mut terminated = signal(SignalKind::terminate())?;
    let wanted: ServerCompatRequest = connect::read(&mut std::io::stdin())?;

    let mut reference = Reference::start(&line, &wanted)?;
    let rules = rules(line.mode, reference.port()?);
    let creds = wanted.server_creds.unwrap_or_default();
    let listening = if wanted.use_tls {
        Listening::Tls { certificate: &creds.cert, key: &creds.key }
    } else {
        Listening::Clear
    };
    let gateway = RunningGateway::start(listening, &rules).await?;

    let TlsCreds { cert, .. } = creds;
    let answer = ServerCompatResponse {
        host: "127.0.0.1".to_owned(),
        port: gateway.port.into(),
        pem_cert: if wanted.use_tls { cert } else { Vec::new() },
    };
    connect::write(&mut std::io::stdout(), &answer)?;
    terminated.recv().await;
    Ok(())
}

/// The configuration: every method of every service, limited as loosely as it can be.
fn rules(mode: Mode, port: u32) -> String {
    let spoken = match mode {
        Mode::PassThrough => "rpc_protocols = [\"grpc-web\", \"connect\"]\n",
        Mode::Translated => "",
    };
    format!(
        "[chains.open]\npolicies = []\n\
         [upstreams.reference]\nprotocol = \"grpc\"\n{spoken}\
         endpoints = [\"http://127.0.0.1:{port}\"]\n\
         [routes.any]\nchain = \"open\"\nupstream = \"reference\"\ntimeout_ms = 60000\n\
         body_bytes_max = 16777216\n\
         match = [\"POST /{{service}}/{{method}}\", \"GET /{{service}}/{{method}}\"]\n"
    )
}

/// The suite's reference server. Ended when dropped.
struct Reference {
    child: Child,
}

impl Reference {
    fn start(line: &Line, wanted: &ServerCompatRequest) -> Result<Self> {
        let mut child = Command::new(&line.reference)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("start {}", line.reference.display()))?;
        let protocol = match line.mode {
            Mode::PassThrough => wanted.protocol,
            Mode::Translated => GRPC,
        };
        let request = ServerCompatRequest {
            protocol,
            http_version: HTTP_2,
            message_receive_limit: wanted.message_receive_limit,
            ..ServerCompatRequest::default()
        };
        let mut input = child.stdin.take().context("the reference server's standard input")?;
        connect::write(&mut input, &request)?;
        Ok(Self { child })
    }

    fn port(&mut self) -> Result<u32> {
        let output =
            self.child.stdout.as_mut().context("the reference server's standard output")?;
        let response: ServerCompatResponse = connect::read(output)?;
        Ok(response.port)
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
