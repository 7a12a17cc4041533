//! Plugins, policies, chains and rollouts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use tollgate_chain::{Branch, Class, Interests, Interface, Stage, Tolerance};

use crate::{ConfigProblem, Located, Location};

/// A component: `[plugins.<name>]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PluginConfig {
    /// The name.
    pub name: String,
    /// The component's file.
    pub file: Located<PathBuf>,
    /// The digest that the file must have.
    pub sha256: Option<[u8; 32]>,
    /// The place of the plugin as a whole.
    pub location: Location,
}

impl PluginConfig {
    /// Makes the problem that the component cannot be used, at the key that names its file.
    #[must_use]
    pub fn problem(&self, message: &str) -> ConfigProblem {
        self.file.problem(message)
    }
}

/// A plugin put to work: `[policies.<name>]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PolicyConfig {
    /// The name.
    pub name: String,
    /// Index of the plugin.
    pub plugin: usize,
    /// The meaning of a failure.
    pub class: Class,
    /// The interfaces that the component may import.
    pub grants: BTreeSet<Interface>,
    /// The requests that it applies to.
    pub interests: Interests,
    /// The attributes of Routes that it reads, by name.
    pub attributes: BTreeMap<String, AttributeDeclaration>,
    /// Questions whose answers of raw text may branch its trees.
    pub branches: Vec<Branch>,
    /// Bounds of a run.
    pub limits: LimitsConfig,
    /// The settings as a JSON object.
    pub settings: String,
    /// The place of the policy as a whole.
    pub location: Location,
    pub(crate) setting_lines: BTreeMap<String, usize>,
}

impl PolicyConfig {
    /// Makes the problem that a setting is not as the plugin expects, at the setting's line.
    #[must_use]
    pub fn setting_problem(&self, key: &str, message: &str) -> ConfigProblem {
        // A missing setting has no line: then the nearest setting around it has one.
        let mut around = Some(key);
        let mut line = self.location.line();
        while let Some(path) = around {
            if let Some(known) = self.setting_lines.get(path) {
                line = *known;
                break;
            }
            around = path.rfind(['.', '[']).and_then(|end| path.get(..end));
        }

        let separator = if key.is_empty() { "" } else { "." };
        let key = format!("{}.settings{separator}{key}", self.location.key());
        ConfigProblem { line, key, ..self.location.problem(message) }
    }

    /// Makes the problem that the policy as a whole cannot be put to work.
    #[must_use]
    pub fn problem(&self, message: &str) -> ConfigProblem {
        self.location.problem(message)
    }
}

/// The declaration of a Route's attribute that a policy reads.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AttributeDeclaration {
    /// The values that there are; any text where `None`.
    pub values: Option<Vec<String>>,
    /// True where every Route whose chain has the policy must have the attribute.
    pub required: bool,
    /// The place of the declaration.
    pub location: Location,
}

/// Bounds of a policy's run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitsConfig {
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

/// Policies in the order in which they decide: `[chains.<name>]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChainConfig {
    /// The name.
    pub name: String,
    /// Indices of the policies, in order.
    pub policies: Vec<usize>,
}

/// A candidate of a policy: `[rollouts.<policy>]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RolloutConfig {
    /// Index of the policy whose place may be taken.
    pub policy: usize,
    /// Index of the policy that may take it; it is in no chain.
    pub candidate: usize,
    /// The stage in which it begins.
    pub stage: Stage,
    /// Bounds of how much worse it may be.
    pub tolerance: Tolerance,
    /// The place of the rollout's candidate.
    pub(crate) candidate_location: Location,
}
