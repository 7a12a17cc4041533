//! Signals: SIGTERM and SIGINT drain, SIGHUP reloads and opens the access log anew, SIGQUIT ends
//! at once.

use anyhow::{Context, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// A request of the operating system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignalEvent {
    /// Finish what is in flight and end.
    Drain,
    /// Read the policies folder again, and open the access log anew.
    Reload,
    /// End at once.
    Abort,
}

/// A listener to the signals.
#[derive(Debug)]
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    quit: Signal,
}

impl Signals {
    /// Starts listening; from here on none of them ends the process by itself.
    pub(crate) fn listen() -> Result<Self> {
        let listen = |kind: SignalKind| signal(kind).context("listen to signals");
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hangup: listen(SignalKind::hangup())?,
            quit: listen(SignalKind::quit())?,
        })
    }

    /// Waits for the next signal. Cancel-safe.
    pub(crate) async fn next(&mut self) -> SignalEvent {
        tokio::select! {
            _ = self.terminate.recv() => SignalEvent::Drain,
            _ = self.interrupt.recv() => SignalEvent::Drain,
            _ = self.hangup.recv() => SignalEvent::Reload,
            _ = self.quit.recv() => SignalEvent::Abort,
        }
    }
}
