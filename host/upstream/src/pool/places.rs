//! Places at an endpoint: a bound on the requests that it has in hand, shared fairly by callers.
//!
//! A caller may hold three times as many places as are free (dynamic thresholds, Choudhury and
//! Hahne 1998): alone it gets three quarters of them, and whoever comes next still finds one. The
//! callers who wait take turns, so that one with many requests delays its own only.

use std::collections::{HashMap, VecDeque};

use nohash_hasher::BuildNoHashHasher;
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tollgate_chain::Error;

use super::RequestSlot;
use crate::caller::CallerKey;

/// Requests that may wait for a place at one endpoint; beyond it the gateway is at its limit.
const WAITING_MAX: usize = 4096;
/// Requests of one caller that may wait for a place at one endpoint.
const WAITING_OF_CALLER_MAX: usize = 1024;
/// Places that a caller may hold for each free one.
const SHARE: usize = 3;

/// Hands a place to the request that waits for it.
pub(super) type Waiter = oneshot::Sender<RequestSlot>;

/// The answer to a request for a place.
pub(super) enum PlaceLookup {
    /// The place is taken.
    Taken,
    /// The place comes by this channel.
    Soon(oneshot::Receiver<RequestSlot>),
}

/// The places of one endpoint.
pub(super) struct Places {
    state: Mutex<PlacesState>,
}

struct PlacesState {
    max: usize,
    taken: usize,
    waiting: usize,
    callers: HashMap<CallerKey, CallerPlaces, BuildNoHashHasher<CallerKey>>,
    /// The callers who wait, in the order of their turns.
    turns: VecDeque<CallerKey>,
}

/// The places of one caller, who holds or awaits at least one.
#[derive(Default)]
struct CallerPlaces {
    held: usize,
    waiting: VecDeque<Waiter>,
}

impl Places {
    pub(super) fn new(max: usize) -> Self {
        let state = PlacesState {
            max,
            taken: 0,
            waiting: 0,
            callers: HashMap::default(),
            turns: VecDeque::new(),
        };
        Self { state: Mutex::new(state) }
    }

    pub(super) fn taken(&self) -> usize {
        self.state.lock().taken
    }

    /// Takes a place, or waits in line for one.
    pub(super) fn take(&self, caller: CallerKey) -> Result<PlaceLookup, Error> {
        let mut state = self.state.lock();
        if state.try_take(caller) {
            return Ok(PlaceLookup::Taken);
        }
        state.wait(caller).map(PlaceLookup::Soon)
    }

    /// Takes a place if one is free for this caller.
    pub(super) fn take_now(&self, caller: CallerKey) -> bool {
        let mut state = self.state.lock();
        let is_taken = state.try_take(caller);
        if !is_taken {
            state.forget_if_unused(caller);
        }
        is_taken
    }

    /// Gives a place back. Returns the request that gets it, where one waits that may.
    pub(super) fn release(&self, caller: CallerKey) -> Option<(CallerKey, Waiter)> {
        let mut state = self.state.lock();
        state.taken = state.taken.saturating_sub(1);
        if let Some(places) = state.callers.get_mut(&caller) {
            places.held = places.held.saturating_sub(1);
        }
        state.forget_if_unused(caller);
        state.next()
    }

    /// Takes a place for the next request that waits and may have one.
    pub(super) fn next(&self) -> Option<(CallerKey, Waiter)> {
        self.state.lock().next()
    }

    /// Sets the number of places. Those above it that are taken stay so.
    pub(super) fn set_max(&self, max: usize) {
        self.state.lock().max = max;
    }
}

impl PlacesState {
    fn try_take(&mut self, caller: CallerKey) -> bool {
        let (max, taken) = (self.max, self.taken);
        let places = self.callers.entry(caller).or_default();
        if !places.waiting.is_empty() || !has_room(caller, places.held, max, taken) {
            return false;
        }
        places.held += 1;
        self.taken += 1;
        true
    }

    fn wait(&mut self, caller: CallerKey) -> Result<oneshot::Receiver<RequestSlot>, Error> {
        if self.waiting >= WAITING_MAX {
            self.forget_departed();
        }
        let has_space = self.waiting < WAITING_MAX;
        let places = self.callers.entry(caller).or_default();
        if places.waiting.len() >= WAITING_OF_CALLER_MAX {
            let before = places.waiting.len();
            places.waiting.retain(|waiter| !waiter.is_closed());
            self.waiting -= before - places.waiting.len();
        }
        if !has_space || places.waiting.len() >= WAITING_OF_CALLER_MAX {
            self.forget_if_unused(caller);
            return Err(Error::Overloaded);
        }

        if places.waiting.is_empty() {
            self.turns.push_back(caller);
        }
        let (waiter, place) = oneshot::channel();
        places.waiting.push_back(waiter);
        self.waiting += 1;
        Ok(place)
    }

    /// Forgets a caller who neither holds nor awaits a place.
    fn forget_if_unused(&mut self, caller: CallerKey) {
        let places = self.callers.get(&caller);
        if places.is_some_and(|places| places.held == 0 && places.waiting.is_empty()) {
            self.callers.remove(&caller);
        }
    }

    fn next(&mut self) -> Option<(CallerKey, Waiter)> {
        for _ in 0..self.turns.len() {
            if self.taken >= self.max {
                return None;
            }
            let caller = self.turns.pop_front()?;
            let Some(places) = self.callers.get_mut(&caller) else { continue };
            // Requests that gave up waiting are only now forgotten.
            while places.waiting.front().is_some_and(oneshot::Sender::is_closed) {
                places.waiting.pop_front();
                self.waiting -= 1;
            }

            let has_room = has_room(caller, places.held, self.max, self.taken);
            let waiter = if has_room { places.waiting.pop_front() } else { None };
            if !places.waiting.is_empty() {
                self.turns.push_back(caller);
            } else if waiter.is_none() && places.held == 0 {
                self.callers.remove(&caller);
                continue;
            }
            let Some(waiter) = waiter else { continue };
            places.held += 1;
            self.waiting -= 1;
            self.taken += 1;
            return Some((caller, waiter));
        }
        None
    }

    fn forget_departed(&mut self) {
        for places in self.callers.values_mut() {
            places.waiting.retain(|waiter| !waiter.is_closed());
        }
        self.callers.retain(|_, places| places.held > 0 || !places.waiting.is_empty());
        self.turns.retain(|caller| {
            self.callers.get(caller).is_some_and(|places| !places.waiting.is_empty())
        });
        self.waiting = self.callers.values().map(|places| places.waiting.len()).sum();
    }
}

/// Tells whether a caller that holds `held` places may have one more. The last free place is for
/// callers who have none.
fn has_room(caller: CallerKey, held: usize, max: usize, taken: usize) -> bool {
    let free = max.saturating_sub(taken);
    if held == 0 || caller == CallerKey::GATEWAY || max == 1 {
        return free > 0;
    }
    free > 1 && held < free.saturating_mul(SHARE)
}

#[cfg(test)]
mod tests;
