//! The table of keys: each key of the configuration with its type, bounds, default and words.
//!
//! Reading refuses what is not in it (`conform.rs`), the checker takes bounds and defaults from it
//! (`reader.rs`), and the reference and the JSON Schema are printed from it (`reference.rs`,
//! `schema.rs`). A key is described here and nowhere else.

pub(crate) mod gateway;
pub(crate) mod policies;
pub(crate) mod routes;
pub(crate) mod stores;
mod words;

pub(crate) use words::{
    CredentialBackEnd, IdempotencyBackEnd, QuotaBackEnd, StageWord, Words, names,
};

/// One key of a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConfigKey {
    pub(crate) name: &'static str,
    pub(crate) value: ValueType,
    pub(crate) required: bool,
    /// The meaning of the key, in Markdown, without a full stop.
    pub(crate) words: &'static str,
}

/// The type of a key's value, with bounds and default where it has them.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ValueType {
    Text(TextForm),
    /// A path, relative to the folder of the file that it is written in.
    Path,
    Boolean {
        default: bool,
    },
    Integer(IntegerRange),
    /// A share in percent, with two digits after the point.
    Percent {
        min: f64,
        max: f64,
        default: Option<f64>,
    },
    /// One of a few words.
    Word {
        names: fn() -> Vec<&'static str>,
        default: Option<&'static str>,
    },
    List {
        of: &'static Self,
        min: usize,
        max: usize,
    },
    /// One value, or a list of several.
    OneOrMany(&'static Self),
    Table(&'static [ConfigKey]),
    /// Values of one type by names that the operator chooses.
    Map(&'static Self),
    /// The attributes that a policy reads: `"text"`, a list of values, or a table of both.
    Attribute,
    /// Anything: the plugin decides.
    Settings,
}

/// A form of text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TextForm {
    /// The form in words, as it follows "expected".
    pub(crate) expected: &'static str,
    /// A regular expression that every text of this form matches, for editors.
    pub(crate) pattern: Option<&'static str>,
}

/// Bounds and default of a whole number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IntegerRange {
    pub(crate) min: u64,
    pub(crate) max: u64,
    /// The value of an absent key; `None` where absence has a meaning of its own.
    pub(crate) default: Option<u64>,
}

/// A table at the root of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Section {
    pub(crate) name: &'static str,
    pub(crate) items: SectionItems,
    /// The meaning of the table, in Markdown.
    pub(crate) words: &'static str,
}

/// The items of a section.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SectionItems {
    /// The table is one item.
    One(&'static [ConfigKey]),
    /// Each table in it is an item, by a name that the operator chooses; the word in brackets
    /// stands for the name in the reference.
    Named(&'static str, &'static [ConfigKey]),
    /// Each table in it is an item, by one of these names.
    Fixed(&'static [(&'static str, &'static [ConfigKey])]),
}

/// Every table that may stand at the root of a file, by name; beside them stands [`EXTENDS`].
pub(crate) const SECTIONS: &[Section] = &[
    gateway::ACCESS_LOG,
    gateway::ADMIN,
    policies::CHAINS,
    gateway::DEPLOYMENT,
    gateway::DESCRIPTORS,
    gateway::DRAIN,
    gateway::ENGINE,
    gateway::ERRORS,
    gateway::HIDDEN_HEADERS,
    gateway::LISTENERS,
    policies::PLUGINS,
    policies::POLICIES,
    gateway::PRINCIPAL,
    gateway::RECEIPTS,
    policies::ROLLOUTS,
    routes::ROUTES,
    stores::STORES,
    gateway::TREES,
    routes::UPSTREAMS,
];

/// The one key at the root of a file that is no table.
pub(crate) const EXTENDS: ConfigKey = ConfigKey::optional(
    "extends",
    list(&ValueType::Path, 0, 16),
    "Folders whose items hold here too; an item of this folder replaces the whole item of the \
     same name. At most 8 folders deep",
);

/// The section of this name.
pub(crate) fn section(name: &str) -> Option<&'static Section> {
    SECTIONS.iter().find(|section| section.name == name)
}

impl Section {
    /// The keys of the item of this name; of the section itself where it is one item.
    pub(crate) fn keys(&self, item: &str) -> Option<&'static [ConfigKey]> {
        match self.items {
            SectionItems::One(keys) | SectionItems::Named(_, keys) => Some(keys),
            SectionItems::Fixed(items) => {
                items.iter().find(|(name, _)| *name == item).map(|(_, keys)| *keys)
            }
        }
    }
}

impl ConfigKey {
    pub(crate) const fn required(
        name: &'static str,
        value: ValueType,
        words: &'static str,
    ) -> Self {
        Self { name, value, required: true, words }
    }

    pub(crate) const fn optional(
        name: &'static str,
        value: ValueType,
        words: &'static str,
    ) -> Self {
        Self { name, value, required: false, words }
    }
}

impl IntegerRange {
    pub(crate) fn contains(&self, value: i128) -> bool {
        (i128::from(self.min)..=i128::from(self.max)).contains(&value)
    }
}

/// A whole number with a default.
const fn integer(min: u64, max: u64, default: u64) -> ValueType {
    ValueType::Integer(IntegerRange { min, max, default: Some(default) })
}

/// Text of a form that code checks.
const fn text(expected: &'static str) -> ValueType {
    ValueType::Text(TextForm { expected, pattern: None })
}

/// Text of a form that a regular expression describes to editors too.
const fn text_like(expected: &'static str, pattern: &'static str) -> ValueType {
    ValueType::Text(TextForm { expected, pattern: Some(pattern) })
}

/// The name of an item of another section.
const NAME_OF_ITEM: ValueType = text_like("a name", NAME_PATTERN);

/// The names that items may have.
pub(crate) const NAME_PATTERN: &str = "^[a-z0-9_.-]{1,64}$";

const fn list(of: &'static ValueType, min: usize, max: usize) -> ValueType {
    ValueType::List { of, min, max }
}

/// Declares keys as constants, and the list of them all as `KEYS`.
macro_rules! keys {
    ($($name:ident = $key:expr;)*) => {
        $(pub(crate) const $name: $crate::keys::ConfigKey = $key;)*
        pub(crate) const KEYS: &[$crate::keys::ConfigKey] = &[$($name),*];
    };
}
use keys;
