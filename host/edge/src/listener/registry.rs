//! The open connections of a listener, and how they are brought to an end: all of them by a drain,
//! some that are at rest where others need their places.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::task::TaskTracker;
use tollgate_chain::metric;

use super::Drained;
use super::state::{ConnectionState, DrainDemand};

/// The states of all open connections. Locked when a connection opens or closes, never for a
/// request.
#[derive(Debug, Default)]
pub(super) struct ConnectionRegistry(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    next: u64,
    open: HashMap<u64, (Arc<ConnectionState>, IpAddr)>,
    draining: bool,
}

/// A connection's entry; dropping it strikes it out.
pub(super) struct RegistryEntry {
    registry: Arc<ConnectionRegistry>,
    number: u64,
}

impl ConnectionRegistry {
    pub(super) fn enter(
        self: &Arc<Self>,
        state: &Arc<ConnectionState>,
        peer: IpAddr,
    ) -> RegistryEntry {
        let mut entries = self.0.lock();
        let number = entries.next;
        entries.next += 1;
        entries.open.insert(number, (Arc::clone(state), peer));
        if entries.draining {
            state.demand(DrainDemand::Finish);
        }
        RegistryEntry { registry: Arc::clone(self), number }
    }

    /// Ends some connections at rest: those without a request yet before others, then those of the
    /// address that has the most, then those that rest the longest. A few at a time, so that who
    /// opens many does not make each of them cost a look at all.
    pub(super) fn make_room(&self, now: Instant) {
        let entries = self.0.lock();
        let mut of_address: HashMap<IpAddr, usize> = HashMap::new();
        for (_, peer) in entries.open.values() {
            *of_address.entry(*peer).or_default() += 1;
        }

        let mut resting: Vec<_> = entries
            .open
            .values()
            .filter(|(state, _)| state.order() == DrainDemand::Serve)
            .filter_map(|(state, peer)| {
                let is_fresh = state.is_fresh();
                let rest = now.saturating_duration_since(state.idle_since()?);
                let least = if is_fresh { FRESH_LEAST } else { REST_LEAST };
                let count = of_address.get(peer).copied().unwrap_or_default();
                (rest >= least).then_some((Reverse((is_fresh, count, rest)), state))
            })
            .collect();
        let share = entries.open.len() / SHARE;
        resting.sort_unstable_by_key(|(rank, _)| *rank);

        for (Reverse((is_fresh, ..)), state) in resting.into_iter().take(share.max(1)) {
            state.demand(if is_fresh { DrainDemand::Abort } else { DrainDemand::Finish });
            metrics::counter!(metric::CONNECTIONS_SHED).increment(1);
        }
    }

    fn all(&self) -> Vec<Arc<ConnectionState>> {
        self.0.lock().open.values().map(|(state, _)| Arc::clone(state)).collect()
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

/// The shortest rest of a connection that is ended, without a request yet.
const FRESH_LEAST: Duration = Duration::from_millis(100);
/// The shortest rest after a request.
const REST_LEAST: Duration = Duration::from_secs(1);
/// One in so many connections is ended at a time.
const SHARE: usize = 64;

/// The timer's grain: shorter steps are taken together.
const TICK: Duration = Duration::from_millis(2);

#[cfg(test)]
mod tests {
    use super::super::state::InFlight;
    use super::*;

    /// A registry with a connection of each address, and the states of the connections.
    fn registry(peers: &[&str]) -> (Arc<ConnectionRegistry>, Vec<Arc<ConnectionState>>) {
        let registry = Arc::new(ConnectionRegistry::default());
        let states = peers.iter().map(|peer| {
            let state = Arc::new(ConnectionState::new(Duration::from_secs(3600)));
            std::mem::forget(registry.enter(&state, peer.parse().unwrap()));
            state
        });
        let states = states.collect();
        (registry, states)
    }

    fn demands(states: &[Arc<ConnectionState>]) -> Vec<DrainDemand> {
        states.iter().map(|state| state.order()).collect()
    }

    #[test]
    fn whoever_sent_nothing_makes_room_first_and_a_request_in_flight_never_does() {
        let (registry, states) = registry(&["192.0.2.1", "192.0.2.2", "192.0.2.2", "192.0.2.3"]);
        let busy = InFlight::begin(&states[0]);
        drop(InFlight::begin(&states[3]));
        registry.make_room(Instant::now());
        assert_eq!(demands(&states), [DrainDemand::Serve; 4], "all have only just come");

        registry.make_room(Instant::now() + REST_LEAST * 2);
        let demands = demands(&states);
        let ended = demands.iter().filter(|demand| **demand != DrainDemand::Serve).count();
        assert_eq!((ended, demands[0], demands[3]), (1, DrainDemand::Serve, DrainDemand::Serve));
        drop(busy);
    }

    #[test]
    fn the_address_with_the_most_connections_makes_room_and_then_the_longest_rest() {
        let (registry, states) = registry(&["192.0.2.1", "192.0.2.2", "192.0.2.2"]);
        let mut before = None;
        for state in &states {
            // Rests that began in the same microsecond are equal.
            while state.is_fresh() || state.idle_since() <= before {
                drop(InFlight::begin(state));
            }
            before = state.idle_since();
        }

        registry.make_room(Instant::now() + REST_LEAST * 2);
        let (serve, finish) = (DrainDemand::Serve, DrainDemand::Finish);
        assert_eq!(demands(&states), [serve, finish, serve]);
    }
}
