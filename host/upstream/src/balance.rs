//! Which endpoint gets the next request: the better of two drawn at random, judged by how slow it
//! was at its worst lately (peak EWMA) times how much it has to do.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use smallvec::SmallVec;
use tokio::time::Instant;

use crate::pool::Endpoint;

/// The time in which a slow answer loses most of its weight.
const DECAY: Duration = Duration::from_secs(10);
/// Nanoseconds assumed of an endpoint that has work and gave no answer yet.
const UNPROVEN: f64 = 1e9;

/// Indices of endpoints that this request was already tried on.
pub(crate) type Tried = SmallVec<[usize; 3]>;

pub(crate) struct Balance {
    endpoints: Box<[Arc<Endpoint>]>,
    draws: AtomicU64,
}

impl Balance {
    pub(crate) fn new(endpoints: Vec<Arc<Endpoint>>) -> Self {
        Self { endpoints: endpoints.into(), draws: AtomicU64::new(0) }
    }

    pub(crate) fn endpoints(&self) -> &[Arc<Endpoint>] {
        &self.endpoints
    }

    /// Tells whether there is more than one endpoint.
    pub(crate) fn is_choice(&self) -> bool {
        self.endpoints.len() > 1
    }

    /// Measures an attempt on an endpoint, where that is worth it.
    pub(crate) fn time<'a>(&self, endpoint: &'a Endpoint) -> Timing<'a> {
        Timing { begun: self.is_choice().then(|| (Instant::now(), &endpoint.latency)) }
    }

    /// An endpoint that takes requests, one not yet tried if there is such a one.
    pub(crate) fn pick(&self, tried: &Tried) -> Option<(usize, &Arc<Endpoint>)> {
        if let [only] = &*self.endpoints {
            return only.health.admit().then_some((0, only));
        }
        let better = self.draw(tried).and_then(|index| self.admitted(index));
        better.or_else(|| self.any(tried)).or_else(|| self.any(&Tried::new()))
    }

    /// The better of two that are drawn at random.
    fn draw(&self, tried: &Tried) -> Option<usize> {
        let count = self.endpoints.len();
        let random = self.random();
        let first = usize::try_from(random & 0xffff_ffff).unwrap_or(0) % count;
        // One of the others, each equally likely.
        let step = 1 + usize::try_from(random >> 32).unwrap_or(0) % (count - 1).max(1);
        let second = (first + step) % count;
        match (self.candidate(first, tried), self.candidate(second, tried)) {
            (Some(a), Some(b)) => Some(if a.load() <= b.load() { first } else { second }),
            (Some(_), None) => Some(first),
            (None, Some(_)) => Some(second),
            (None, None) => None,
        }
    }

    fn candidate(&self, index: usize, tried: &Tried) -> Option<&Arc<Endpoint>> {
        let endpoint = self.endpoints.get(index)?;
        (!tried.contains(&index) && endpoint.health.is_open()).then_some(endpoint)
    }

    fn admitted(&self, index: usize) -> Option<(usize, &Arc<Endpoint>)> {
        let endpoint = self.endpoints.get(index)?;
        endpoint.health.admit().then_some((index, endpoint))
    }

    fn any(&self, tried: &Tried) -> Option<(usize, &Arc<Endpoint>)> {
        (0..self.endpoints.len())
            .filter(|index| !tried.contains(index))
            .find_map(|index| self.admitted(index))
    }

    /// Even enough to draw by, without a lock or a call for randomness (SplitMix64).
    fn random(&self) -> u64 {
        let mut x = self.draws.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }
}

/// Measures one attempt, also one that its deadline ended.
pub(crate) struct Timing<'a> {
    begun: Option<(Instant, &'a Latency)>,
}

impl Timing<'_> {
    /// Forgets an attempt that tells nothing: a refused connection is fast.
    pub(crate) fn forget(&mut self) {
        self.begun = None;
    }
}

impl Drop for Timing<'_> {
    fn drop(&mut self) {
        if let Some((begun, latency)) = self.begun {
            let now = Instant::now();
            latency.observe(now.saturating_duration_since(begun), now);
        }
    }
}

/// The recent latency of an endpoint: a slow answer counts at once, and fast ones make up for it
/// slowly.
pub(crate) struct Latency {
    state: Mutex<(f64, Instant)>,
}

impl Latency {
    pub(crate) fn new() -> Self {
        Self { state: Mutex::new((0.0, Instant::now())) }
    }

    pub(crate) fn observe(&self, took: Duration, now: Instant) {
        let took = took.as_secs_f64() * 1e9;
        let mut state = self.state.lock();
        let (cost, when) = *state;
        let weight = faded(now.saturating_duration_since(when));
        let cost = if took > cost { took } else { cost * weight + took * (1.0 - weight) };
        *state = (cost, now);
    }

    /// The cost of one request more beside `active` ones.
    pub(crate) fn cost(&self, active: usize, now: Instant) -> f64 {
        let (cost, when) = *self.state.lock();
        let active = f64::from(u32::try_from(active).unwrap_or(u32::MAX));
        if cost == 0.0 && active > 0.0 {
            return UNPROVEN + active;
        }
        cost * faded(now.saturating_duration_since(when)) * (active + 1.0)
    }
}

fn faded(since: Duration) -> f64 {
    (-since.as_secs_f64() / DECAY.as_secs_f64()).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_slow_answer_counts_at_once_and_fades_slowly() {
        let latency = Latency::new();
        let now = Instant::now();
        latency.observe(10 * MS, now);
        latency.observe(100 * MS, now);
        assert_eq!(latency.cost(0, now), 1e8);
        latency.observe(MS, now + DECAY);
        let after = latency.cost(0, now + DECAY);
        assert!(after > 3.6e7 && after < 3.9e7, "{after}");
    }

    #[test]
    fn work_in_hand_makes_an_endpoint_dearer() {
        let latency = Latency::new();
        let now = Instant::now();
        latency.observe(MS, now);
        assert_eq!(latency.cost(3, now), 4.0 * latency.cost(0, now));
    }

    #[test]
    fn an_endpoint_that_gave_no_answer_yet_gets_one_request_before_others() {
        let (latency, now) = (Latency::new(), Instant::now());
        assert_eq!(latency.cost(0, now), 0.0);
        assert!(latency.cost(1, now) >= UNPROVEN);
    }
}
