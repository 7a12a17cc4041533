//! The Snapshot that serves, handed over without a lock.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::snapshot::Snapshot;

/// Where exchanges pin their Snapshot and reloads put a new one.
#[derive(Debug, Clone)]
pub(crate) struct Live(Arc<ArcSwap<Snapshot>>);

impl Live {
    pub(crate) fn new(first: Snapshot) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(first)))
    }

    /// The Snapshot of now, for the whole life of an exchange.
    pub(crate) fn pin(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }

    /// Lets `next` serve. Gives back the old one, which exchanges in flight may still hold; drop
    /// it where its components may take a moment to go.
    pub(crate) fn swap(&self, next: Snapshot) -> Arc<Snapshot> {
        self.0.swap(Arc::new(next))
    }
}
