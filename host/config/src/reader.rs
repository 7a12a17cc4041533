//! Reads the values of one item, which is bound to its file, lines and keys.
//!
//! `conform.rs` has reported every value of a wrong type or out of bounds; here such a value reads
//! like an absent one, so that nothing is reported twice.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_spanned::Spanned;

use crate::items::{ConfigItem, Items, ProblemSink};
use crate::keys::{ConfigKey, Section, ValueType, Words};
use crate::location::{Located, Location};
use crate::value::{TomlField, TomlTable, TomlValue};

/// The names of one section's items and the index that each has in the checked list.
#[derive(Debug)]
pub(crate) struct NameIndex<'a> {
    section: &'static str,
    names: BTreeMap<&'a str, usize>,
    /// True where every name is known: else a reference that leads nowhere is no mistake yet.
    complete: bool,
}

impl<'a> NameIndex<'a> {
    pub(crate) fn of(items: &'a Items, section: &Section) -> Self {
        let names = items.section(section).keys();
        Self {
            section: section.name,
            names: names.enumerate().map(|(index, name)| (name.as_str(), index)).collect(),
            complete: items.complete,
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<usize> {
        self.names.get(name).copied()
    }
}

/// Reads the keys of an item, or of a table within it, and reports problems at their places.
#[derive(Debug)]
pub(crate) struct ItemReader<'a> {
    /// `None` for a section that is not written.
    item: Option<&'a ConfigItem>,
    sink: &'a ProblemSink,
    table: Option<&'a TomlTable>,
    /// The path of the table within the item, with a point at its end.
    prefix: String,
}

impl<'a> ItemReader<'a> {
    pub(crate) fn new(item: &'a ConfigItem, sink: &'a ProblemSink) -> Self {
        Self { item: Some(item), sink, table: Some(&item.table), prefix: String::new() }
    }

    /// Reads the defaults of a section that is not written.
    pub(crate) fn absent(sink: &'a ProblemSink) -> Self {
        Self { item: None, sink, table: None, prefix: String::new() }
    }

    /// The name of the item.
    pub(crate) fn name(&self) -> String {
        self.item.map(|item| item.name.clone()).unwrap_or_default()
    }

    /// The table under `key`; an empty one where the key is absent.
    pub(crate) fn table(&self, key: &ConfigKey) -> Self {
        let table = match self.value(key) {
            Some(TomlValue::Table(table)) => Some(table),
            _ => None,
        };
        let prefix = format!("{}{}.", self.prefix, key.name);
        Self { item: self.item, sink: self.sink, table, prefix }
    }

    /// True where the table is written at all.
    pub(crate) fn is_present(&self) -> bool {
        self.table.is_some()
    }

    /// Reports a problem of the item as a whole.
    pub(crate) fn problem(&self, message: &str) {
        self.report(&self.item_location(), message);
    }

    /// Reports a problem at a place.
    pub(crate) fn report(&self, location: &Location, message: &str) {
        self.sink.push(location.problem(message));
    }

    /// The place of the item as a whole.
    pub(crate) fn item_location(&self) -> Location {
        self.item.map(ConfigItem::location).unwrap_or_default()
    }

    /// Reports a problem of a key, at its value or, where it is absent, at the item.
    pub(crate) fn problem_at(&self, key: &ConfigKey, message: &str) {
        self.report(&self.location(key), message);
    }

    /// The place of a key's value; of the item where the key is absent.
    pub(crate) fn location(&self, key: &ConfigKey) -> Location {
        match (self.item, self.field(key)) {
            (Some(item), Some(field)) => item.file.location(&field.value.span(), self.path_of(key)),
            _ => Location { key: self.path_of(key), ..self.item_location() },
        }
    }

    /// True where a value is written under the key.
    pub(crate) fn is_written(&self, key: &ConfigKey) -> bool {
        self.field(key).is_some()
    }

    /// True where a value is written under the key that is no empty list.
    pub(crate) fn has_values(&self, key: &ConfigKey) -> bool {
        self.value(key)
            .is_some_and(|value| !matches!(value, TomlValue::List(values) if values.is_empty()))
    }

    /// The line of an offset in the item's file.
    pub(crate) fn line(&self, offset: usize) -> usize {
        self.item.map_or(0, |item| item.file.line(offset))
    }

    /// A whole number within its bounds, or its default.
    pub(crate) fn integer(&self, key: &ConfigKey) -> u64 {
        let ValueType::Integer(range) = key.value else { return 0 };
        self.optional_integer(key).or(range.default).unwrap_or(range.min)
    }

    /// A whole number within its bounds, where one is written.
    pub(crate) fn optional_integer(&self, key: &ConfigKey) -> Option<u64> {
        match (&key.value, self.value(key)?) {
            (ValueType::Integer(range), TomlValue::Integer(value)) if range.contains(*value) => {
                u64::try_from(*value).ok()
            }
            _ => None,
        }
    }

    /// [`integer`](Self::integer), as a size in memory.
    pub(crate) fn size(&self, key: &ConfigKey) -> usize {
        usize::try_from(self.integer(key)).unwrap_or(usize::MAX)
    }

    /// [`integer`](Self::integer), as a count of 32 bits.
    pub(crate) fn count(&self, key: &ConfigKey) -> u32 {
        u32::try_from(self.integer(key)).unwrap_or(u32::MAX)
    }

    /// A whole number of milliseconds.
    pub(crate) fn milliseconds(&self, key: &ConfigKey) -> Duration {
        Duration::from_millis(self.integer(key))
    }

    /// A share in percent, or its default.
    pub(crate) fn percent(&self, key: &ConfigKey) -> Option<f64> {
        let ValueType::Percent { min, max, default } = key.value else { return None };
        let written = self.value(key).and_then(TomlValue::number);
        written.filter(|share| (min..=max).contains(share)).or(default)
    }

    pub(crate) fn boolean(&self, key: &ConfigKey) -> bool {
        match (self.value(key), &key.value) {
            (Some(TomlValue::Boolean(value)), _) => *value,
            (_, ValueType::Boolean { default }) => *default,
            _ => false,
        }
    }

    pub(crate) fn text(&self, key: &ConfigKey) -> Option<Located<String>> {
        let field = self.field(key)?;
        let TomlValue::Text(text) = field.value() else { return None };
        Some(self.located(text.clone(), &field.value, key))
    }

    pub(crate) fn texts(&self, key: &ConfigKey) -> Vec<Located<String>> {
        self.written(key).map(|(text, value)| self.located(text.to_owned(), value, key)).collect()
    }

    /// A path, relative to the folder of the item's file.
    pub(crate) fn path(&self, key: &ConfigKey) -> Option<Located<PathBuf>> {
        self.text(key).map(|path| path.map(|path| self.resolve(&path)))
    }

    pub(crate) fn paths(&self, key: &ConfigKey) -> Vec<Located<PathBuf>> {
        self.texts(key).into_iter().map(|path| path.map(|path| self.resolve(&path))).collect()
    }

    pub(crate) fn resolve(&self, path: &str) -> PathBuf {
        match self.item {
            Some(item) => item.file.resolve(Path::new(path)),
            None => PathBuf::from(path),
        }
    }

    /// One of a few words, or the default.
    pub(crate) fn word<T: Words>(&self, key: &ConfigKey) -> Option<T> {
        let word = match (self.value(key), &key.value) {
            (Some(TomlValue::Text(word)), _) => word.as_str(),
            (None, ValueType::Word { default: Some(default), .. }) => default,
            _ => return None,
        };
        T::words().into_iter().find(|(name, _)| *name == word).map(|(_, value)| value)
    }

    /// Each of a few words of a list.
    pub(crate) fn words<T: Words>(&self, key: &ConfigKey) -> Vec<T> {
        let words = T::words();
        let find = |word: &str| words.iter().find(|(name, _)| *name == word).map(|one| one.1);
        self.written(key).filter_map(|(word, _)| find(word)).collect()
    }

    /// Parses a text; `Err` is the problem in words, `None` that it is not of the key's form.
    pub(crate) fn parse<T>(
        &self,
        key: &ConfigKey,
        parse: impl FnMut(&str) -> Result<T, Option<String>>,
    ) -> Option<Located<T>> {
        self.parse_all(key, parse).pop()
    }

    /// [`parse`](Self::parse), for one text or each of a list; those that fail are left out.
    pub(crate) fn parse_all<T>(
        &self,
        key: &ConfigKey,
        mut parse: impl FnMut(&str) -> Result<T, Option<String>>,
    ) -> Vec<Located<T>> {
        let mut parsed = Vec::new();
        for (text, value) in self.written(key) {
            match parse(text) {
                Ok(one) => parsed.push(self.located(one, value, key)),
                Err(message) => {
                    let form = || format!("expected {}, found {text:?}", key.value.form());
                    let message = message.unwrap_or_else(form);
                    self.report(&self.place(value, self.path_of(key)), &message);
                }
            }
        }
        parsed
    }

    /// The index of the item that a key names.
    pub(crate) fn reference(&self, key: &ConfigKey, index: &NameIndex<'_>) -> Option<usize> {
        let name = self.text(key)?;
        let found = self.lookup(&name, index);
        found.map_err(|message| self.sink.push(name.problem(&message))).ok().flatten()
    }

    /// The index of each item that a list names; `None` where one is unknown.
    pub(crate) fn references(
        &self,
        key: &ConfigKey,
        index: &NameIndex<'_>,
    ) -> Option<Vec<Located<usize>>> {
        let resolve = |name: Located<String>| {
            let found = self.lookup(&name, index);
            let found = found.map_err(|message| self.sink.push(name.problem(&message))).ok()??;
            Some(name.map(|_| found))
        };
        // Every name is looked up before the first unknown one decides.
        let found: Vec<Option<_>> = self.texts(key).into_iter().map(resolve).collect();
        found.into_iter().collect()
    }

    /// The index of the item of this name: `Ok(None)` where names may be missing from the index.
    pub(crate) fn lookup(
        &self,
        name: &str,
        index: &NameIndex<'_>,
    ) -> Result<Option<usize>, String> {
        let found = index.get(name);
        if found.is_some() || !index.complete {
            return Ok(found);
        }
        let known = index.names.keys().take(12).copied().collect::<Vec<_>>().join(", ");
        let known = if known.is_empty() { "none is declared".to_owned() } else { known };
        let section = index.section;
        Err(format!("expected the name of one of [{section}.*] ({known}), found {name:?}"))
    }

    /// The fields of the table under a key.
    pub(crate) fn fields(&self, key: &ConfigKey) -> impl Iterator<Item = (&'a str, &'a TomlField)> {
        let table = match self.value(key) {
            Some(TomlValue::Table(table)) => Some(table),
            _ => None,
        };
        table.into_iter().flat_map(TomlTable::iter)
    }

    /// The place of a value somewhere below a key.
    pub(crate) fn location_below(
        &self,
        key: &ConfigKey,
        path: &str,
        value: &Spanned<TomlValue>,
    ) -> Location {
        self.place(value, format!("{}.{path}", self.path_of(key)))
    }

    fn field(&self, key: &ConfigKey) -> Option<&'a TomlField> {
        self.table?.get(key.name)
    }

    fn value(&self, key: &ConfigKey) -> Option<&'a TomlValue> {
        Some(self.field(key)?.value())
    }

    fn path_of(&self, key: &ConfigKey) -> String {
        let path = self.item.map_or("", |item| &item.path);
        format!("{path}.{}{}", self.prefix, key.name)
    }

    fn place(&self, value: &Spanned<TomlValue>, key: String) -> Location {
        match self.item {
            Some(item) => item.file.location(&value.span(), key),
            None => Location { key, ..Location::default() },
        }
    }

    fn located<T>(&self, value: T, at: &Spanned<TomlValue>, key: &ConfigKey) -> Located<T> {
        Located::new(value, self.place(at, self.path_of(key)))
    }

    /// The text under a key, or each text of the list under it.
    fn written(
        &self,
        key: &ConfigKey,
    ) -> impl Iterator<Item = (&'a str, &'a Spanned<TomlValue>)> + use<'a> {
        let values: &[Spanned<TomlValue>] = match self.field(key).map(|field| &field.value) {
            None => &[],
            Some(value) => value.get_ref().list().unwrap_or(std::slice::from_ref(value)),
        };
        values.iter().filter_map(|value| Some((value.get_ref().text()?, value)))
    }
}

impl ValueType {
    /// The form of a text, or of each text of a list, in words.
    fn form(&self) -> &'static str {
        if let Self::List { of, .. } | Self::OneOrMany(of) = self {
            return of.form();
        }
        if let Self::Text(form) = self { form.expected } else { "another value" }
    }
}
