//! Problems of a configuration, each with its place and what was expected there.

use std::fmt;
use std::path::{Path, PathBuf};

/// One problem of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConfigProblem {
    /// The file.
    pub file: PathBuf,
    /// The line, counted from 1; 0 when the file as a whole is meant.
    pub line: usize,
    /// The key from the root of the file, as `policies.cors.limits.time_ms`.
    pub key: String,
    /// A sentence that states what was expected and what was found.
    pub message: String,
}

impl ConfigProblem {
    /// Makes a problem with a file as a whole, for one that is no TOML.
    #[must_use]
    pub fn of_file(path: &Path, message: &str) -> Self {
        let (file, message) = (path.to_owned(), message.to_owned());
        Self { file, line: 0, key: String::new(), message }
    }
}

/// Writes an error with its causes in one line, each after a colon.
#[must_use]
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}", self.message)
    }
}

/// All problems of a configuration, one a line when displayed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems(Vec<ConfigProblem>);

impl Problems {
    /// Iterates over the problems, by file and line.
    pub fn iter(&self) -> impl Iterator<Item = &ConfigProblem> {
        self.0.iter()
    }

    /// Returns true where there is no problem.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a problem.
    pub fn push(&mut self, problem: ConfigProblem) {
        self.0.push(problem);
    }

    pub(crate) fn sorted(mut self) -> Self {
        self.0.sort();
        self.0.dedup();
        self
    }
}

impl From<Vec<ConfigProblem>> for Problems {
    fn from(problems: Vec<ConfigProblem>) -> Self {
        Self(problems).sorted()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
