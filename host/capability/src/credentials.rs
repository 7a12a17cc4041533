//! `credentials`: the API key that a request presents, and the principal it stands for.
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

use tollgate_chain::{
    Answer, Asked, CredentialHandle, CredentialsRead, Head, Presented, Principal, Resolution,
};

pub use key::{ApiKey, KeyDigest, NewKey, NoRandomness};
pub use resolver::{Resolver, ResolverOptions};

use crate::later::Later;
use resolver::Resolved;

/// A store's answer about a digest.
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

/// Looks up keys by the SHA-256 of the whole key.
pub trait CredentialStore: fmt::Debug + Send + Sync + 'static {
    /// Returns the answer of a store that has all keys in memory, and is therefore never cached.
    /// None for a store that must be waited for.
    fn local(&self, digest: &KeyDigest) -> Option<Lookup> {
        let _ = digest;
        None
    }

    /// Looks a key up. The caller bounds the time; dropping the future abandons the look-up.
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

/// The credential of the run in progress.
#[derive(Debug, Default)]
pub(crate) struct CredentialsState {
    resolved: Option<Arc<Principal>>,
}

impl CredentialsState {
    /// Answers a read. A look-up that has to wait resolves in the returned future.
    pub(crate) fn ask<'a>(
        &'a mut self,
        read: &CredentialsRead,
        head: &Head,
        resolver: &'a Resolver,
        retry_after: &'a mut Option<Duration>,
    ) -> Asked<'a> {
        match read {
            CredentialsRead::Presented => {
                Asked::Ready(Answer::Presented(presented::presented(head)))
            }
            CredentialsRead::Resolve(handle) => self.resolve(*handle, head, resolver, retry_after),
            CredentialsRead::Permits(handle, scope) => {
                let principal = self.resolved(*handle);
                let permits = principal.is_some_and(|known| known.scopes.contains(&**scope));
                Asked::Ready(Answer::Bool(permits))
            }
        }
    }

    /// Ends the run: a credential is resolved in each run that uses it.
    pub(crate) fn settle(&mut self) {
        self.resolved = None;
    }

    /// Returns the principal that a credential was resolved to in this run.
    pub(crate) fn resolved(&self, handle: CredentialHandle) -> Option<&Arc<Principal>> {
        self.resolved.as_ref().filter(|_| handle == ONLY)
    }

    fn resolve<'a>(
        &'a mut self,
        handle: CredentialHandle,
        head: &Head,
        resolver: &'a Resolver,
        retry_after: &'a mut Option<Duration>,
    ) -> Asked<'a> {
        let is_presented = handle == ONLY && presented::presented(head) == Presented::One(ONLY);
        let key = is_presented.then(|| presented::key(head)).flatten();
        let resolving = match key {
            Some(key) => resolver.resolve(&key, head.client),
            None => Later::Ready(resolver.refuse(head.client)),
        };

        resolving
            .map(move |resolved| {
                Answer::Resolution(match resolved {
                    Resolved::Found(principal) => {
                        let identity = principal.identity();
                        self.resolved = Some(principal);
                        Resolution::Resolved(identity)
                    }
                    Resolved::Invalid => Resolution::Invalid,
                    Resolved::Throttled(wait) => {
                        *retry_after = Some(wait);
                        Resolution::Throttled
                    }
                    Resolved::Unavailable(wait) => {
                        *retry_after = Some(wait);
                        Resolution::Unavailable
                    }
                })
            })
            .into()
    }
}
