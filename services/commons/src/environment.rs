//! The two worlds, and the three places they are run in.

use std::fmt;
use std::str::FromStr;

use tollgate_proto::principal as proto;

/// One of the two worlds that never meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Environment {
    /// For trying things out: no real money.
    Sandbox,
    /// The real thing.
    Live,
}

/// Where a process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// A desk: secrets in variables and a broker in clear are allowed.
    Local,
    /// Shared, without real money.
    Staging,
    /// Where real money is.
    Production,
}

/// A word that names neither.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is not one of {expected}")]
pub struct UnknownWord {
    word: String,
    expected: &'static str,
}

impl Environment {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Sandbox, Self::Live];

    /// The word used in key prefixes, tables, topics and configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sandbox => "sandbox",
            Self::Live => "live",
        }
    }

    /// As it travels.
    #[must_use]
    pub fn to_proto(self) -> proto::Environment {
        match self {
            Self::Sandbox => proto::Environment::Sandbox,
            Self::Live => proto::Environment::Live,
        }
    }

    /// Reads what travelled; none for unspecified and unknown numbers.
    #[must_use]
    pub fn from_proto(number: i32) -> Option<Self> {
        match proto::Environment::try_from(number).ok()? {
            proto::Environment::Sandbox => Some(Self::Sandbox),
            proto::Environment::Live => Some(Self::Live),
            proto::Environment::Unspecified => None,
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Environment {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        match word {
            "sandbox" => Ok(Self::Sandbox),
            "live" => Ok(Self::Live),
            _ => Err(UnknownWord { word: word.into(), expected: "sandbox, live" }),
        }
    }
}

impl FromStr for Stage {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        match word {
            "local" => Ok(Self::Local),
            "staging" => Ok(Self::Staging),
            "production" => Ok(Self::Production),
            _ => Err(UnknownWord { word: word.into(), expected: "local, staging, production" }),
        }
    }
}
