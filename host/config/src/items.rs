//! Items: the tables of a folder's files and of the folders that it extends, before any meaning.
//!
//! An item of a nearer folder replaces the whole item of the same name. Keys are checked in
//! `conform.rs`, values in `check.rs`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_spanned::Spanned;
use toml::de::{DeTable, Error as TomlError};

use crate::error::{ConfigProblem, Problems};
use crate::keys::{self, ConfigKey, Section, SectionItems};
use crate::location::{self, Location, SourceFile};
use crate::value::{TomlField, TomlTable, TomlValue};

/// Most folders in a chain of `extends`.
const LAYERS_MAX: usize = 8;

/// Collects problems from all who read the configuration.
#[derive(Debug, Default)]
pub(crate) struct ProblemSink(RefCell<Problems>);

impl ProblemSink {
    pub(crate) fn push(&self, problem: ConfigProblem) {
        self.0.borrow_mut().push(problem);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    pub(crate) fn into_problems(self) -> Problems {
        self.0.into_inner().sorted()
    }
}

/// One table of the configuration: a section of which there is one, or a named item of a section.
#[derive(Debug)]
pub(crate) struct ConfigItem {
    /// The name within the section; empty for a section of which there is one.
    pub(crate) name: String,
    /// `section.name`, or `section`.
    pub(crate) path: String,
    pub(crate) keys: &'static [ConfigKey],
    pub(crate) table: TomlTable,
    pub(crate) file: Arc<SourceFile>,
    /// The span of the item's own key.
    pub(crate) span: Range<usize>,
}

impl ConfigItem {
    /// The place of the item as a whole.
    pub(crate) fn location(&self) -> Location {
        self.file.location(&self.span, self.path.clone())
    }
}

/// The items of one section, by name.
pub(crate) type NamedItems = BTreeMap<String, ConfigItem>;

/// Everything that is written in a folder and those that it extends; the nearest of a name wins.
#[derive(Debug)]
pub(crate) struct Items {
    sections: BTreeMap<&'static str, NamedItems>,
    /// Every folder that was read, the nearest last.
    pub(crate) folders: Vec<PathBuf>,
    /// False where a file or an item could not be read: names that are missing may be in there.
    pub(crate) complete: bool,
}

impl Items {
    /// Reads `folder` and what it extends.
    pub(crate) fn read(folder: &Path, sink: &ProblemSink) -> Self {
        Self::read_layer(folder, 0, sink)
    }

    /// The items of a section.
    pub(crate) fn section(&self, section: &Section) -> &NamedItems {
        static NONE: NamedItems = NamedItems::new();
        self.sections.get(section.name).unwrap_or(&NONE)
    }

    /// The item of this name; of a section of which there is one, the name is empty.
    pub(crate) fn get(&self, section: &Section, name: &str) -> Option<&ConfigItem> {
        self.section(section).get(name)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &ConfigItem> {
        self.sections.values().flat_map(BTreeMap::values)
    }

    fn empty() -> Self {
        Self { sections: BTreeMap::new(), folders: Vec::new(), complete: true }
    }

    fn read_layer(folder: &Path, depth: usize, sink: &ProblemSink) -> Self {
        let mut nearest = Self::empty();
        let mut unreadable = |message: String| {
            nearest.complete = false;
            sink.push(whole(folder, message));
        };

        if depth >= LAYERS_MAX {
            unreadable(format!("extends more than {LAYERS_MAX} folders deep"));
            return nearest;
        }
        let files = match location::files(folder) {
            Ok(files) if files.is_empty() => {
                unreadable("expected a folder with .toml files, found none".to_owned());
                return nearest;
            }
            Ok(files) => files,
            Err(error) => {
                unreadable(format!("expected a folder that can be read: {error}"));
                return nearest;
            }
        };

        let mut parents = Vec::new();
        for path in files {
            nearest.read_file(&path, &mut parents, sink);
        }

        let mut all = Self::empty();
        for parent in parents {
            all.overlay(Self::read_layer(&parent, depth + 1, sink));
        }
        all.overlay(nearest);
        all.folders.push(folder.to_owned());
        all
    }

    fn read_file(&mut self, path: &Path, parents: &mut Vec<PathBuf>, sink: &ProblemSink) {
        let file = match SourceFile::read(path) {
            Ok(file) => Arc::new(file),
            Err(error) => {
                self.complete = false;
                sink.push(whole(path, format!("expected a file that can be read: {error}")));
                return;
            }
        };

        let (table, errors) = DeTable::parse_recoverable(&file.text);
        for error in &errors {
            self.complete = false;
            sink.push(syntax_problem(&file, error));
        }

        if errors.is_empty() {
            for (name, field) in TomlTable::from(table.into_inner()) {
                FileReader { items: self, file: &file, sink }.section(&name, field, parents);
            }
        }
    }

    /// Lays a nearer layer over this one: whole items replace whole items.
    fn overlay(&mut self, nearer: Self) {
        for (section, items) in nearer.sections {
            self.sections.entry(section).or_default().extend(items);
        }
        self.folders.extend(nearer.folders);
        self.complete &= nearer.complete;
    }
}

/// A problem of a file or folder as a whole.
fn whole(path: &Path, message: String) -> ConfigProblem {
    ConfigProblem { file: path.to_owned(), line: 0, key: String::new(), message }
}

/// A problem of syntax, with the text in question where that is short.
fn syntax_problem(file: &SourceFile, error: &TomlError) -> ConfigProblem {
    let span = error.span().unwrap_or_default();
    let text = file.text.get(span).filter(|text| (1..=64).contains(&text.trim().len()));
    let message = match text {
        Some(key) if error.message() == "duplicate key" => {
            format!("duplicate key `{}`", key.trim())
        }
        _ => error.message().to_owned(),
    };
    let line = error.span().map_or(0, |span| file.line(span.start));
    ConfigProblem {
        file: file.path.to_path_buf(),
        line,
        key: String::new(),
        message: format!("expected TOML: {message}"),
    }
}

/// Takes the tables of one file for items.
struct FileReader<'a> {
    items: &'a mut Items,
    file: &'a Arc<SourceFile>,
    sink: &'a ProblemSink,
}

impl FileReader<'_> {
    fn section(mut self, name: &str, field: TomlField, parents: &mut Vec<PathBuf>) {
        if name == keys::EXTENDS.name {
            self.extends(&field.value, parents);
            return;
        }

        let Some(section) = keys::section(name) else {
            let mut known: Vec<_> = keys::SECTIONS.iter().map(|section| section.name).collect();
            known.push(keys::EXTENDS.name);
            known.sort_unstable();
            let message = format!("unknown table; expected one of {}", known.join(", "));
            self.problem(&field.key_span, name, &message);
            return;
        };

        if let SectionItems::One(keys) = section.items {
            self.insert(section, String::new(), keys, field);
            return;
        }
        let span = field.value.span();
        let TomlValue::Table(table) = field.value.into_inner() else {
            self.items.complete = false;
            self.problem(&span, name, &format!("expected tables [{name}.<name>]"));
            return;
        };
        for (item, field) in table {
            self.named(section, item, field);
        }
    }

    fn named(&mut self, section: &'static Section, name: String, field: TomlField) {
        let path = format!("{}.{name}", section.name);
        if !is_name(&name) {
            let message = "expected a name of 1 to 64 of [a-z0-9-_.]";
            self.problem(&field.key_span, &path, message);
            return;
        }

        match section.keys(&name) {
            Some(keys) => self.insert(section, name, keys, field),
            None => {
                let known = match section.items {
                    SectionItems::Fixed(items) => items.iter().map(|(name, _)| *name).collect(),
                    SectionItems::One(_) | SectionItems::Named(..) => Vec::new(),
                };
                let message = format!("expected one of {}", known.join(", "));
                self.problem(&field.key_span, &path, &message);
            }
        }
    }

    fn insert(
        &mut self,
        section: &'static Section,
        name: String,
        keys: &'static [ConfigKey],
        field: TomlField,
    ) {
        let separator = if name.is_empty() { "" } else { "." };
        let path = format!("{}{separator}{name}", section.name);
        let value_span = field.value.span();
        let TomlValue::Table(table) = field.value.into_inner() else {
            self.items.complete = false;
            self.problem(&value_span, &path, &format!("expected a table [{path}]"));
            return;
        };

        let items = self.items.sections.entry(section.name).or_default();
        match items.entry(name.clone()) {
            Entry::Vacant(vacant) => {
                let (file, span) = (Arc::clone(self.file), field.key_span);
                vacant.insert(ConfigItem { name, path, keys, table, file, span });
            }
            Entry::Occupied(first) => {
                let first = first.get().location();
                let message = format!(
                    "is declared twice in this folder, first at {}:{}; expected one",
                    first.file().display(),
                    first.line(),
                );
                self.problem(&field.key_span, &path, &message);
            }
        }
    }

    fn extends(&mut self, value: &Spanned<TomlValue>, parents: &mut Vec<PathBuf>) {
        let message = "expected a list of folders, as [\"../common\"]";
        let TomlValue::List(folders) = value.get_ref() else {
            self.items.complete = false;
            self.problem(&value.span(), keys::EXTENDS.name, message);
            return;
        };
        for folder in folders {
            if let TomlValue::Text(path) = folder.get_ref() {
                parents.push(self.file.resolve(Path::new(path)));
            } else {
                self.items.complete = false;
                self.problem(&folder.span(), keys::EXTENDS.name, message);
            }
        }
    }

    fn problem(&self, span: &Range<usize>, key: &str, message: &str) {
        self.sink.push(self.file.location(span, key.to_owned()).problem(message));
    }
}

fn is_name(name: &str) -> bool {
    let allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    (1..=64).contains(&name.len()) && name.bytes().all(allowed)
}
