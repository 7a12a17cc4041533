//! The reference of the configuration in Markdown, printed from the table of keys.

use std::fmt::Write;

use crate::conform::unit;
use crate::keys::{ConfigKey, EXTENDS, SECTIONS, Section, SectionItems, ValueType};

/// Longest line, in characters.
const COLUMNS: usize = 120;

/// The first lines of the reference.
const PREFACE: &str = "\
# Reference of the configuration

Every table and key of a policies folder's TOML files, with types, bounds and defaults. Written by
`cargo xtask references` from the table of keys in `host/config/src/keys.rs`; not edited by hand.
`gateway.schema.json` beside it says the same to editors (`#:schema` in a file's first line).

Names of items are 1 to 64 of `a-z 0-9 - _ .`; paths are relative to the folder of the file that they are written in.
Unknown keys are refused. An absent key has its default; absence never means \"without limit\".
";

/// Makes the reference of the configuration, in Markdown.
#[must_use]
pub fn reference() -> String {
    let mut text = PREFACE.to_owned();
    text.push_str("\n## At the root of a file\n\n");
    push_keys(&mut text, &[EXTENDS], 0);
    for section in SECTIONS {
        push_section(&mut text, section);
    }
    text
}

fn push_section(text: &mut String, section: &Section) {
    let name = section.name;
    match section.items {
        SectionItems::One(keys) => {
            let _ = write!(text, "\n## `[{name}]`\n\n");
            push_wrapped(text, section.words, 0);
            text.push('\n');
            push_keys(text, keys, 0);
        }

        SectionItems::Named(item, keys) => {
            let _ = write!(text, "\n## `[{name}.<{item}>]`\n\n");
            push_wrapped(text, section.words, 0);
            text.push('\n');
            push_keys(text, keys, 0);
        }

        SectionItems::Fixed(items) => {
            let _ = write!(text, "\n## `[{name}.*]`\n\n");
            push_wrapped(text, section.words, 0);
            for (item, keys) in items {
                let _ = write!(text, "\n### `[{name}.{item}]`\n\n");
                push_keys(text, keys, 0);
            }
        }
    }
}

/// One list entry for each key; the keys of a table are a list within.
fn push_keys(text: &mut String, keys: &[ConfigKey], indent: usize) {
    for key in keys {
        let kind = kind(&key.value, key.name);
        let need = if key.required { ", **required**" } else { "" };
        let default = default(&key.value).map(|one| format!(", default {one}")).unwrap_or_default();
        let line = format!("- `{}`: {kind}{need}{default}. {}.", key.name, key.words);
        push_wrapped(text, &line, indent);
        if let ValueType::Table(keys) = key.value {
            push_keys(text, keys, indent + 2);
        }
    }
}

/// Names the type of a value, with its bounds.
fn kind(value: &ValueType, key: &str) -> String {
    match value {
        ValueType::Text(form) => form.expected.to_owned(),
        ValueType::Path => "a path".to_owned(),
        ValueType::Boolean { .. } => "`true` or `false`".to_owned(),
        ValueType::Integer(range) => {
            let unit = unit(key).map(|unit| format!(" {unit}")).unwrap_or_default();
            format!("{} to {}{unit}", thousands(range.min), thousands(range.max))
        }
        ValueType::Percent { min, max, .. } => format!("{min} to {max} percent"),

        ValueType::Word { names, .. } => match names().as_slice() {
            [one] => format!("`{one}`"),
            names => format!("one of `{}`", names.join("`, `")),
        },

        ValueType::List { of, min: 0, max } => {
            format!("a list of at most {}, each {}", thousands_of(*max), kind(of, key))
        }
        ValueType::List { of, min, max } => {
            format!("a list of {min} to {}, each {}", thousands_of(*max), kind(of, key))
        }
        ValueType::OneOrMany(of) => format!("{}, or a list of several", kind(of, key)),
        ValueType::Table(_) => "a table".to_owned(),
        ValueType::Map(of) => format!("a table by names, each {}", kind(of, key)),
        ValueType::Attribute => "`\"text\"`, a list of values, or a table".to_owned(),
        ValueType::Settings => "a table".to_owned(),
    }
}

fn default(value: &ValueType) -> Option<String> {
    match value {
        ValueType::Boolean { default } => Some(format!("`{default}`")),
        ValueType::Integer(range) => range.default.map(thousands),
        ValueType::Percent { default, .. } => default.map(|one| one.to_string()),
        ValueType::Word { default, .. } => default.map(|one| format!("`{one}`")),
        ValueType::Text(_)
        | ValueType::Path
        | ValueType::List { .. }
        | ValueType::OneOrMany(_)
        | ValueType::Table(_)
        | ValueType::Map(_)
        | ValueType::Attribute
        | ValueType::Settings => None,
    }
}

fn thousands_of(number: usize) -> String {
    u64::try_from(number).map_or_else(|_| number.to_string(), thousands)
}

/// A number with a comma between groups of three digits.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Writes a paragraph or a list entry, wrapped; lines after the first are indented like its text.
fn push_wrapped(text: &mut String, paragraph: &str, indent: usize) {
    let hanging = if paragraph.starts_with("- ") { indent + 2 } else { indent };
    let mut line = " ".repeat(indent);
    let mut is_empty = true;
    for word in paragraph.split_whitespace() {
        let width = line.chars().count() + 1 + word.chars().count();
        if !is_empty && width > COLUMNS {
            text.push_str(&line);
            text.push('\n');
            line = " ".repeat(hanging);
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    text.push_str(&line);
    text.push('\n');
}
