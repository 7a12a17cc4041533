//! Caches look-ups: 1 s positive and negative cache, request coalescing, bounded stale-on-error,
//! and the limit on guessing.
//!
//! The age of an answer counts from when its question was *sent*: a key that is revoked after
//! that is refused at most [`FRESH`] later. An answer that is half as old is asked again in the
//! background, so that a key in steady use never waits.

mod flight;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use tollgate_chain::{Environment, Principal, metric};

use self::flight::{FlightResult, Flights};
use super::{ApiKey, CredentialStore, FailureLimit, KeyDigest, Lookup};
use crate::Clock;
use crate::later::Later;

/// Longest use of a cached answer while the store answers.
const FRESH: Duration = Duration::from_secs(1);
/// The age from which a cached answer is refreshed in the background when it is used.
const REFRESH: Duration = Duration::from_millis(500);
/// The time for which a key that was found is not throttled with its address.
const PROVEN: Duration = Duration::from_secs(3_600);
/// Consecutive failures after which stale answers are used without waiting for one more.
const BROKEN: u32 = 3;
/// The wait that a caller is asked for while the store does not answer.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Bounds of a resolver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResolverOptions {
    /// Longest use of a live key's answer while the store does not answer.
    pub stale_live_max: Duration,
    /// The same for sandbox keys.
    pub stale_sandbox_max: Duration,
    /// Longest wait for the store's answer.
    pub look_up_timeout: Duration,
    /// Most keys in the positive cache.
    pub known_max: u64,
    /// Most digests in the negative cache.
    pub unknown_max: u64,
    /// Most digests that are remembered as those of good keys.
    pub proven_max: u64,
}

impl Default for ResolverOptions {
    fn default() -> Self {
        Self {
            stale_live_max: Duration::from_secs(5),
            stale_sandbox_max: Duration::from_secs(60),
            look_up_timeout: Duration::from_millis(250),
            known_max: 1_000_000,
            unknown_max: 65_536,
            proven_max: 262_144,
        }
    }
}

/// The outcome of resolving a credential.
#[derive(Debug, Clone)]
pub(super) enum Resolved {
    Found(Arc<Principal>),
    Invalid,
    Throttled(Duration),
    Unavailable(Duration),
}

/// Resolves keys. Cheap to clone; one for each store.
#[derive(Debug, Clone)]
pub struct Resolver {
    inner: Arc<ResolverState>,
}

#[derive(Debug)]
struct ResolverState {
    store: Arc<dyn CredentialStore>,
    clock: Arc<dyn Clock>,
    options: ResolverOptions,
    known: Cache<KeyDigest, KnownKey>,
    /// The moment at which the look-up was sent that found no such key.
    unknown: Cache<KeyDigest, Duration>,
    /// The moment at which the last look-up was sent that found the key.
    proven: Cache<KeyDigest, Duration>,
    flights: Flights,
    /// Consecutive look-ups that failed.
    failed: AtomicU32,
    failures: Arc<dyn FailureLimit>,
    /// Looked up once: the registry of metrics is too slow for every request.
    look_ups: metrics::Counter,
}

#[derive(Debug, Clone)]
struct KnownKey {
    principal: Arc<Principal>,
    sent: Duration,
}

/// The answer of the caches.
enum Cached {
    Fresh(Arc<Principal>),
    /// Usable, and old enough to be refreshed.
    Ageing(Arc<Principal>),
    Unknown,
    Nothing,
}

impl Resolver {
    /// Creates a resolver with empty caches.
    #[must_use]
    pub fn new(
        store: Arc<dyn CredentialStore>,
        failures: Arc<dyn FailureLimit>,
        clock: Arc<dyn Clock>,
        options: ResolverOptions,
    ) -> Self {
        let longest = options.stale_live_max.max(options.stale_sandbox_max).max(FRESH);
        let known = Cache::builder()
            .max_capacity(options.known_max)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(longest + FRESH)
            .build();
        let unknown = Cache::builder()
            .max_capacity(options.unknown_max)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(FRESH)
            .build();

        let proven = Cache::builder()
            .max_capacity(options.proven_max)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(PROVEN)
            .build();

        let (flights, failed) = (Flights::default(), AtomicU32::new(0));
        Self {
            inner: Arc::new(ResolverState {
                store,
                clock,
                options,
                known,
                unknown,
                proven,
                flights,
                failed,
                failures,
                look_ups: metrics::counter!(metric::CREDENTIAL_LOOKUPS),
            }),
        }
    }

    /// Drops the cached answers about a digest: an invalidation takes effect before they expire.
    pub fn forget(&self, digest: &KeyDigest) {
        self.inner.known.invalidate(digest);
        self.inner.unknown.invalidate(digest);
    }

    /// Resolves a key. Keys that were good within the last hour pass although the caller's address
    /// is throttled: callers who share an address with a guesser keep working, and a guess is never
    /// such a key.
    pub(super) fn resolve(&self, key: &ApiKey, client: IpAddr) -> Later<'_, Resolved> {
        let (inner, environment) = (&self.inner, key.environment);
        if let Some(lookup) = inner.local(&key.digest) {
            return Later::Ready(inner.judge(lookup, environment, client));
        }

        match inner.cached(&key.digest) {
            Cached::Fresh(principal) => {
                return Later::Ready(inner.found(principal, environment, client));
            }
            Cached::Ageing(principal) => {
                // The answer serves the next request.
                drop(ResolverState::fly(inner, key.digest));
                return Later::Ready(inner.found(principal, environment, client));
            }
            Cached::Unknown => return Later::Ready(self.refuse(client)),
            Cached::Nothing => {}
        }

        // Only what needs the store is throttled.
        if !inner.is_proven(&key.digest)
            && let Err(wait) = inner.failures.check(client)
        {
            return Later::Ready(Resolved::Throttled(wait));
        }
        let flight = ResolverState::fly(inner, key.digest);
        // A store that keeps failing is not waited for while a stale answer may be used.
        if inner.failed.load(Ordering::Relaxed) >= BROKEN
            && let Some(principal) = inner.stale(&key.digest)
        {
            return Later::Ready(inner.found(principal, environment, client));
        }

        let digest = key.digest;
        Later::Pending(Box::pin(async move {
            match flight::wait(flight).await {
                FlightResult::Answered(lookup) => inner.judge(lookup, environment, client),
                FlightResult::Failed => match inner.stale(&digest) {
                    Some(principal) => inner.found(principal, environment, client),
                    None => Resolved::Unavailable(RETRY_AFTER),
                },
            }
        }))
    }

    /// Refuses a credential that is no key at all, and charges the failure.
    pub(super) fn refuse(&self, client: IpAddr) -> Resolved {
        self.inner.refuse(client)
    }
}

impl ResolverState {
    fn local(&self, digest: &KeyDigest) -> Option<Lookup> {
        let lookup = self.store.local(digest)?;
        self.look_ups.increment(1);
        Some(lookup)
    }

    fn cached(&self, digest: &KeyDigest) -> Cached {
        let now = self.clock.monotonic();
        if let Some(known) = self.known.get(digest) {
            let age = now.saturating_sub(known.sent);
            if age < REFRESH {
                return Cached::Fresh(known.principal);
            }
            if age <= FRESH {
                return Cached::Ageing(known.principal);
            }
            return Cached::Nothing;
        }
        match self.unknown.get(digest) {
            Some(sent) if now.saturating_sub(sent) <= FRESH => Cached::Unknown,
            Some(_) | None => Cached::Nothing,
        }
    }

    fn is_proven(&self, digest: &KeyDigest) -> bool {
        let found = self.proven.get(digest);
        found.is_some_and(|sent| self.clock.monotonic().saturating_sub(sent) <= PROVEN)
    }

    /// Returns a stale answer that may be used while the store does not answer.
    fn stale(&self, digest: &KeyDigest) -> Option<Arc<Principal>> {
        let known = self.known.get(digest)?;
        let age = self.clock.monotonic().saturating_sub(known.sent);
        let longest = match known.principal.environment {
            Environment::Live => self.options.stale_live_max,
            Environment::Sandbox => self.options.stale_sandbox_max,
        };
        (age <= longest).then_some(known.principal)
    }

    fn judge(&self, lookup: Lookup, environment: Environment, client: IpAddr) -> Resolved {
        match lookup {
            Lookup::Found(principal) => self.found(principal, environment, client),
            Lookup::NotFound => self.refuse(client),
        }
    }

    /// Accepts a principal whose environment is the one in the key's prefix; refuses any other.
    fn found(&self, principal: Arc<Principal>, prefix: Environment, client: IpAddr) -> Resolved {
        if principal.environment == prefix {
            return Resolved::Found(principal);
        }
        tracing::error!(key_id = %principal.key_id, "a key's environment is not the store's");
        self.refuse(client)
    }

    fn refuse(&self, client: IpAddr) -> Resolved {
        if let Err(wait) = self.failures.check(client) {
            return Resolved::Throttled(wait);
        }
        self.failures.count(client);
        Resolved::Invalid
    }
}

#[cfg(test)]
mod tests;
