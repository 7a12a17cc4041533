//! The three places in which a process runs.

use std::str::FromStr;

/// The place in which a process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// A desk: secrets in variables and an unencrypted broker are allowed.
    Local,
    /// A shared installation without real money.
    Staging,
    /// The installation with real money.
    Production,
}

/// A word that names no [`Stage`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is not one of local, staging, production")]
pub struct UnknownStage {
    word: String,
}

impl FromStr for Stage {
    type Err = UnknownStage;

    fn from_str(word: &str) -> Result<Self, UnknownStage> {
        match word {
            "local" => Ok(Self::Local),
            "staging" => Ok(Self::Staging),
            "production" => Ok(Self::Production),
            _ => Err(UnknownStage { word: word.into() }),
        }
    }
}
