//! The open connections of a listener, and how they are brought to an end.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::task::TaskTracker;

use super::Drained;
use super::pulse::{Order, Pulse};

/// The pulses of all open connections. Locked when a connection opens or closes, never for a
/// request.
#[derive(Debug, Default)]
pub(super) struct Roster(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    next: u64,
    open: HashMap<u64, Arc<Pulse>>,
    draining: bool,
}

/// A connection's entry; dropping it strikes it out.
pub(super) struct Entry {
    roster: Arc<Roster>,
    number: u64,
}

impl Roster {
    pub(super) fn enter(self: &Arc<Self>, pulse: &Arc<Pulse>) -> Entry {
        let mut entries = self.0.lock();
        let number = entries.next;
        entries.next += 1;
        entries.open.insert(number, Arc::clone(pulse));
        if entries.draining {
            pulse.demand(Order::Finish);
        }
        Entry { roster: Arc::clone(self), number }
    }

    fn all(&self) -> Vec<Arc<Pulse>> {
        self.0.lock().open.values().cloned().collect()
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.roster.0.lock().open.remove(&self.number);
    }
}

/// Asks each connection to finish, spread over `spread` so that their clients do not all come
/// back at once; cuts off those that are left at `deadline`.
pub(super) async fn drain(
    roster: &Arc<Roster>,
    tracker: &TaskTracker,
    spread: Duration,
    deadline: Duration,
) -> Drained {
    let start = Instant::now();
    let end = start + deadline;
    let before = tracker.len();
    roster.0.lock().draining = true;
    let open = roster.all();
    let step = spread.min(deadline) / u32::try_from(open.len().max(1)).unwrap_or(u32::MAX);
    let mut due = start;
    for pulse in &open {
        if due > Instant::now() + TICK {
            sleep_until(due).await;
        }
        pulse.demand(Order::Finish);
        due += step;
    }
    if timeout_at(end, tracker.wait()).await.is_ok() {
        return Drained { finished: before, aborted: 0 };
    }
    let left = roster.all();
    for pulse in &left {
        pulse.demand(Order::Abort);
    }
    tracker.wait().await;
    Drained { finished: before.saturating_sub(left.len()), aborted: left.len() }
}

/// The timer's grain: shorter steps are taken together.
const TICK: Duration = Duration::from_millis(2);
