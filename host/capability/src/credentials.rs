//! `credentials`: what the request presents, and whom it stands for.
//!
//! A key is turned into its digest as soon as it is read; neither a cache, nor the wire, nor
//! a policy ever holds the key. `key.rs` is its form, `presented.rs` where it comes from,
//! `resolver.rs` the caches and bounds before a [`CredentialStore`].

mod key;
mod presented;
mod resolver;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tollgate_chain::{Answer, Asked, CredentialHandle, Presented, Principal, Resolution};

pub use key::{ApiKey, KeyDigest, NewKey, NoRandomness};
pub use resolver::{Resolver, ResolverOptions};

use crate::exchange::Exchange;
use crate::later::Later;
use resolver::Resolved;

/// What a store says about a digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// The key may be used now, and stands for this principal.
    Found(Arc<Principal>),
    /// Unknown, revoked or expired: indistinguishable on purpose.
    NotFound,
}

/// The store could not be asked. The text is for the operator.
#[derive(Debug, Clone, thiserror::Error)]
#[error("credential store: {0}")]
pub struct Unreachable(pub Box<str>);

/// Knows the keys, by the SHA-256 of the whole key.
pub trait CredentialStore: fmt::Debug + Send + Sync + 'static {
    /// The answer of a store that has all keys in memory, and is therefore never cached.
    /// None for a store that must be asked.
    fn local(&self, digest: &KeyDigest) -> Option<Lookup> {
        let _ = digest;
        None
    }

    /// Asks the store; bounded in time by the caller.
    fn look_up(&self, digest: KeyDigest) -> Later<'static, Result<Lookup, Unreachable>>;
}

/// Limits failed look-ups by the caller's address. It spares the credential store and costs no
/// tenant anything.
pub trait FailureLimit: fmt::Debug + Send + Sync + 'static {
    /// Checks that the address may fail once more; charges nothing.
    ///
    /// # Errors
    /// Returns how long the address has to wait if it may not.
    fn check(&self, client: IpAddr) -> Result<(), Duration>;

    /// Charges a failure to the address.
    fn count(&self, client: IpAddr);
}

/// The handle of the one credential that a request can have. It denotes the same credential
/// in every run, so that a replayed answer fits the request.
const ONLY: CredentialHandle = CredentialHandle(0);

impl Exchange {
    /// `credentials.presented`
    pub(crate) fn presented(&self) -> Answer {
        Answer::Presented(presented::presented(&self.opening.head))
    }

    /// `credentials.resolve`
    pub(crate) fn resolve(&mut self, handle: CredentialHandle) -> Asked<'_> {
        let Self { stores, opening, run, .. } = self;
        let (resolver, client) = (&stores.credentials, opening.head.client);
        let is_ours = handle == ONLY && presented::presented(&opening.head) == Presented::One(ONLY);
        let key = is_ours.then(|| presented::key(&opening.head)).flatten();
        let resolving = match key {
            Some(key) => resolver.resolve(&key, client),
            None => Later::Ready(resolver.refuse(client)),
        };
        resolving
            .map(move |resolved| {
                Answer::Resolution(match resolved {
                    Resolved::Found(principal) => {
                        let identity = principal.identity();
                        run.resolved = Some(principal);
                        Resolution::Resolved(identity)
                    }
                    Resolved::Invalid => Resolution::Invalid,
                    Resolved::Throttled(wait) => {
                        run.retry_after = Some(wait);
                        Resolution::Throttled
                    }
                    Resolved::Unavailable(wait) => {
                        run.retry_after = Some(wait);
                        Resolution::Unavailable
                    }
                })
            })
            .into()
    }

    /// `credentials.permits`
    pub(crate) fn permits(&self, handle: CredentialHandle, scope: &str) -> Answer {
        let resolved = self.resolved(handle);
        Answer::Bool(resolved.is_some_and(|principal| principal.scopes.contains(scope)))
    }

    /// The principal that a credential was resolved to in this run.
    pub(crate) fn resolved(&self, handle: CredentialHandle) -> Option<&Arc<Principal>> {
        self.run.resolved.as_ref().filter(|_| handle == ONLY)
    }
}
