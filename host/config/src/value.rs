//! Values as they are written, each with its place in the text.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::{Number, Value as Json};
use serde_spanned::Spanned;
use toml::de::{DeTable, DeValue};

/// A value of a TOML file that may hold others.
#[derive(Debug)]
pub(crate) enum TomlValue {
    Text(String),
    /// A number that any integer of TOML or JSON fits into.
    Integer(i128),
    Float(f64),
    Boolean(bool),
    /// A date or a time, as it is written.
    Date(String),
    List(Vec<Spanned<Self>>),
    Table(TomlTable),
}

/// The keys of a table with their values.
#[derive(Debug, Default)]
pub(crate) struct TomlTable(BTreeMap<String, TomlField>);

/// One key of a table with its value.
#[derive(Debug)]
pub(crate) struct TomlField {
    pub(crate) key_span: Range<usize>,
    pub(crate) value: Spanned<TomlValue>,
}

impl TomlTable {
    pub(crate) fn get(&self, key: &str) -> Option<&TomlField> {
        self.0.get(key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &TomlField)> {
        self.0.iter().map(|(key, field)| (key.as_str(), field))
    }

    /// The table as JSON; `None` where it holds a number that JSON has not.
    pub(crate) fn json(&self) -> Option<serde_json::Map<String, Json>> {
        self.iter().map(|(key, field)| Some((key.to_owned(), field.value().json()?))).collect()
    }
}

impl IntoIterator for TomlTable {
    type Item = (String, TomlField);
    type IntoIter = std::collections::btree_map::IntoIter<String, TomlField>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl TomlField {
    pub(crate) fn value(&self) -> &TomlValue {
        self.value.get_ref()
    }
}

impl TomlValue {
    /// The value as JSON; `None` for a number that JSON has not.
    pub(crate) fn json(&self) -> Option<Json> {
        Some(match self {
            Self::Text(text) | Self::Date(text) => text.as_str().into(),
            Self::Boolean(value) => (*value).into(),
            Self::Integer(value) => Json::Number(Number::from_i128(*value)?),
            Self::Float(value) => Json::Number(Number::from_f64(*value)?),
            Self::List(values) => {
                Json::Array(values.iter().map(|one| one.get_ref().json()).collect::<Option<_>>()?)
            }
            Self::Table(table) => Json::Object(table.json()?),
        })
    }

    /// The value as a number, be it written with a point or without.
    pub(crate) fn number(&self) -> Option<f64> {
        if let Self::Integer(value) = self {
            return i32::try_from(*value).ok().map(f64::from);
        }
        if let Self::Float(value) = self { Some(*value) } else { None }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub(crate) fn list(&self) -> Option<&[Spanned<Self>]> {
        if let Self::List(values) = self { Some(values) } else { None }
    }

    pub(crate) fn table(&self) -> Option<&TomlTable> {
        if let Self::Table(table) = self { Some(table) } else { None }
    }

    /// Reports each value within this one: its path from here, and the offset where it begins.
    pub(crate) fn visit(&self, path: &str, report: &mut impl FnMut(String, usize)) {
        let mut nested = |path: String, value: &Spanned<Self>| {
            report(path.clone(), value.span().start);
            value.get_ref().visit(&path, report);
        };

        match self {
            Self::List(values) => {
                for (index, value) in values.iter().enumerate() {
                    nested(format!("{path}[{index}]"), value);
                }
            }
            Self::Table(table) => {
                for (key, field) in table.iter() {
                    nested(format!("{path}.{key}"), &field.value);
                }
            }
            Self::Text(_)
            | Self::Integer(_)
            | Self::Float(_)
            | Self::Boolean(_)
            | Self::Date(_) => {}
        }
    }

    /// Names the value in an error message.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Text(text) => format!("the text {text:?}"),
            Self::Integer(value) => format!("the number {value}"),
            Self::Float(value) => format!("the number {value}"),
            Self::Boolean(value) => format!("{value}"),
            Self::Date(text) => format!("the date {text}"),
            Self::List(_) => "a list".to_owned(),
            Self::Table(_) => "a table".to_owned(),
        }
    }
}

impl From<DeTable<'_>> for TomlTable {
    fn from(table: DeTable<'_>) -> Self {
        let field = |(key, value): (Spanned<_>, Spanned<_>)| {
            let (span, key) = (key.span(), std::borrow::Cow::into_owned(key.into_inner()));
            (key, TomlField { key_span: span, value: owned(value) })
        };
        Self(table.into_iter().map(field).collect())
    }
}

fn owned(value: Spanned<DeValue<'_>>) -> Spanned<TomlValue> {
    let span = value.span();
    let value = match value.into_inner() {
        DeValue::String(text) => TomlValue::Text(text.into_owned()),
        DeValue::Boolean(value) => TomlValue::Boolean(value),
        DeValue::Datetime(date) => TomlValue::Date(date.to_string()),
        DeValue::Array(values) => TomlValue::List(values.into_iter().map(owned).collect()),
        DeValue::Table(table) => TomlValue::Table(table.into()),
        // What is too long for a number is text: no key expects a number of so many digits.
        DeValue::Integer(digits) => match i128::from_str_radix(digits.as_str(), digits.radix()) {
            Ok(value) => TomlValue::Integer(value),
            Err(_) => TomlValue::Text(digits.to_string()),
        },
        DeValue::Float(digits) => match digits.as_str().parse() {
            Ok(value) => TomlValue::Float(value),
            Err(_) => TomlValue::Text(digits.as_str().to_owned()),
        },
    };
    Spanned::new(span, value)
}
