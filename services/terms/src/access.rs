//! The access that a tenant's state leaves to its keys.

use serde::{Deserialize, Serialize};

/// The operations that a tenant's state permits its keys at present, in one environment.
///
/// A key's scopes limit it further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Everything that the key's scopes allow.
    Full,
    /// Everything except operations that move money out.
    NoMoneyOut,
    /// Reads only.
    ReadOnly,
    /// Nothing.
    None,
}

impl Access {
    /// Every value, from the most to the least permissive.
    pub const ALL: [Self; 4] = [Self::Full, Self::NoMoneyOut, Self::ReadOnly, Self::None];
}
