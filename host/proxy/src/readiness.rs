//! Readiness of the process: written where it is wired, read for health and by exchanges.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// A shared cell that holds how ready the gateway is. Starts as [`ReadyState::Starting`].
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<AtomicU8>);

/// The stages of a process that serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadyState {
    /// The listeners do not accept yet.
    Starting,
    /// The listeners accept.
    Ready,
    /// The process finishes what is in flight and ends.
    Draining,
}

const READY: u8 = 1;
const DRAINING: u8 = 2;

impl Readiness {
    /// Declares that the listeners accept.
    pub fn ready(&self) {
        self.0.store(READY, Ordering::Release);
    }

    /// Declares that the process is about to end.
    pub fn draining(&self) {
        self.0.store(DRAINING, Ordering::Release);
    }

    /// Returns the current stage.
    #[must_use]
    pub fn state(&self) -> ReadyState {
        match self.0.load(Ordering::Acquire) {
            READY => ReadyState::Ready,
            DRAINING => ReadyState::Draining,
            _ => ReadyState::Starting,
        }
    }

    /// Returns whether the process is about to end.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.state() == ReadyState::Draining
    }
}
