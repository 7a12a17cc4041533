//! `principal`: the caller whom the request is from, once a policy has established it.
//!
//! `signer.rs` turns a principal into the token that services verify.

mod signer;

use std::sync::Arc;

use tollgate_chain::{Answer, Principal, PrincipalCommand, PrincipalRead};

pub use signer::{Audience, PrincipalSigner, SignedToken, SignerError};

use crate::credentials::CredentialsState;

/// The established principal of an exchange, which never changes once it is set.
#[derive(Debug, Default)]
pub(crate) struct PrincipalState(Option<Arc<Principal>>);

impl PrincipalState {
    pub(crate) fn established(&self) -> Option<&Arc<Principal>> {
        self.0.as_ref()
    }

    /// Answers a read.
    pub(crate) fn ask(&self, read: &PrincipalRead) -> Answer {
        let principal = self.0.as_deref();
        match read {
            PrincipalRead::Environment => {
                Answer::Environment(principal.map(|principal| principal.environment))
            }
            PrincipalRead::HasScope(scope) => {
                Answer::Bool(principal.is_some_and(|principal| principal.scopes.contains(&**scope)))
            }
            PrincipalRead::Tenant => {
                Answer::Text(principal.map(|principal| principal.tenant.as_str().into()))
            }
        }
    }

    /// Applies a command of a run that reached its verdict. A second, different principal is not
    /// established: no policy moves a request to another tenant or environment.
    pub(crate) fn apply(
        &mut self,
        command: &PrincipalCommand,
        credentials: &CredentialsState,
        request_id: &str,
    ) {
        let PrincipalCommand::Establish(handle) = command;
        match (credentials.resolved(*handle), &self.0) {
            (Some(resolved), None) => self.0 = Some(Arc::clone(resolved)),
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
