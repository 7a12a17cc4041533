//! From the JSON text of the settings to a typed value, or to the list of everything wrong.
//!
//! A [`Section`] is read key by key. A key that is missing or wrong is noted with its path, and
//! reading goes on with a stand-in; a value built with stand-ins never leaves [`parse`]. Keys
//! that nobody asked for are refused.

mod json;

use std::ops::RangeInclusive;

use json::Value;

use crate::SettingProblem;

/// Settings of a policy, read once when it is loaded.
pub trait Settings: Sized + Send + Sync + 'static {
    /// Reads every key there may be. Notes problems in `section` instead of returning them.
    fn read(section: &mut Section<'_>) -> Self;
}

impl Settings for () {
    fn read(_: &mut Section<'_>) -> Self {}
}

/// Reads settings from the text of a JSON object.
///
/// # Errors
/// Every problem, each with the path of its key.
pub fn parse<S: Settings>(text: &str) -> Result<S, Vec<SettingProblem>> {
    let keys = match json::parse(text) {
        Ok(Value::Table(keys)) => keys,
        Ok(other) => return Err(vec![expected("", "a table", &other)]),
        Err(problem) => return Err(vec![SettingProblem::new("", problem)]),
    };
    let mut problems = Vec::new();
    let settings = read(keys, String::new(), &mut problems, S::read);
    if problems.is_empty() { Ok(settings) } else { Err(problems) }
}

const TEXT: &str = "text that is not empty";

/// A table of the settings that is being read.
#[derive(Debug)]
pub struct Section<'a> {
    path: String,
    keys: Vec<(String, Value)>,
    known: Vec<&'static str>,
    problems: &'a mut Vec<SettingProblem>,
}

impl Section<'_> {
    /// Notes that the key has a problem.
    pub fn problem(&mut self, key: &str, message: impl Into<String>) {
        let path = self.path_of(key);
        self.problems.push(SettingProblem::new(path, message));
    }

    /// Notes that an element of a list has a problem.
    pub fn problem_at(&mut self, key: &str, index: usize, message: impl Into<String>) {
        self.problem(&format!("{key}[{index}]"), message);
    }

    /// Reads `true` or `false`.
    pub fn flag(&mut self, key: &'static str, default: bool) -> bool {
        match self.take(key) {
            None => default,
            Some(Value::Flag(flag)) => flag,
            Some(other) => self.wrong(key, "true or false", &other, default),
        }
    }

    /// Reads a number within its bounds; without a default the key must be there.
    pub fn number(
        &mut self,
        key: &'static str,
        bounds: RangeInclusive<u32>,
        default: Option<u32>,
    ) -> u32 {
        let stand_in = default.unwrap_or(*bounds.start());
        let Some(value) = self.take(key) else {
            if default.is_none() {
                self.missing(key);
            }
            return stand_in;
        };
        match value.whole().and_then(|number| u32::try_from(number).ok()) {
            Some(number) if bounds.contains(&number) => number,
            _ => {
                let wanted = format!("a whole number from {} to {}", bounds.start(), bounds.end());
                self.wrong(key, &wanted, &value, stand_in)
            }
        }
    }

    /// Reads text that must be there and not be empty.
    pub fn text(&mut self, key: &'static str) -> String {
        let there = self.keys.iter().any(|(own, _)| own == key);
        let text = self.optional_text(key);
        if !there {
            self.missing(key);
        }
        text.unwrap_or_default()
    }

    /// Reads text that need not be there, but must not be empty if it is.
    pub fn optional_text(&mut self, key: &'static str) -> Option<String> {
        match self.take(key)?.into_text() {
            Ok(text) => Some(text),
            Err(other) => self.wrong(key, TEXT, &other, None),
        }
    }

    /// Reads one of the words, and gives what stands for it.
    pub fn choice<T: Copy>(&mut self, key: &'static str, words: &[(&str, T)], default: T) -> T {
        self.optional_choice(key, words).unwrap_or(default)
    }

    /// Reads one of the words, which need not be there.
    pub fn optional_choice<T: Copy>(
        &mut self,
        key: &'static str,
        words: &[(&str, T)],
    ) -> Option<T> {
        let value = self.take(key)?;
        let chosen = words.iter().find(|(word, _)| value.is(word));
        if chosen.is_none() {
            let wanted = joined(words.iter().map(|(word, _)| *word), "` or `");
            self.problems.push(expected(&self.path_of(key), &format!("`{wanted}`"), &value));
        }
        chosen.map(|(_, stands_for)| *stands_for)
    }

    /// Reads a list of at most `max` texts, none of them empty; empty when it is not there.
    pub fn texts(&mut self, key: &'static str, max: usize) -> Vec<String> {
        let mut texts = Vec::new();
        for (index, value) in self.elements(key, max).into_iter().enumerate() {
            match value.into_text() {
                Ok(text) => texts.push(text),
                Err(other) => {
                    let path = self.path_of(&format!("{key}[{index}]"));
                    self.problems.push(expected(&path, TEXT, &other));
                }
            }
        }
        texts
    }

    /// Reads a list of at most `max` tables; empty when it is not there.
    pub fn sections<T>(
        &mut self,
        key: &'static str,
        max: usize,
        mut read_one: impl FnMut(&mut Section<'_>) -> T,
    ) -> Vec<T> {
        let mut all = Vec::new();
        for (index, value) in self.elements(key, max).into_iter().enumerate() {
            let path = self.path_of(&format!("{key}[{index}]"));
            all.extend(self.inner(path, value, &mut read_one));
        }
        all
    }

    /// Reads a table of at most `max` named tables; empty when it is not there.
    pub fn named_sections<T>(
        &mut self,
        key: &'static str,
        max: usize,
        mut read_one: impl FnMut(&mut Section<'_>) -> T,
    ) -> Vec<(String, T)> {
        let mut all = Vec::new();
        let tables = match self.take(key) {
            None => return all,
            Some(Value::Table(tables)) => tables,
            Some(other) => return self.wrong(key, "a table of tables", &other, all),
        };
        if tables.len() > max {
            self.problem(key, format!("expected at most {max} entries, found {}", tables.len()));
        }
        for (name, value) in tables {
            let path = self.path_of(&format!("{key}.{name}"));
            all.extend(self.inner(path, value, &mut read_one).map(|inner| (name, inner)));
        }
        all
    }

    fn inner<T>(
        &mut self,
        path: String,
        value: Value,
        read_one: impl FnOnce(&mut Section<'_>) -> T,
    ) -> Option<T> {
        if let Value::Table(keys) = value {
            return Some(read(keys, path, self.problems, read_one));
        }
        self.problems.push(expected(&path, "a table", &value));
        None
    }

    fn elements(&mut self, key: &'static str, max: usize) -> Vec<Value> {
        let elements = match self.take(key) {
            None => Vec::new(),
            Some(Value::List(elements)) => elements,
            Some(other) => self.wrong(key, "a list", &other, Vec::new()),
        };
        if elements.len() > max {
            self.problem(key, format!("expected at most {max} elements, found {}", elements.len()));
        }
        elements
    }

    fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        let index = self.keys.iter().position(|(own, _)| own == key)?;
        Some(self.keys.remove(index).1)
    }

    fn missing(&mut self, key: &str) {
        self.problem(key, "is missing");
    }

    fn wrong<T>(&mut self, key: &str, wanted: &str, found: &Value, stand_in: T) -> T {
        let path = self.path_of(key);
        self.problems.push(expected(&path, wanted, found));
        stand_in
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

fn read<T>(
    keys: Vec<(String, Value)>,
    path: String,
    problems: &mut Vec<SettingProblem>,
    read_one: impl FnOnce(&mut Section<'_>) -> T,
) -> T {
    let mut section = Section { path, keys, known: Vec::new(), problems };
    let value = read_one(&mut section);
    let known = joined(section.known.iter().copied(), ", ");
    let unknown = std::mem::take(&mut section.keys);
    for (key, _) in unknown {
        section.problem(&key, format!("unknown key; the keys here are: {known}"));
    }
    value
}

/// Puts texts together with a separator. Smaller in a guest than the standard library's way.
pub fn joined<'a>(texts: impl Iterator<Item = &'a str>, separator: &str) -> String {
    let mut all = String::new();
    for text in texts {
        if !all.is_empty() {
            all.push_str(separator);
        }
        all.push_str(text);
    }
    all
}

/// Describes a value that is not what was wanted, without repeating long ones.
fn expected(path: &str, wanted: &str, found: &Value) -> SettingProblem {
    let found = match found {
        Value::Null => "nothing".to_owned(),
        Value::Flag(flag) => format!("{flag}"),
        Value::Whole(number) => format!("{number}"),
        Value::Fraction => "another number".to_owned(),
        Value::Text(text) if text.len() <= 64 => format!("`{text}`"),
        Value::Text(_) => "a long text".to_owned(),
        Value::List(_) => "a list".to_owned(),
        Value::Table(_) => "a table".to_owned(),
    };
    SettingProblem::new(path, format!("expected {wanted}, found {found}"))
}

#[cfg(test)]
mod tests;
