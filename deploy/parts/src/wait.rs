//! The one bounded wait of the tooling: a condition, a limit, and a clear word when it is not met.

use anyhow::{Result, bail};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

/// Polls `met` every 50 ms until it holds.
///
/// # Errors
/// When `limit` passes first; the message carries `what` and the last lines of `log`.
pub fn until(
    what: &str,
    limit: Duration,
    log: &Path,
    mut met: impl FnMut() -> Result<bool>,
) -> Result<()> {
    let end = Instant::now() + limit;
    while !met()? {
        if Instant::now() > end {
            bail!(
                "{what} was not there within {} s; its log is {}\n{}",
                limit.as_secs(),
                log.display(),
                tail(log, 15)
            );
        }
        pause(Duration::from_millis(50));
    }
    Ok(())
}

/// Returns the last `lines` lines of a text file, or nothing where it cannot be read.
#[must_use]
pub fn tail(log: &Path, lines: usize) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let skipped = text.lines().count().saturating_sub(lines);
    text.lines().skip(skipped).map(|line| format!("    {line}\n")).collect()
}

/// Says whether something accepts connections on a loopback port.
#[must_use]
pub fn listens(port: u16) -> bool {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    TcpStream::connect_timeout(&address, Duration::from_millis(500)).is_ok()
}

/// Returns a loopback port that was free a moment ago.
///
/// # Errors
/// When the system has none left.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

#[expect(
    clippy::disallowed_methods,
    reason = "no runtime here; the only pause, inside a bounded poll"
)]
fn pause(time: Duration) {
    std::thread::sleep(time);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_that_is_not_met_ends_and_names_the_log() {
        let log = std::env::temp_dir().join(format!("tollgate-wait-{}", std::process::id()));
        std::fs::write(&log, "first\nlast words\n").unwrap();
        let failure = until("a miracle", Duration::from_millis(60), &log, || Ok(false));
        let text = failure.unwrap_err().to_string();
        assert!(text.contains("a miracle") && text.contains("last words"), "{text}");
        std::fs::remove_file(&log).unwrap();
    }

    #[test]
    fn a_free_port_can_be_bound() {
        let port = free_port().unwrap();
        assert!(!listens(port));
        let _held = TcpListener::bind(("127.0.0.1", port)).unwrap();
        assert!(listens(port));
    }
}
