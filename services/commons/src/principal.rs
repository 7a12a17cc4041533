//! The caller of a call, as the gateway signed it: the only source of a tenant.
//!
//! [`Verifier`] is the interceptor of every public gRPC service; handlers then ask [`tenant`] or
//! [`gateway`] for the caller. A missing, forged, stale or misaddressed principal is
//! `UNAUTHENTICATED`; a genuine principal of the other environment is `PERMISSION_DENIED`.

mod keys;
mod verify;

use std::collections::BTreeSet;

pub use keys::{KeysError, PublicKeys};
pub use verify::{Audience, Clock, ServedEnvironments, Verifier, system_clock};

use tollgate_terms::{Access, Environment};

use crate::error::Error;

/// The bytes signed before the principal's own, so that no other signature passes for one.
pub const SIGNING_CONTEXT: &[u8] = b"tollgate-principal-v1\0";

/// The effect of a call, as far as access is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Reads.
    Read,
    /// Writes, or takes money in.
    MoneyIn,
    /// Sends money out.
    MoneyOut,
}

/// A caller of a tenant, proven by the gateway's signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    tenant_id: String,
    environment: Environment,
    key_id: String,
    scopes: BTreeSet<String>,
    access: Access,
}

/// The party that made a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// A tenant, through the gateway.
    Tenant(Principal),
    /// The gateway itself.
    Gateway,
}

impl Effect {
    /// Reports whether `access` permits an operation with this effect.
    #[must_use]
    pub fn is_permitted_by(self, access: Access) -> bool {
        match (access, self) {
            (Access::Full, _)
            | (Access::NoMoneyOut, Self::Read | Self::MoneyIn)
            | (Access::ReadOnly, Self::Read) => true,
            (Access::NoMoneyOut, Self::MoneyOut)
            | (Access::ReadOnly, Self::MoneyIn | Self::MoneyOut)
            | (Access::None, _) => false,
        }
    }
}

impl Principal {
    /// The tenant.
    #[must_use]
    pub fn tenant_id(&self) -> &str {
        &self.tenant_id
    }

    /// The environment of the key that was presented.
    #[must_use]
    pub fn environment(&self) -> Environment {
        self.environment
    }

    /// The key's identifier; never the key.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The scopes of the key, of the form `resource:action`.
    #[must_use]
    pub fn scopes(&self) -> &BTreeSet<String> {
        &self.scopes
    }

    /// The access that the tenant's state leaves.
    #[must_use]
    pub fn access(&self) -> Access {
        self.access
    }

    /// Requires a scope, and access for the effect of the call.
    ///
    /// # Errors
    /// [`Error::PermissionDenied`] with reason `INSUFFICIENT_SCOPE` or `ACCESS_RESTRICTED`.
    pub fn require(&self, scope: &str, effect: Effect) -> Result<(), Error> {
        if !self.scopes.contains(scope) {
            return Err(Error::PermissionDenied {
                reason: "INSUFFICIENT_SCOPE",
                description: format!("the key lacks the scope {scope}"),
            });
        }
        if !effect.is_permitted_by(self.access) {
            return Err(Error::PermissionDenied {
                reason: "ACCESS_RESTRICTED",
                description: "the tenant's state does not allow this".into(),
            });
        }
        Ok(())
    }
}

/// Returns the tenant that calls.
///
/// # Errors
/// [`Error::Unauthenticated`] if the caller is no tenant, or no verifier intercepts the service.
pub fn tenant<T>(request: &tonic::Request<T>) -> Result<&Principal, Error> {
    match request.extensions().get::<Caller>() {
        Some(Caller::Tenant(principal)) => Ok(principal),
        Some(Caller::Gateway) => {
            Err(Error::Unauthenticated { description: "a tenant's principal is needed" })
        }
        None => Err(Error::Unauthenticated { description: "no principal was verified" }),
    }
}

/// Requires the gateway itself as the caller.
///
/// # Errors
/// [`Error::PermissionDenied`] if a tenant calls; [`Error::Unauthenticated`] if nobody is proven.
pub fn gateway<T>(request: &tonic::Request<T>) -> Result<(), Error> {
    match request.extensions().get::<Caller>() {
        Some(Caller::Gateway) => Ok(()),
        Some(Caller::Tenant(_)) => Err(Error::PermissionDenied {
            reason: "GATEWAY_ONLY",
            description: "only the gateway may ask this".into(),
        }),
        None => Err(Error::Unauthenticated { description: "no principal was verified" }),
    }
}
