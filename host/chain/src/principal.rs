//! Who a request is from. The environment is part of it, from key prefix to database.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

/// One of the two worlds that never meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Environment {
    /// For trying things out: dedicated deployments, no real money.
    Sandbox,
    /// The real thing.
    Live,
}

impl Environment {
    /// The word used in key prefixes, metadata, topics and configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sandbox => "sandbox",
            Self::Live => "live",
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Environment {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        match word {
            "sandbox" => Ok(Self::Sandbox),
            "live" => Ok(Self::Live),
            _ => Err(()),
        }
    }
}

/// What the tenant's state lets its keys do in their environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Everything its scopes allow.
    Full,
    /// Everything but moving money out.
    NoMoneyOut,
    /// Reading only.
    ReadOnly,
    /// Nothing.
    None,
}

/// What a policy may learn about a resolved credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Identity {
    /// The key's environment.
    pub environment: Environment,
    /// What the tenant's state allows.
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
    /// What the tenant's state allows.
    pub access: Access,
}

impl Principal {
    /// The part of it that a policy may learn.
    #[must_use]
    pub fn identity(&self) -> Identity {
        Identity { environment: self.environment, access: self.access }
    }
}
