//! Variables, and the reading of them into checked values.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use secrecy::SecretString;

use crate::Stage;

/// Names and values. Values may be secrets: they are not printed.
#[derive(Clone, Default)]
pub struct Variables(BTreeMap<String, String>);

/// What is wrong with one variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The variable.
    pub name: String,
    /// What was expected; repeats no value of a secret.
    pub what: String,
}

/// Everything that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(|p| format!("{}: {}", p.name, p.what)).collect::<Vec<_>>().join("; "))]
pub struct Invalid(pub Vec<Problem>);

/// Reads variables and collects what is wrong with them.
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
    /// Real variables win over the file.
    ///
    /// # Errors
    /// When the file is named but cannot be read, or is named outside the local stage.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub fn read() -> Result<Self, Invalid> {
        Self::with_dotenv(Self(std::env::vars().collect()))
    }

    /// Takes the given ones instead; for tests.
    #[must_use]
    pub fn of(pairs: &[(&str, &str)]) -> Self {
        Self(pairs.iter().map(|&(name, value)| (name.into(), value.into())).collect())
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn with_dotenv(mut real: Self) -> Result<Self, Invalid> {
        let Some(path) = real.get("DOTENV").map(PathBuf::from) else { return Ok(real) };
        let problem = |what: String| Invalid(vec![Problem { name: "DOTENV".into(), what }]);
        if real.get("STAGE") != Some("local") {
            return Err(problem("is for the local stage alone".into()));
        }
        let text = std::fs::read_to_string(&path)
            .map_err(|error| problem(format!("{} cannot be read: {error}", path.display())))?;
        for line in text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')) {
            if let Some((name, value)) = line.split_once('=') {
                let value = value.trim().trim_matches('"');
                real.0.entry(name.trim().into()).or_insert_with(|| value.into());
            }
        }
        Ok(real)
    }
}

impl<'v> Reader<'v> {
    /// Begins to read.
    #[must_use]
    pub fn new(variables: &'v Variables) -> Self {
        Self { variables, problems: Vec::new() }
    }

    /// A text that may be absent.
    #[must_use]
    pub fn optional(&self, name: &str) -> Option<&'v str> {
        self.variables.get(name)
    }

    /// A value that must be there.
    pub fn required<T: FromStr<Err: fmt::Display>>(&mut self, name: &str) -> Option<T> {
        match self.optional(name) {
            Some(text) => self.parse(name, text),
            None => self.problem(name, "is needed"),
        }
    }

    /// A value with a default.
    pub fn or<T: FromStr<Err: fmt::Display>>(&mut self, name: &str, default: T) -> Option<T> {
        match self.optional(name) {
            Some(text) => self.parse(name, text),
            None => Some(default),
        }
    }

    /// A number with a default and bounds, both inclusive.
    pub fn number(&mut self, name: &str, default: u32, bounds: (u32, u32)) -> Option<u32> {
        let number: u32 = self.or(name, default)?;
        if (bounds.0..=bounds.1).contains(&number) {
            return Some(number);
        }
        self.problem(name, &format!("is not within {} to {}", bounds.0, bounds.1))
    }

    /// The content of a file that must be there.
    pub fn file(&mut self, name: &str) -> Option<String> {
        let path: PathBuf = self.required(name)?;
        match std::fs::read_to_string(&path) {
            Ok(text) => Some(text),
            Err(error) => {
                self.problem(name, &format!("{} cannot be read: {error}", path.display()))
            }
        }
    }

    /// A secret: the file that `<name>_FILE` names or, in the local stage, `<name>` itself.
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

    /// Notes a problem.
    pub fn problem<T>(&mut self, name: &str, what: &str) -> Option<T> {
        self.problems.push(Problem { name: name.into(), what: what.into() });
        None
    }

    /// Ends the reading: the value, or everything that is wrong.
    ///
    /// # Errors
    /// When any problem was noted.
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
