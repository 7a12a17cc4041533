//! Holds an item against the table of keys: unknown and missing keys, types, bounds and words.
//!
//! Texts of a form that only code can judge (a template, an address) are left to the checker.

use std::ops::Range;

use serde_spanned::Spanned;

use crate::items::{ConfigItem, ProblemSink};
use crate::keys::{ConfigKey, IntegerRange, ValueType};
use crate::value::{TomlTable, TomlValue};

/// Reports every key and value of the item that the table of keys does not allow.
pub(crate) fn conform(item: &ConfigItem, sink: &ProblemSink) {
    Conformance { item, sink }.table(&item.table, item.keys, &item.span, &item.path);
}

struct Conformance<'a> {
    item: &'a ConfigItem,
    sink: &'a ProblemSink,
}

impl Conformance<'_> {
    fn problem(&self, span: &Range<usize>, path: &str, message: &str) {
        self.sink.push(self.item.file.location(span, path.to_owned()).problem(message));
    }

    fn table(
        &self,
        table: &TomlTable,
        keys: &'static [ConfigKey],
        span: &Range<usize>,
        path: &str,
    ) {
        for (name, field) in table.iter() {
            match keys.iter().find(|key| key.name == name) {
                Some(key) => self.value(&key.value, &field.value, &format!("{path}.{name}"), key),
                None => {
                    let message = format!("unknown field `{name}`, expected {}", one_of(keys));
                    self.problem(&field.key_span, path, &message);
                }
            }
        }

        for key in keys.iter().filter(|key| key.required && table.get(key.name).is_none()) {
            self.problem(span, path, &format!("missing field `{}`", key.name));
        }
    }

    fn value(
        &self,
        expected: &'static ValueType,
        value: &Spanned<TomlValue>,
        path: &str,
        key: &ConfigKey,
    ) {
        let span = value.span();
        let mistyped = |expected: &str| {
            let message = format!("expected {expected}, found {}", value.get_ref().describe());
            self.problem(&span, path, &message);
        };

        match (expected, value.get_ref()) {
            (ValueType::Integer(range), found) => {
                if let Err(message) = whole_number(range, found, key.name) {
                    self.problem(&span, path, &message);
                }
            }
            (ValueType::Percent { min, max, .. }, found) => match found.number() {
                Some(share) if (*min..=*max).contains(&share) => {}
                Some(share) => {
                    let message = format!("expected {min} to {max}, found {share}");
                    self.problem(&span, path, &message);
                }
                None => mistyped(&format!("a number from {min} to {max}")),
            },
            (ValueType::Word { names, .. }, TomlValue::Text(word)) => {
                let names = names();
                if !names.contains(&word.as_str()) {
                    let message = format!("expected one of {}, found {word:?}", names.join(", "));
                    self.problem(&span, path, &message);
                }
            }
            (ValueType::List { of, min, max }, TomlValue::List(values)) => {
                self.list(of, values, (*min, *max), (&span, path), key);
            }
            (ValueType::OneOrMany(of), TomlValue::List(values)) => {
                self.list(of, values, (0, 1_024), (&span, path), key);
            }
            (ValueType::OneOrMany(of), _) => self.value(of, value, path, key),
            (ValueType::Table(keys), TomlValue::Table(table)) => {
                self.table(table, keys, &span, path);
            }
            (ValueType::Map(of), TomlValue::Table(table)) => {
                for (name, field) in table.iter() {
                    self.value(of, &field.value, &format!("{path}.{name}"), key);
                }
            }
            (ValueType::Settings, TomlValue::Table(_)) => self.settings(value, path),
            (ValueType::Text(_) | ValueType::Path, TomlValue::Text(_))
            | (ValueType::Boolean { .. }, TomlValue::Boolean(_))
            | (ValueType::Attribute, _) => {}
            (expected, _) => mistyped(&expected.describe()),
        }
    }

    fn list(
        &self,
        of: &'static ValueType,
        values: &[Spanned<TomlValue>],
        (min, max): (usize, usize),
        (span, path): (&Range<usize>, &str),
        key: &ConfigKey,
    ) {
        if !(min..=max).contains(&values.len()) {
            let bounds = if min == 0 { "at most".to_owned() } else { format!("{min} to") };
            let (name, count) = (key.name, values.len());
            self.problem(span, path, &format!("expected {bounds} {max} {name}, found {count}"));
        }
        for value in values {
            self.value(of, value, path, key);
        }
    }

    /// Settings become JSON, which has no infinite number and none of more than 64 bits.
    fn settings(&self, value: &Spanned<TomlValue>, path: &str) {
        let setting = value.get_ref();
        for (name, field) in setting.table().into_iter().flat_map(TomlTable::iter) {
            self.settings(&field.value, &format!("{path}.{name}"));
        }
        for (index, value) in setting.list().unwrap_or_default().iter().enumerate() {
            self.settings(value, &format!("{path}[{index}]"));
        }

        let is_plain = setting.table().is_none() && setting.list().is_none();
        if is_plain && setting.json().is_none() {
            let message = "expected a finite number of at most 64 bits";
            self.problem(&value.span(), path, message);
        }
    }
}

fn whole_number(range: &IntegerRange, found: &TomlValue, key: &str) -> Result<(), String> {
    let IntegerRange { min, max, .. } = range;
    let TomlValue::Integer(value) = found else {
        let unit = unit(key).map(|unit| format!(" of {unit}")).unwrap_or_default();
        let found = found.describe();
        return Err(format!("expected a whole number{unit} from {min} to {max}, found {found}"));
    };
    if range.contains(*value) {
        return Ok(());
    }
    Err(format!("expected {min} to {max}, found {value}"))
}

/// The unit that a key's name ends in.
pub(crate) fn unit(key: &str) -> Option<&'static str> {
    const UNITS: [(&str, &str); 5] = [
        ("_ms", "milliseconds"),
        ("_us", "microseconds"),
        ("_hours", "hours"),
        ("bytes_max", "bytes"),
        ("_bytes", "bytes"),
    ];
    UNITS.iter().find(|(suffix, _)| key.ends_with(suffix)).map(|(_, unit)| *unit)
}

/// The names of keys as they follow "expected".
fn one_of(keys: &[ConfigKey]) -> String {
    match keys {
        [one] => format!("`{}`", one.name),
        [one, other] => format!("`{}` or `{}`", one.name, other.name),
        _ => {
            let names: Vec<_> = keys.iter().map(|key| format!("`{}`", key.name)).collect();
            format!("one of {}", names.join(", "))
        }
    }
}

impl ValueType {
    /// Names the type in an error message, as it follows "expected".
    fn describe(&self) -> String {
        match self {
            Self::Text(form) => form.expected.to_owned(),
            Self::Path => "a path".to_owned(),
            Self::Boolean { .. } => "true or false".to_owned(),
            Self::Word { names, .. } => format!("one of {}", names().join(", ")),
            Self::List { of, .. } => format!("a list, each {}", of.describe()),
            Self::OneOrMany(of) => format!("{}, one or a list of several", of.describe()),
            Self::Table(keys) => format!("a table of {}", one_of(keys)),
            Self::Map(_) | Self::Settings => "a table".to_owned(),
            Self::Integer(_) | Self::Percent { .. } => "a number".to_owned(),
            Self::Attribute => "\"text\", or a list of values".to_owned(),
        }
    }
}
