//! Shapes of plugins, policies and chains.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde_spanned::Spanned;

use super::settings::Setting;

/// `[plugins.<name>]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawPlugin {
    pub(crate) file: PathBuf,
    pub(crate) sha256: Option<Spanned<String>>,
}

/// `[policies.<name>]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawPolicy {
    pub(crate) plugin: Spanned<String>,
    pub(crate) class: Option<Spanned<String>>,
    #[serde(default)]
    pub(crate) grants: Vec<Spanned<String>>,
    #[serde(default)]
    pub(crate) interests: RawInterests,
    #[serde(default)]
    pub(crate) branches: Vec<Spanned<String>>,
    #[serde(default)]
    pub(crate) limits: RawLimits,
    #[serde(default)]
    pub(crate) settings: BTreeMap<String, Spanned<Setting>>,
}

/// `interests = { methods, route_classes, headers }`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawInterests {
    #[serde(default)]
    pub(crate) methods: Vec<Spanned<String>>,
    #[serde(default)]
    pub(crate) route_classes: Vec<String>,
    #[serde(default)]
    pub(crate) headers: Vec<Spanned<String>>,
}

/// `limits = { … }`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawLimits {
    pub(crate) time_ms: Option<Spanned<u64>>,
    pub(crate) memory_bytes: Option<Spanned<u64>>,
    pub(crate) table_elements: Option<Spanned<u64>>,
    pub(crate) questions: Option<Spanned<u64>>,
    pub(crate) answer_bytes: Option<Spanned<u64>>,
}

/// `[chains.<name>]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawChain {
    pub(crate) policies: Vec<Spanned<String>>,
}
