//! The Snapshot that serves, handed over without a lock.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::snapshot::Snapshot;

/// The shared cell from which exchanges pin their Snapshot and in which reloads put a new one.
#[derive(Debug, Clone)]
pub struct Live(Arc<ArcSwap<Snapshot>>);

impl Live {
    /// Lets `first` serve.
    #[must_use]
    pub fn new(first: Snapshot) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(first)))
    }

    /// Returns the current Snapshot, to be held for the whole life of an exchange.
    #[must_use]
    pub fn pin(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }

    /// Lets `next` serve. Returns the old one, which exchanges in flight may still hold; drop it
    /// on a thread that may block, because its components take a moment to go.
    pub fn swap(&self, next: Snapshot) -> Arc<Snapshot> {
        self.0.swap(Arc::new(next))
    }
}
