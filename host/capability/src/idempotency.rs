//! `idempotency`: the caller's key, the claim on it, and the record of what came of it.
//!
//! The record is a cache of responses: money is kept safe by the service, which holds the
//! operation key in its own transaction. `record.rs` is the rule of records (pure, and the same
//! for every store), `claim.rs` is the exchange's hold on one.

mod claim;
mod key;
mod operation;
mod reply;

pub mod record;

use std::fmt;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tollgate_chain::{Answer, Asked, Claimed, Fingerprint, HeldHandle, IdempotencyKey};

pub use claim::{Claim, Completion, Holder};
pub use operation::OperationKey;
pub use record::{TTL_DEFAULT, TTL_MIN, Ticket};
pub use reply::{BODY_BYTES_MAX, StoredReply};

use crate::exchange::readback::Held;
use crate::exchange::{Exchange, Opening};
use crate::later::{BoxFuture, Later};
use crate::route;

/// What is asked of a store.
#[derive(Debug, Clone, Copy)]
pub struct ClaimRequest {
    /// What the record is found by.
    pub operation: OperationKey,
    /// What the request must have in common with the first of its kind.
    pub fingerprint: Fingerprint,
    /// How long the claim holds unless renewed or resolved.
    pub lease: Duration,
}

/// What became of a claim.
#[derive(Debug)]
pub enum ClaimOutcome {
    /// The operation is the caller's to carry out.
    Claimed(Claim),
    /// It was carried out; this was the reply.
    Completed(StoredReply),
    /// Another exchange is carrying it out.
    InProgress,
    /// The key was used with another fingerprint.
    Reused,
    /// The store cannot be asked, or is full of operations in progress.
    Unavailable,
}

/// Keeps the records. Bounded; operations in progress are never evicted.
pub trait IdempotencyStore: fmt::Debug + Send + Sync + 'static {
    /// Claims in one atomic step. A claim whose future is dropped is released.
    fn claim(&self, request: ClaimRequest) -> Later<'_, ClaimOutcome>;
}

/// Added to the Route's time-out: the longest that reading the answer and storing it may take.
const LEASE_MARGIN: Duration = Duration::from_secs(10);
/// How long the store may take to answer.
const STORE_TIMEOUT: Duration = Duration::from_secs(2);
/// What a caller is asked to wait for another exchange, or for the store.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// `idempotency.key`
pub(crate) fn key(opening: &Opening) -> Answer {
    Answer::IdempotencyKey(match key::read(&opening.head.headers) {
        key::Read::Absent => IdempotencyKey::Absent,
        key::Read::Valid(_) => IdempotencyKey::Valid,
        key::Read::Malformed => IdempotencyKey::Malformed,
    })
}

impl Exchange {
    /// `idempotency.claim`
    pub(crate) fn claim_operation(&mut self) -> Asked<'_> {
        if self.claim.is_some() || self.run.claim.is_some() {
            return Asked::Ready(Answer::Claimed(Claimed::Claimed));
        }
        let Some(operation) = self.operation() else {
            tracing::error!("a policy claimed without an established principal and a valid key");
            self.run.retry_after = Some(RETRY_AFTER);
            return Asked::Ready(Answer::Claimed(Claimed::Unavailable));
        };
        Asked::Pending(Box::pin(async move {
            match self.opening.payload.prepare().await {
                Ok(fingerprint) => self.claim_prepared(operation, fingerprint).await,
                Err(refusal) => {
                    Answer::Claimed(Claimed::BodyRefused(self.hold(Held::Refused(refusal))))
                }
            }
        }))
    }

    async fn claim_prepared(
        &mut self,
        operation: OperationKey,
        fingerprint: Fingerprint,
    ) -> Answer {
        let route = route::route(&self.opening.matched);
        let lease = route.map_or(Duration::ZERO, |route| route.limits.timeout) + LEASE_MARGIN;
        let request = ClaimRequest { operation, fingerprint, lease };
        let outcome = match self.stores.idempotency.claim(request) {
            Later::Ready(outcome) => outcome,
            Later::Pending(later) => within(later).await,
        };
        Answer::Claimed(match outcome {
            ClaimOutcome::Claimed(claim) => {
                self.run.claim = Some(claim);
                self.detached.store(true, Ordering::Release);
                Claimed::Claimed
            }
            ClaimOutcome::Completed(reply) => Claimed::Completed(self.hold(Held::Reply(reply))),
            ClaimOutcome::Reused => Claimed::Reused,
            ClaimOutcome::InProgress => {
                self.run.retry_after = Some(RETRY_AFTER);
                Claimed::InProgress
            }
            ClaimOutcome::Unavailable => {
                self.run.retry_after = Some(RETRY_AFTER);
                Claimed::Unavailable
            }
        })
    }

    fn operation(&self) -> Option<OperationKey> {
        let principal = self.principal.as_deref()?;
        match key::read(&self.opening.head.headers) {
            key::Read::Valid(key) => Some(OperationKey::of(principal, &self.opening.head, &key)),
            key::Read::Absent | key::Read::Malformed => None,
        }
    }

    fn hold(&mut self, held: Held) -> HeldHandle {
        let handle = HeldHandle(u32::try_from(self.run.held.len()).unwrap_or(u32::MAX));
        self.run.held.push(held);
        handle
    }
}

async fn within(later: BoxFuture<'_, ClaimOutcome>) -> ClaimOutcome {
    match tokio::time::timeout(STORE_TIMEOUT, later).await {
        Ok(outcome) => outcome,
        Err(_) => {
            tracing::error!("the idempotency store did not answer in time");
            ClaimOutcome::Unavailable
        }
    }
}
