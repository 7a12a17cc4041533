//! The results of a walk that the gateway reads back from the host.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use http::HeaderMap;
use tollgate_chain::{Head, HeldHandle, Matched, Principal};

use super::PolicyHost;
use crate::idempotency::{Claim, HeldReply};
use crate::quota::Reservation;

impl PolicyHost {
    /// Returns the principal of the request, once a policy has established it.
    #[must_use]
    pub fn principal(&self) -> Option<&Arc<Principal>> {
        self.principal.established()
    }

    /// Returns the request's head.
    #[must_use]
    pub fn head(&self) -> &Arc<Head> {
        &self.context.head
    }

    /// Returns the result of matching the request against the route table.
    #[must_use]
    pub fn matched(&self) -> &Matched {
        &self.context.matched
    }

    /// Applies the policies' commands to the header of the reply, whatever the reply is: drops
    /// fields of the upstream, then sets fields, then merges `Vary`, then reports quotas.
    pub fn write_reply_headers(&self, headers: &mut HeaderMap) {
        self.reply_headers.write(headers);
        self.quota.write_report(headers);
    }

    /// Returns the reply that a verdict of the last settled run refers to by this handle.
    #[must_use]
    pub fn held(&self, handle: HeldHandle) -> Option<&HeldReply> {
        self.idempotency.held(handle)
    }

    /// Returns the claimed operation, for the metadata of its call.
    #[must_use]
    pub fn claim(&self) -> Option<&Claim> {
        self.idempotency.claim()
    }

    /// Takes the slots of requests in flight that the policies took for this exchange. They are given
    /// back when they are dropped: hold them until the response is over.
    #[must_use]
    pub fn take_slots(&mut self) -> Vec<Reservation> {
        self.quota.take_slots()
    }

    /// Takes the claim out, to complete it or to let others retry. A claim that is left in becomes
    /// retryable when the host is dropped.
    pub fn take_claim(&mut self) -> Option<Claim> {
        self.idempotency.take_claim()
    }

    /// Sets the response that `on-response` is asked about, before it is written.
    pub fn set_response(&mut self, status: u16, headers: &HeaderMap) {
        self.response.set(status, headers.clone());
    }

    /// Returns a flag that becomes true when an operation is claimed: from then on the exchange
    /// runs to its end although the client has left.
    #[must_use]
    pub fn detached(&self) -> Arc<AtomicBool> {
        self.idempotency.detached()
    }
}
