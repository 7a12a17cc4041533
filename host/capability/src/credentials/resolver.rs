//! What stands before the store: caches of at most a second, one flight for each digest, a
//! bounded use of old answers when the store cannot be asked, and the limit on guessing.
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
use tollgate_chain::{Environment, Principal};

use self::flight::{Flights, Landed};
use super::{ApiKey, CredentialStore, FailureLimit, KeyDigest, Lookup};
use crate::Clock;
use crate::later::Later;

/// Longest use of an answer without asking again, while the store answers.
const FRESH: Duration = Duration::from_secs(1);
/// From this age on, a used answer is asked again in the background.
const REFRESH: Duration = Duration::from_millis(500);
/// Failures in a row after which old answers are used without waiting for one more.
const BROKEN: u32 = 3;
/// What a caller is asked to wait when the store cannot be asked.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Bounds of a resolver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResolverOptions {
    /// Longest use of a live key's answer while the store cannot be asked.
    pub stale_live_max: Duration,
    /// The same for sandbox keys.
    pub stale_sandbox_max: Duration,
    /// How long the store may take.
    pub look_up_timeout: Duration,
    /// Most keys remembered as good.
    pub known_max: u64,
    /// Most digests remembered as bad.
    pub unknown_max: u64,
}

impl Default for ResolverOptions {
    fn default() -> Self {
        Self {
            stale_live_max: Duration::from_secs(5),
            stale_sandbox_max: Duration::from_secs(60),
            look_up_timeout: Duration::from_millis(250),
            known_max: 1_000_000,
            unknown_max: 65_536,
        }
    }
}

/// What became of a credential.
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
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Arc<dyn CredentialStore>,
    clock: Arc<dyn Clock>,
    options: ResolverOptions,
    known: Cache<KeyDigest, Known>,
    /// When the question was sent whose answer was that there is no such key.
    unknown: Cache<KeyDigest, Duration>,
    flights: Flights,
    /// Look-ups that failed in a row.
    failed: AtomicU32,
    failures: Arc<dyn FailureLimit>,
    /// Looked up once: the registry of metrics is too slow for every request.
    look_ups: metrics::Counter,
}

#[derive(Debug, Clone)]
struct Known {
    principal: Arc<Principal>,
    sent: Duration,
}

/// What the caches say.
enum Cached {
    Fresh(Arc<Principal>),
    /// Good still, and old enough to be asked again.
    Ageing(Arc<Principal>),
    Unknown,
    Nothing,
}

impl Resolver {
    /// A resolver with empty caches.
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
        let (flights, failed) = (Flights::default(), AtomicU32::new(0));
        Self {
            inner: Arc::new(Inner {
                store,
                clock,
                options,
                known,
                unknown,
                flights,
                failed,
                failures,
                look_ups: metrics::counter!("tollgate_credential_lookups_total"),
            }),
        }
    }

    /// Forgets what is known of a digest: a push from the store shortens the second.
    pub fn forget(&self, digest: &KeyDigest) {
        self.inner.known.invalidate(digest);
        self.inner.unknown.invalidate(digest);
    }

    /// Resolves a key. Known good keys pass though the caller's address is throttled: whoever
    /// shares an address with a guesser keeps working, and a guess is never a known good key.
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
                // What it brings is for the next request.
                drop(Inner::fly(inner, key.digest));
                return Later::Ready(inner.found(principal, environment, client));
            }
            Cached::Unknown => return Later::Ready(self.refuse(client)),
            Cached::Nothing => {}
        }
        if let Err(wait) = inner.failures.check(client) {
            return Later::Ready(Resolved::Throttled(wait));
        }
        let flight = Inner::fly(inner, key.digest);
        if inner.failed.load(Ordering::Relaxed) >= BROKEN
            && let Some(principal) = inner.stale(&key.digest)
        {
            return Later::Ready(inner.found(principal, environment, client));
        }
        let digest = key.digest;
        Later::Pending(Box::pin(async move {
            match flight::wait(flight).await {
                Landed::Answered(lookup) => inner.judge(lookup, environment, client),
                Landed::Failed => match inner.stale(&digest) {
                    Some(principal) => inner.found(principal, environment, client),
                    None => Resolved::Unavailable(RETRY_AFTER),
                },
            }
        }))
    }

    /// Refuses what is no key at all, and charges the failure.
    pub(super) fn refuse(&self, client: IpAddr) -> Resolved {
        self.inner.refuse(client)
    }
}

impl Inner {
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

    /// A former answer that may be used while the store cannot be asked.
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

    /// The word in a key's prefix and the store must agree on the environment.
    fn found(&self, principal: Arc<Principal>, word: Environment, client: IpAddr) -> Resolved {
        if principal.environment == word {
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
