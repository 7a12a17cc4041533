//! Plugins, policies and chains.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use tollgate_chain::{Branch, Class, Interests};

use super::At;
use crate::Problem;

/// `[plugins.<name>]`
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Plugin {
    /// The name.
    pub name: String,
    /// The component.
    pub file: PathBuf,
    /// What the file must hash to.
    pub sha256: Option<[u8; 32]>,
    pub(crate) at: At,
}

/// `[policies.<name>]`
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// The name.
    pub name: String,
    /// Index of the plugin.
    pub plugin: usize,
    /// What a failure means.
    pub class: Class,
    /// Capabilities, by interface name.
    pub grants: BTreeSet<String>,
    /// When it applies.
    pub interests: Interests,
    /// Questions whose answers of raw text may branch its trees.
    pub branches: Vec<Branch>,
    /// Bounds of a run.
    pub limits: Limits,
    /// The settings as a JSON object.
    pub settings: String,
    pub(crate) at: At,
    pub(crate) setting_lines: BTreeMap<String, usize>,
}

impl Policy {
    /// The problem that a setting is not as the plugin expects, at its line.
    #[must_use]
    pub fn setting_problem(&self, key: &str, message: &str) -> Problem {
        // What is missing has no line: then the nearest thing around it.
        let mut around = Some(key);
        let mut line = self.at.line;
        while let Some(path) = around {
            if let Some(found) = self.setting_lines.get(path) {
                line = *found;
                break;
            }
            around = path.rfind(['.', '[']).and_then(|end| path.get(..end));
        }
        let separator = if key.is_empty() { "" } else { "." };
        let key = format!("{}.settings{separator}{key}", self.at.key);
        Problem { line, key, ..self.at.problem(message) }
    }

    /// The problem that the policy as a whole cannot be put to work.
    #[must_use]
    pub fn problem(&self, message: &str) -> Problem {
        self.at.problem(message)
    }
}

impl Plugin {
    /// The problem that the component cannot be used.
    #[must_use]
    pub fn problem(&self, message: &str) -> Problem {
        self.at.problem(message)
    }
}

/// Bounds of a policy's run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The guest's own running time, waits for the host not counted.
    pub time: Duration,
    /// Linear memory, in bytes.
    pub memory_bytes: usize,
    /// Elements of tables.
    pub table_elements: usize,
    /// Questions.
    pub questions: u32,
    /// Bytes of text in answers.
    pub answer_bytes: usize,
}

/// `[chains.<name>]`
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Chain {
    /// The name.
    pub name: String,
    /// Indices of the policies, in order.
    pub policies: Vec<usize>,
}
