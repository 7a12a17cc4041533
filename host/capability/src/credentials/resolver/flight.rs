//! Look-ups in flight, one for each digest: a thousand requests with a cold key ask once.
//!
//! A flight is a task of its own, so that a caller who leaves does not abandon the others, and
//! ends within the look-up's time-out.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::{BROKEN, KnownKey, ResolverState};
use crate::credentials::{KeyDigest, Lookup, Unreachable};

/// Most look-ups at once; more are answered *unavailable*.
const FLIGHTS_MAX: usize = 1_024;

/// The result of a flight.
#[derive(Debug, Clone)]
pub(super) enum FlightResult {
    Answered(Lookup),
    Failed,
}

type FlightWatch = watch::Receiver<Option<FlightResult>>;

#[derive(Debug, Default)]
pub(super) struct Flights(Mutex<HashMap<KeyDigest, FlightWatch>>);

#[cfg(test)]
impl Flights {
    pub(super) fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }
}

impl ResolverState {
    /// Joins the flight for this digest, or starts it. Returns None if too many are under way.
    pub(super) fn fly(this: &Arc<Self>, digest: KeyDigest) -> Option<FlightWatch> {
        let mut flights = this.flights.0.lock();
        if let Some(flight) = flights.get(&digest) {
            return Some(flight.clone());
        }
        if flights.len() >= FLIGHTS_MAX {
            return None;
        }
        let (landing, flight) = watch::channel(None);
        flights.insert(digest, flight.clone());
        drop(flights);
        let this = Arc::clone(this);
        tokio::spawn(async move {
            let _ended = FlightGuard { inner: &this, digest };
            let landed = this.look_up(digest).await;
            landing.send_replace(Some(landed));
        });
        Some(flight)
    }

    async fn look_up(&self, digest: KeyDigest) -> FlightResult {
        // Read before the look-up is sent: the answer is at most this old.
        let sent = self.clock.monotonic();
        self.look_ups.increment(1);
        let asking = self.store.look_up(digest).get();
        let answer = match tokio::time::timeout(self.options.look_up_timeout, asking).await {
            Ok(answer) => answer,
            Err(_) => Err(Unreachable("no answer in time".into())),
        };

        match answer {
            Ok(lookup) => {
                self.failed.store(0, Ordering::Relaxed);
                self.remember(digest, &lookup, sent);
                FlightResult::Answered(lookup)
            }
            Err(error) => {
                if self.failed.fetch_add(1, Ordering::Relaxed) + 1 == BROKEN {
                    tracing::error!(%error, "credential look-ups fail; using cached answers");
                }
                FlightResult::Failed
            }
        }
    }

    fn remember(&self, digest: KeyDigest, lookup: &Lookup, sent: Duration) {
        match lookup {
            Lookup::Found(principal) => {
                self.unknown.invalidate(&digest);
                self.proven.insert(digest, sent);
                self.known.insert(digest, KnownKey { principal: Arc::clone(principal), sent });
            }
            Lookup::NotFound => {
                self.known.invalidate(&digest);
                self.proven.invalidate(&digest);
                self.unknown.insert(digest, sent);
            }
        }
    }
}

/// Waits for the end of a flight.
pub(super) async fn wait(flight: Option<FlightWatch>) -> FlightResult {
    let Some(mut flight) = flight else { return FlightResult::Failed };
    match flight.wait_for(Option::is_some).await {
        Ok(landed) => landed.clone().unwrap_or(FlightResult::Failed),
        Err(_) => FlightResult::Failed,
    }
}

/// Removes the flight from the table, however its task ends.
struct FlightGuard<'a> {
    inner: &'a ResolverState,
    digest: KeyDigest,
}

impl Drop for FlightGuard<'_> {
    fn drop(&mut self) {
        self.inner.flights.0.lock().remove(&self.digest);
    }
}
