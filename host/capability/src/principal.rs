//! `principal`: who the request is from, once a policy has established it.
//!
//! `signer.rs` turns it into the statement that services believe.

mod signer;

use std::sync::Arc;

use tollgate_chain::{Answer, CredentialHandle, Principal, PrincipalRead};

pub use signer::{Audience, PrincipalSigner, SignedToken, SignerError};

use crate::exchange::Exchange;

/// Answers a read about the principal.
pub(crate) fn answer(principal: Option<&Principal>, read: &PrincipalRead) -> Answer {
    match read {
        PrincipalRead::Environment => environment(principal),
        PrincipalRead::HasScope(scope) => has_scope(principal, scope),
        PrincipalRead::Tenant => tenant(principal),
    }
}

fn environment(principal: Option<&Principal>) -> Answer {
    Answer::Environment(principal.map(|principal| principal.environment))
}

fn has_scope(principal: Option<&Principal>, scope: &str) -> Answer {
    Answer::Bool(principal.is_some_and(|principal| principal.scopes.contains(scope)))
}

fn tenant(principal: Option<&Principal>) -> Answer {
    Answer::Text(principal.map(|principal| principal.tenant.as_str().into()))
}

impl Exchange {
    /// `principal.establish`: once. A second, different one changes nothing: no policy moves
    /// a request to another tenant or environment.
    pub(crate) fn establish(&mut self, handle: CredentialHandle) {
        let request_id = &self.opening.head.request_id;
        match (self.resolved(handle), &self.principal) {
            (Some(resolved), None) => self.principal = Some(Arc::clone(resolved)),
            (Some(resolved), Some(established)) if resolved == established => {}
            (Some(_), Some(_)) => {
                tracing::error!(%request_id, "a second, different principal was not established");
            }
            (None, _) => {
                tracing::error!(%request_id, "a credential that was not resolved establishes nobody");
            }
        }
    }
}
