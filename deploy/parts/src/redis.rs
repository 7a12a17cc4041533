//! A Redis server of our own on one loopback port.

use crate::daemon::Daemon;
use anyhow::Result;
use nix::sys::signal::Signal;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Starts Redis unless it runs, and waits until it answers PING.
///
/// # Errors
/// When it is not installed or does not answer within 15 s.
pub fn start(daemon: &Daemon, data: &Path, port: u16) -> Result<()> {
    if daemon.pid().is_some() && answers(port) {
        return Ok(());
    }
    fs::create_dir_all(data)?;
    let port_text = port.to_string();
    let mut command = Command::new("redis-server");
    command
        .args(["--bind", "127.0.0.1", "--port", &port_text, "--daemonize", "no"])
        .args(["--maxmemory", "128mb", "--maxmemory-policy", "noeviction"])
        .args(["--save", "", "--appendonly", "no", "--dir"])
        .arg(data);
    daemon.start(&mut command)?;
    daemon.ready(Duration::from_secs(15), || answers(port))
}

/// Stops it.
///
/// # Errors
/// When it does not end.
pub fn stop(daemon: &Daemon) -> Result<bool> {
    daemon.stop(Signal::SIGTERM, Duration::from_secs(10))
}

fn answers(port: u16) -> bool {
    let ping = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"PING\r\n")?;
        let mut reply = [0_u8; 7];
        stream.read_exact(&mut reply)?;
        Ok(&reply == b"+PONG\r\n")
    };
    ping().unwrap_or(false)
}
