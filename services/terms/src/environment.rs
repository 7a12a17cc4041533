//! The two environments of the platform.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One of the two environments, which share no keys, data or deployments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Environment {
    /// For trials: dedicated deployments, no real money.
    Sandbox,
    /// For real money.
    Live,
}

/// A word that names no [`Environment`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is not one of sandbox, live")]
pub struct UnknownEnvironment {
    word: String,
}

impl Environment {
    /// Both environments.
    pub const ALL: [Self; 2] = [Self::Sandbox, Self::Live];

    /// Returns the word used in key prefixes, metadata, tables, topics and configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sandbox => "sandbox",
            Self::Live => "live",
        }
    }

    /// Returns the environment that `word` names. Allocates nothing, unlike [`FromStr`], whose
    /// error holds the word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|environment| environment.as_str() == word)
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Environment {
    type Err = UnknownEnvironment;

    fn from_str(word: &str) -> Result<Self, UnknownEnvironment> {
        Self::from_word(word).ok_or_else(|| UnknownEnvironment { word: word.into() })
    }
}
