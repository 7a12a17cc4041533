//! The state of a store: written by the store, read by whoever reports it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tollgate_chain::metric;

/// The state of a store that was opened. Cheap to clone; clones share it. Starts as working.
#[derive(Debug, Clone)]
pub struct StoreHealth {
    name: &'static str,
    working: Arc<AtomicBool>,
}

impl StoreHealth {
    /// Creates the state of a store that works.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        let health = Self { name, working: Arc::new(AtomicBool::new(true)) };
        health.publish(true);
        health
    }

    /// Notes that the store works.
    pub fn works(&self) {
        self.set(true);
    }

    /// Notes that the store failed.
    pub fn failed(&self) {
        self.set(false);
    }

    /// The name of the store, as in `[stores.<name>]`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns true if the last use of the store succeeded.
    #[must_use]
    pub fn is_working(&self) -> bool {
        self.working.load(Ordering::Acquire)
    }

    fn set(&self, working: bool) {
        if self.working.swap(working, Ordering::AcqRel) != working {
            self.publish(working);
        }
    }

    fn publish(&self, working: bool) {
        let gauge = metrics::gauge!(metric::STORE_WORKING, "store" => self.name);
        gauge.set(if working { 1.0 } else { 0.0 });
    }
}
