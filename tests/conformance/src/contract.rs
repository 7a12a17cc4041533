//! The contract as its files say it, and as the core's questions say it.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use tollgate_chain::Question;

/// All functions of `wit/`, as `interface.function`, read from the files themselves.
///
/// # Errors
/// A file cannot be read.
pub fn functions_of_the_contract() -> Result<BTreeSet<String>> {
    let folder = crate::components::package().join("../../wit");
    let mut functions = BTreeSet::new();
    for entry in std::fs::read_dir(&folder).context("read wit/")? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "wit") {
            functions.extend(functions_of(&std::fs::read_to_string(&path)?));
        }
    }
    Ok(functions)
}

fn functions_of(file: &str) -> Vec<String> {
    let mut interface = "";
    let mut functions = Vec::new();
    for line in file.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix("interface ") {
            interface = rest.trim_end_matches('{').trim();
        } else if line.starts_with("world ") {
            interface = "";
        }
        let name = line.split_once(": func(").map(|(name, _)| name);
        if let Some(name) = name.filter(|_| !interface.is_empty()) {
            functions.push(format!("{interface}.{name}"));
        }
    }
    functions
}

/// The function of the contract that asks this question.
#[must_use]
pub fn function_of(question: &Question) -> &'static str {
    question.function().name
}
