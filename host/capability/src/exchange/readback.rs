//! What the gateway reads back from an exchange once its policies have decided.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use http::HeaderMap;
use tollgate_chain::{Error, Head, HeldHandle, Matched, Principal};

use super::Exchange;
use crate::idempotency::{Claim, StoredReply};
use crate::quota;
use crate::response::ResponseHead;

/// A reply that the host holds for a policy, which only has its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// The stored reply of an operation that was carried out before.
    Reply(StoredReply),
    /// The host's own refusal of the body.
    Refused(Error),
}

impl Exchange {
    /// Who the request is from, once established.
    #[must_use]
    pub fn principal(&self) -> Option<&Arc<Principal>> {
        self.principal.as_ref()
    }

    /// The request's head.
    #[must_use]
    pub fn head(&self) -> &Arc<Head> {
        &self.opening.head
    }

    /// What the route table says about the request.
    #[must_use]
    pub fn matched(&self) -> &Matched {
        &self.opening.matched
    }

    /// Applies what the policies want of the reply's header, whatever the reply is: fields of
    /// the upstream's are dropped, then fields set, then `Vary` merged, then quotas reported.
    pub fn write_reply_headers(&self, headers: &mut HeaderMap) {
        self.reply.write(headers);
        quota::write(&self.reported, headers);
    }

    /// What a verdict of the run that was settled last means by this number.
    #[must_use]
    pub fn held(&self, handle: HeldHandle) -> Option<&Held> {
        self.held.get(usize::try_from(handle.0).ok()?)
    }

    /// The operation that the exchange has claimed, for the metadata of its call.
    #[must_use]
    pub fn claim(&self) -> Option<&Claim> {
        self.claim.as_ref()
    }

    /// Takes the claim out, to complete it or to let others retry. A claim that is left in is
    /// made retryable when the exchange is dropped.
    pub fn take_claim(&mut self) -> Option<Claim> {
        self.claim.take()
    }

    /// Sets what `on-response` is told about: the response that is about to be written.
    pub fn set_response(&mut self, status: u16, headers: &HeaderMap) {
        self.response = Some(ResponseHead { status, headers: headers.clone() });
    }

    /// Becomes true when an operation is claimed: from then on the exchange runs to its end
    /// though the client has left.
    #[must_use]
    pub fn detached(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.detached)
    }
}
