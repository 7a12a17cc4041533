//! The principal: the caller of a request. The environment is part of it, from key prefix to database.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
pub use tollgate_terms::{Access, Environment};

/// The part of a resolved credential that a policy may learn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Identity {
    /// The key's environment.
    pub environment: Environment,
    /// Operations that the tenant's state allows.
    pub access: Access,
}

/// A caller whose credential was resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The tenant's identifier.
    pub tenant: String,
    /// The environment of the key that was presented.
    pub environment: Environment,
    /// The key's identifier; never the key.
    pub key_id: String,
    /// Scopes of the form `resource:action`.
    pub scopes: BTreeSet<String>,
    /// Operations that the tenant's state allows.
    pub access: Access,
}

impl Principal {
    /// The part of it that a policy may learn.
    #[must_use]
    pub fn identity(&self) -> Identity {
        Identity { environment: self.environment, access: self.access }
    }
}
