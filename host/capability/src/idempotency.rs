//! `idempotency`: the caller's key, the claim on its operation, and the record of the reply.
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
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tollgate_chain::{
    Answer, Asked, Claimed, Error, Fingerprint, Head, HeldHandle, IdempotencyEffect,
    IdempotencyKey, IdempotencyRead, Payload, Principal, Settlement,
};

pub use claim::{Claim, Completion, Holder};
pub use operation::{OperationKey, RecordOwner};
pub use record::{RETRYABLE_TTL, TTL_DEFAULT, TTL_MIN, Ticket};
pub use reply::{BODY_BYTES_MAX, StoredReply};

use crate::later::{BoxFuture, Later};

/// A request to a store for a claim.
#[derive(Debug, Clone, Copy)]
pub struct ClaimRequest {
    /// Identifies the record.
    pub operation: OperationKey,
    /// The tenant and environment whose record it is.
    pub owner: RecordOwner,
    /// Digest of the content, which must equal that of the first request for the operation.
    pub fingerprint: Fingerprint,
    /// The time for which the claim holds unless renewed or resolved.
    pub lease: Duration,
}

/// The outcome of a claim.
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
    /// The store does not answer, or it or the owner's part of it is full of operations in
    /// progress.
    Unavailable,
}

/// A reply that the host holds for a policy, which only has its handle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeldReply {
    /// The stored reply of an operation that was carried out before.
    Stored(StoredReply),
    /// The host's own refusal of the body.
    Refused(Error),
}

/// Keeps the records. Bounded for each owner and in all, so that no owner's records refuse another's;
/// operations in progress are never evicted.
pub trait IdempotencyStore: fmt::Debug + Send + Sync + 'static {
    /// Claims in one atomic step. A claim whose future is dropped is released.
    fn claim(&self, request: ClaimRequest) -> Later<'_, ClaimOutcome>;
}

/// Added to the Route's time-out: the longest that reading the answer and storing it may take.
const LEASE_MARGIN: Duration = Duration::from_secs(10);
/// Longest wait for the store's answer.
const STORE_TIMEOUT: Duration = Duration::from_secs(2);
/// The wait that a caller is asked for, for another exchange or for the store.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The claims of one exchange, and the replies that the host holds for policies.
#[derive(Debug, Default)]
pub(crate) struct IdempotencyState {
    /// The claim of the run in progress.
    run_claim: Option<Claim>,
    /// Replies of the run in progress, by their handle. Handles count from 0 in each run.
    run_held: Vec<HeldReply>,
    /// The claim of a settled run.
    claim: Option<Claim>,
    /// Replies of the run that was settled last.
    held: Vec<HeldReply>,
    detached: Arc<AtomicBool>,
}

/// The facts of an exchange that a claim depends on.
#[derive(Clone, Copy)]
pub(crate) struct ClaimContext<'a> {
    pub(crate) head: &'a Head,
    pub(crate) payload: &'a dyn Payload,
    /// The time-out of the Route.
    pub(crate) timeout: Duration,
    pub(crate) principal: Option<&'a Principal>,
    pub(crate) store: &'a dyn IdempotencyStore,
}

/// Answers a read.
pub(crate) fn ask(read: &IdempotencyRead, head: &Head) -> Answer {
    let IdempotencyRead::Key = read;
    Answer::IdempotencyKey(match key::read(&head.headers) {
        key::KeyField::Absent => IdempotencyKey::Absent,
        key::KeyField::Valid(_) => IdempotencyKey::Valid,
        key::KeyField::Malformed => IdempotencyKey::Malformed,
    })
}

impl IdempotencyState {
    /// Carries out an effect: prepares the body, then claims its operation. An exchange claims
    /// once; a later claim of it is granted at once.
    pub(crate) fn ask<'a>(
        &'a mut self,
        effect: &IdempotencyEffect,
        context: ClaimContext<'a>,
        retry_after: &'a mut Option<Duration>,
    ) -> Asked<'a> {
        let IdempotencyEffect::Claim = effect;
        if self.claim.is_some() || self.run_claim.is_some() {
            return Asked::Ready(Answer::Claimed(Claimed::Claimed));
        }
        let Some((operation, owner)) = context.operation() else {
            tracing::error!("a policy claimed without an established principal and a valid key");
            *retry_after = Some(RETRY_AFTER);
            return Asked::Ready(Answer::Claimed(Claimed::Unavailable));
        };

        Asked::Pending(Box::pin(async move {
            Answer::Claimed(match context.payload.prepare().await {
                Ok(fingerprint) => {
                    let outcome = context.claim((operation, owner), fingerprint).await;
                    self.claimed(outcome, retry_after)
                }
                Err(refusal) => Claimed::BodyRefused(self.hold(HeldReply::Refused(refusal))),
            })
        }))
    }

    /// Ends the run: keeps its claim and its replies, or releases them by dropping them.
    pub(crate) fn settle(&mut self, settlement: Settlement) {
        match settlement {
            Settlement::Commit => {
                if let Some(claim) = self.run_claim.take() {
                    self.claim = Some(claim);
                }
                self.held = std::mem::take(&mut self.run_held);
            }
            Settlement::Release => {
                self.held.clear();
                self.run_held.clear();
                if self.run_claim.take().is_some() {
                    self.detached.store(false, Ordering::Release);
                }
            }
        }
    }

    pub(crate) fn held(&self, handle: HeldHandle) -> Option<&HeldReply> {
        self.held.get(usize::try_from(handle.0).ok()?)
    }

    pub(crate) fn claim(&self) -> Option<&Claim> {
        self.claim.as_ref()
    }

    pub(crate) fn take_claim(&mut self) -> Option<Claim> {
        self.claim.take()
    }

    pub(crate) fn detached(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.detached)
    }

    fn claimed(&mut self, outcome: ClaimOutcome, retry_after: &mut Option<Duration>) -> Claimed {
        match outcome {
            ClaimOutcome::Claimed(claim) => {
                self.run_claim = Some(claim);
                self.detached.store(true, Ordering::Release);
                Claimed::Claimed
            }
            ClaimOutcome::Completed(reply) => {
                Claimed::Completed(self.hold(HeldReply::Stored(reply)))
            }
            ClaimOutcome::Reused => Claimed::Reused,
            ClaimOutcome::InProgress => {
                *retry_after = Some(RETRY_AFTER);
                Claimed::InProgress
            }
            ClaimOutcome::Unavailable => {
                *retry_after = Some(RETRY_AFTER);
                Claimed::Unavailable
            }
        }
    }

    fn hold(&mut self, reply: HeldReply) -> HeldHandle {
        let handle = HeldHandle(u32::try_from(self.run_held.len()).unwrap_or(u32::MAX));
        self.run_held.push(reply);
        handle
    }
}

impl ClaimContext<'_> {
    /// Returns the operation of the request: a tenant's, under its idempotency key.
    fn operation(&self) -> Option<(OperationKey, RecordOwner)> {
        let principal = self.principal?;
        match key::read(&self.head.headers) {
            key::KeyField::Valid(key) => Some(OperationKey::with_owner(principal, self.head, &key)),
            key::KeyField::Absent | key::KeyField::Malformed => None,
        }
    }

    async fn claim(
        &self,
        (operation, owner): (OperationKey, RecordOwner),
        fingerprint: Fingerprint,
    ) -> ClaimOutcome {
        let lease = self.timeout + LEASE_MARGIN;
        match self.store.claim(ClaimRequest { operation, owner, fingerprint, lease }) {
            Later::Ready(outcome) => outcome,
            Later::Pending(later) => within(later).await,
        }
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
