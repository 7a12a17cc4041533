//! Readiness of the process: written where it is wired, read for health and by exchanges.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};

use tollgate_capability::StoreHealth;

/// A shared cell that holds how ready the gateway is. Starts as [`ReadyState::Starting`].
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<ReadinessCell>);

#[derive(Debug, Default)]
struct ReadinessCell {
    state: AtomicU8,
    stores: OnceLock<Vec<StoreHealth>>,
}

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
        self.0.state.store(READY, Ordering::Release);
    }

    /// Declares that the process is about to end.
    pub fn draining(&self) {
        self.0.state.store(DRAINING, Ordering::Release);
    }

    /// Sets the stores whose failures are reported; once.
    pub fn report(&self, stores: Vec<StoreHealth>) {
        // Stores are opened once in the life of a process.
        let _ = self.0.stores.set(stores);
    }

    /// Returns the names of the stores that fail now. Requests that do not need them are served.
    #[must_use]
    pub fn failing_stores(&self) -> Vec<&'static str> {
        let stores = self.0.stores.get().map(Vec::as_slice).unwrap_or_default();
        stores.iter().filter(|store| !store.is_working()).map(StoreHealth::name).collect()
    }

    /// Returns the current stage.
    #[must_use]
    pub fn state(&self) -> ReadyState {
        match self.0.state.load(Ordering::Acquire) {
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
