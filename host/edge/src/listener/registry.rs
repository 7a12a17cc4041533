//! The open connections of a listener, and how they are brought to an end.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::task::TaskTracker;

use super::Drained;
use super::state::{ConnectionState, DrainDemand};

/// The states of all open connections. Locked when a connection opens or closes, never for a
/// request.
#[derive(Debug, Default)]
pub(super) struct ConnectionRegistry(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    next: u64,
    open: HashMap<u64, Arc<ConnectionState>>,
    draining: bool,
}

/// A connection's entry; dropping it strikes it out.
pub(super) struct RegistryEntry {
    registry: Arc<ConnectionRegistry>,
    number: u64,
}

impl ConnectionRegistry {
    pub(super) fn enter(self: &Arc<Self>, state: &Arc<ConnectionState>) -> RegistryEntry {
        let mut entries = self.0.lock();
        let number = entries.next;
        entries.next += 1;
        entries.open.insert(number, Arc::clone(state));
        if entries.draining {
            state.demand(DrainDemand::Finish);
        }
        RegistryEntry { registry: Arc::clone(self), number }
    }

    fn all(&self) -> Vec<Arc<ConnectionState>> {
        self.0.lock().open.values().cloned().collect()
    }
}

impl Drop for RegistryEntry {
    fn drop(&mut self) {
        self.registry.0.lock().open.remove(&self.number);
    }
}

/// Asks each connection to finish, spread over `spread` so that their clients do not all come
/// back at once; cuts off those that are left at `deadline`.
pub(super) async fn drain(
    registry: &Arc<ConnectionRegistry>,
    tracker: &TaskTracker,
    spread: Duration,
    deadline: Duration,
) -> Drained {
    let start = Instant::now();
    let end = start + deadline;
    let before = tracker.len();
    registry.0.lock().draining = true;
    let open = registry.all();
    let step = spread.min(deadline) / u32::try_from(open.len().max(1)).unwrap_or(u32::MAX);
    let mut due = start;

    for state in &open {
        if due > Instant::now() + TICK {
            sleep_until(due).await;
        }
        state.demand(DrainDemand::Finish);
        due += step;
    }

    if timeout_at(end, tracker.wait()).await.is_ok() {
        return Drained { finished: before, aborted: 0 };
    }

    let left = registry.all();

    for state in &left {
        state.demand(DrainDemand::Abort);
    }

    tracker.wait().await;
    Drained { finished: before.saturating_sub(left.len()), aborted: left.len() }
}

/// The timer's grain: shorter steps are taken together.
const TICK: Duration = Duration::from_millis(2);
