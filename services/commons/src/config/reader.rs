//! Environment variables and their conversion to checked values.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use secrecy::SecretString;

use crate::Stage;

/// Variables by name. Values may be secrets and are not printed.
#[derive(Clone, Default)]
pub struct Variables(BTreeMap<String, String>);

/// A problem with one variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The variable.
    pub name: String,
    /// The expectation that was not met; repeats no secret.
    pub expectation: String,
}

/// All problems of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(|p| format!("{}: {}", p.name, p.expectation)).collect::<Vec<_>>().join("; "))]
pub struct Invalid(pub Vec<Problem>);

/// Reads variables and collects their problems.
#[derive(Debug)]
pub struct Reader<'v> {
    variables: &'v Variables,
    problems: Vec<Problem>,
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Variables {
    /// Reads the process's environment and, in the local stage, the file that `DOTENV` names.
    /// Real variables take precedence over the file.
    ///
    /// # Errors
    /// If the file is named outside the local stage, cannot be read, or has a malformed line.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub fn read() -> Result<Self, Invalid> {
        Self(std::env::vars().collect()).with_dotenv()
    }

    /// Makes variables from pairs, for tests.
    #[must_use]
    pub fn of(pairs: &[(&str, &str)]) -> Self {
        Self(pairs.iter().map(|&(name, value)| (name.into(), value.into())).collect())
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Adds the variables of the file that `DOTENV` names.
    pub(super) fn with_dotenv(self) -> Result<Self, Invalid> {
        let mut real = self;
        let Some(path) = real.get("DOTENV").map(PathBuf::from) else { return Ok(real) };
        let problem =
            |expectation: String| Invalid(vec![Problem { name: "DOTENV".into(), expectation }]);
        if real.get("STAGE") != Some("local") {
            return Err(problem("is for the local stage alone".into()));
        }
        let pairs = dotenvy::from_path_iter(&path)
            .map_err(|error| problem(format!("{} cannot be read: {error}", path.display())))?;
        let mut previous = "the beginning".to_owned();
        for pair in pairs {
            // The error would repeat the line, and with it a secret.
            let (name, value) = pair.map_err(|_| {
                problem(format!("{} has a malformed line after {previous}", path.display()))
            })?;
            previous.clone_from(&name);
            real.0.entry(name).or_insert(value);
        }
        Ok(real)
    }
}

impl<'v> Reader<'v> {
    /// Starts reading.
    #[must_use]
    pub fn new(variables: &'v Variables) -> Self {
        Self { variables, problems: Vec::new() }
    }

    /// Returns a text that may be absent.
    #[must_use]
    pub fn optional(&self, name: &str) -> Option<&'v str> {
        self.variables.get(name)
    }

    /// Reads a required value.
    pub fn required<T: FromStr<Err: fmt::Display>>(&mut self, name: &str) -> Option<T> {
        match self.optional(name) {
            Some(text) => self.parse(name, text),
            None => self.problem(name, "is needed"),
        }
    }

    /// Reads a value with a default.
    pub fn or<T: FromStr<Err: fmt::Display>>(&mut self, name: &str, default: T) -> Option<T> {
        match self.optional(name) {
            Some(text) => self.parse(name, text),
            None => Some(default),
        }
    }

    /// Reads a number with a default and bounds, both inclusive.
    pub fn number(&mut self, name: &str, default: u32, bounds: (u32, u32)) -> Option<u32> {
        let number: u32 = self.or(name, default)?;
        if (bounds.0..=bounds.1).contains(&number) {
            return Some(number);
        }
        self.problem(name, &format!("is not within {} to {}", bounds.0, bounds.1))
    }

    /// Reads the content of a required file.
    pub fn file(&mut self, name: &str) -> Option<String> {
        let path: PathBuf = self.required(name)?;
        match std::fs::read_to_string(&path) {
            Ok(text) => Some(text),
            Err(error) => {
                self.problem(name, &format!("{} cannot be read: {error}", path.display()))
            }
        }
    }

    /// Reads a secret from the file that `<name>_FILE` names or, in the local stage, from `<name>`.
    pub fn secret(&mut self, name: &str, stage: Option<Stage>) -> Option<SecretString> {
        let by_file = format!("{name}_FILE");
        match (self.optional(name), self.optional(&by_file)) {
            (Some(_), Some(_)) => self.problem(name, &format!("is given twice, also by {by_file}")),
            (None, _) => self.file(&by_file).map(|text| text.trim().to_owned().into()),
            (Some(text), None) if stage == Some(Stage::Local) => Some(text.to_owned().into()),
            (Some(_), None) => {
                self.problem(name, &format!("is for the local stage alone; use {by_file}"))
            }
        }
    }

    /// Records a problem.
    pub fn problem<T>(&mut self, name: &str, expectation: &str) -> Option<T> {
        self.problems.push(Problem { name: name.into(), expectation: expectation.into() });
        None
    }

    /// Ends the reading and returns the value.
    ///
    /// # Errors
    /// All recorded problems.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Invalid> {
        match value {
            Some(value) if self.problems.is_empty() => Ok(value),
            _ => Err(Invalid(self.problems)),
        }
    }

    fn parse<T: FromStr<Err: fmt::Display>>(&mut self, name: &str, text: &str) -> Option<T> {
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => self.problem(name, &format!("is not valid: {error}")),
        }
    }
}
