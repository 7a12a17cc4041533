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

use super::{BROKEN, Inner, Known};
use crate::credentials::{KeyDigest, Lookup, Unreachable};

/// Most look-ups at once; more are answered *unavailable*.
const FLIGHTS_MAX: usize = 1_024;

/// How a flight ended.
#[derive(Debug, Clone)]
pub(super) enum Landed {
    Answered(Lookup),
    Failed,
}

type Watch = watch::Receiver<Option<Landed>>;

#[derive(Debug, Default)]
pub(super) struct Flights(Mutex<HashMap<KeyDigest, Watch>>);

#[cfg(test)]
impl Flights {
    pub(super) fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }
}

impl Inner {
    /// Joins the flight for this digest, or starts it. None when too many are in the air.
    pub(super) fn fly(this: &Arc<Self>, digest: KeyDigest) -> Option<Watch> {
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
            let _ended = Ended { inner: &this, digest };
            let landed = this.look_up(digest).await;
            landing.send_replace(Some(landed));
        });
        Some(flight)
    }

    async fn look_up(&self, digest: KeyDigest) -> Landed {
        // Taken before the question is sent: the answer is at most this old.
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
                Landed::Answered(lookup)
            }
            Err(error) => {
                if self.failed.fetch_add(1, Ordering::Relaxed) + 1 == BROKEN {
                    tracing::error!(%error, "credentials cannot be looked up");
                }
                Landed::Failed
            }
        }
    }

    fn remember(&self, digest: KeyDigest, lookup: &Lookup, sent: Duration) {
        match lookup {
            Lookup::Found(principal) => {
                self.unknown.invalidate(&digest);
                self.known.insert(digest, Known { principal: Arc::clone(principal), sent });
            }
            Lookup::NotFound => {
                self.known.invalidate(&digest);
                self.unknown.insert(digest, sent);
            }
        }
    }
}

/// The end of the flight, of its task and of those who wait.
pub(super) async fn wait(flight: Option<Watch>) -> Landed {
    let Some(mut flight) = flight else { return Landed::Failed };
    match flight.wait_for(Option::is_some).await {
        Ok(landed) => landed.clone().unwrap_or(Landed::Failed),
        Err(_) => Landed::Failed,
    }
}

/// Takes the flight off the list, however its task ends.
struct Ended<'a> {
    inner: &'a Inner,
    digest: KeyDigest,
}

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.inner.flights.0.lock().remove(&self.digest);
    }
}
