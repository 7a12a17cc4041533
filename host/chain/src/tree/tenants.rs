//! The parts of a tree that belong to one tenant each, where answers of raw text branch.
//!
//! Each tenant has its own bounds, so that one whose requests are all different stops learning for
//! itself alone. Where all parts together reach the tree's bounds, the part that was walked the
//! longest ago is forgotten.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::RwLock;

use super::Bounds;
use super::node::Place;
use crate::Environment;

/// Tenants whose parts a full tree holds at least: each may have one in so many of its nodes and
/// bytes.
const TENANTS_MIN: usize = 8;

/// The part of one tenant.
#[derive(Debug)]
pub(super) struct TenantTree {
    pub(super) root: Place,
    nodes: AtomicUsize,
    bytes: AtomicUsize,
    /// True when it was walked since it was last passed over.
    walked: AtomicBool,
}

/// The parts of all tenants. Read at each walk, written when a tenant comes or goes.
#[derive(Debug, Default)]
pub(super) struct Tenants(RwLock<Parts>);

#[derive(Debug, Default)]
struct Parts {
    live: HashMap<Box<str>, Arc<TenantTree>>,
    sandbox: HashMap<Box<str>, Arc<TenantTree>>,
    /// In the order in which they are considered for being forgotten.
    queue: std::collections::VecDeque<(Environment, Box<str>)>,
}

/// The size of a part that was forgotten.
#[derive(Debug, Clone, Copy)]
pub(super) struct Forgotten {
    pub(super) nodes: usize,
    pub(super) bytes: usize,
}

impl TenantTree {
    fn new() -> Self {
        let (nodes, bytes) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self { root: Place::new(), nodes, bytes, walked: AtomicBool::new(true) }
    }

    /// Takes a node and its bytes from the tenant's bounds, if they are left. To be called by one
    /// thread at a time.
    pub(super) fn takes(&self, bytes: usize, bounds: &Bounds) -> bool {
        let nodes = self.nodes.load(Ordering::Relaxed) + 1;
        let bytes = self.bytes.load(Ordering::Relaxed) + bytes;
        let fits = nodes <= (bounds.nodes_max / TENANTS_MIN).max(1)
            && bytes <= bounds.bytes_max / TENANTS_MIN;
        if fits {
            self.nodes.store(nodes, Ordering::Relaxed);
            self.bytes.store(bytes, Ordering::Relaxed);
        }
        fits
    }
}

impl Tenants {
    /// The part of a tenant, if it has one.
    pub(super) fn get(&self, environment: Environment, tenant: &str) -> Option<Arc<TenantTree>> {
        let part = self.0.read().of(environment).get(tenant).map(Arc::clone)?;
        // Written only when it changes: walks of one tenant share the line.
        if !part.walked.load(Ordering::Relaxed) {
            part.walked.store(true, Ordering::Relaxed);
        }
        Some(part)
    }

    /// The part of a tenant, which is made if it has none. Another one is forgotten where there are
    /// too many. To be called by one thread at a time.
    pub(super) fn get_or_add(
        &self,
        (environment, tenant): (Environment, &str),
        tenants_max: usize,
    ) -> (Arc<TenantTree>, Option<Forgotten>) {
        if let Some(part) = self.get(environment, tenant) {
            return (part, None);
        }

        let mut parts = self.0.write();
        let is_full = parts.queue.len() >= tenants_max.max(1);
        let forgotten = if is_full { parts.forget_other_than(None) } else { None };
        let part = Arc::new(TenantTree::new());
        parts.of_mut(environment).insert(tenant.into(), Arc::clone(&part));
        parts.queue.push_back((environment, tenant.into()));
        (part, forgotten)
    }

    /// Forgets the part that was walked the longest ago, but never this tenant's. None where there
    /// is no other.
    pub(super) fn forget_other_than(&self, kept: (Environment, &str)) -> Option<Forgotten> {
        self.0.write().forget_other_than(Some(kept))
    }
}

impl Parts {
    fn of(&self, environment: Environment) -> &HashMap<Box<str>, Arc<TenantTree>> {
        match environment {
            Environment::Live => &self.live,
            Environment::Sandbox => &self.sandbox,
        }
    }

    fn of_mut(&mut self, environment: Environment) -> &mut HashMap<Box<str>, Arc<TenantTree>> {
        match environment {
            Environment::Live => &mut self.live,
            Environment::Sandbox => &mut self.sandbox,
        }
    }

    /// Passes over each part that was walked since the last time, once.
    fn forget_other_than(&mut self, kept: Option<(Environment, &str)>) -> Option<Forgotten> {
        for _ in 0..2 * self.queue.len() {
            let (environment, tenant) = self.queue.pop_front()?;
            let is_kept = kept == Some((environment, &*tenant));
            let part = self.of(environment).get(&tenant);
            if is_kept || part.is_some_and(|part| part.walked.swap(false, Ordering::Relaxed)) {
                self.queue.push_back((environment, tenant));
                continue;
            }

            let part = self.of_mut(environment).remove(&tenant)?;
            let (nodes, bytes) = (&part.nodes, &part.bytes);
            return Some(Forgotten {
                nodes: nodes.load(Ordering::Relaxed),
                bytes: bytes.load(Ordering::Relaxed),
            });
        }
        None
    }
}
