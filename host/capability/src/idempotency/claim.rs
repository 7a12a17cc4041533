//! The claim of an exchange on an operation. Dropped unresolved, it lets others retry.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use data_encoding::HEXLOWER;
use tollgate_chain::Fingerprint;

use super::{OperationKey, STORE_TIMEOUT, StoredReply, Ticket};
use crate::later::Later;

/// The outcome of a completion.
#[derive(Debug, PartialEq, Eq)]
pub enum Completion {
    /// Stored; retries repeat it.
    Stored,
    /// Stored without its body, which is too long; retries are carried out again.
    Elided,
    /// Another exchange took over meanwhile, or the record was forgotten; nothing was written.
    /// Answer with the stored reply if there is one. If there is none yet, the reply at hand is as
    /// good: the service answers both exchanges from one record.
    Superseded(Option<StoredReply>),
    /// The store does not answer. The lease will run out, and a retry is carried out again.
    Unavailable,
}

/// Resolves claims. Implemented by stores.
pub trait Holder: fmt::Debug + Send + Sync {
    /// Stores the reply, if the ticket still holds. Takes effect though the answer is dropped.
    fn complete(&self, ticket: Ticket, reply: StoredReply) -> Later<'static, Completion>;

    /// Lets others retry, if the ticket still holds. Takes effect though the answer is dropped.
    fn retryable(&self, ticket: Ticket) -> Later<'static, ()>;

    /// Extends the lease, if the ticket still holds. Returns before that is done.
    fn renew(&self, ticket: Ticket, lease: Duration);
}

/// A claimed operation: the exchange's to carry out, once.
pub struct Claim {
    holder: Arc<dyn Holder>,
    ticket: Ticket,
    fingerprint: Fingerprint,
    lease: Duration,
    resolved: bool,
}

impl Claim {
    /// Creates a claim; called by a store when it grants one.
    #[must_use]
    pub fn new(
        holder: Arc<dyn Holder>,
        ticket: Ticket,
        fingerprint: Fingerprint,
        lease: Duration,
    ) -> Self {
        Self { holder, ticket, fingerprint, lease, resolved: false }
    }

    /// Returns the operation; its [`OperationKey::hex`] is sent as `x-operation-key`.
    #[must_use]
    pub fn operation(&self) -> OperationKey {
        self.ticket.operation
    }

    /// Returns the fingerprint, 64 lower-case hexadecimal digits; sent as `x-request-fingerprint`.
    #[must_use]
    pub fn fingerprint_hex(&self) -> String {
        HEXLOWER.encode(&self.fingerprint)
    }

    /// Returns the time for which the claim holds from its grant or its last renewal.
    #[must_use]
    pub fn lease(&self) -> Duration {
        self.lease
    }

    /// Starts the lease anew; for exchanges that outlast it.
    pub fn renew(&self) {
        self.holder.renew(self.ticket, self.lease);
    }

    /// Stores the reply for retries. The caller decides about what is stored: success and the
    /// service's own refusals, never failures of the way there.
    pub async fn complete(mut self, reply: StoredReply) -> Completion {
        self.resolved = true;
        let completing = self.holder.complete(self.ticket, reply).get();
        // The caller is waiting for the operation's reply, which it is better to give unstored.
        tokio::time::timeout(STORE_TIMEOUT, completing).await.unwrap_or(Completion::Unavailable)
    }

    /// Lets a retry carry the operation out again, under the same operation key.
    pub async fn retryable(mut self) {
        self.resolved = true;
        let released = self.holder.retryable(self.ticket).get();
        let _ = tokio::time::timeout(STORE_TIMEOUT, released).await;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.resolved {
            // Nobody waits for it: if the store does not answer, the lease runs out.
            drop(self.holder.retryable(self.ticket));
        }
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim").field("ticket", &self.ticket).finish_non_exhaustive()
    }
}
