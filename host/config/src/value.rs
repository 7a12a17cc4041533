//! A policy's settings: any values, each with its place in the text, so that a plugin's problem with
//! one deep inside is told with its own line.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_spanned::Spanned;

/// A value that may hold others.
#[derive(Debug)]
pub(crate) enum Setting {
    /// A value by itself.
    Plain(serde_json::Value),
    /// `[ … ]`
    List(Vec<Spanned<Self>>),
    /// `{ … }`, or a table of its own.
    Table(BTreeMap<String, Spanned<Self>>),
}

impl Setting {
    /// The value as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        match self {
            Self::Plain(value) => value.clone(),
            Self::List(all) => all.iter().map(|one| one.get_ref().json()).collect(),
            Self::Table(all) => {
                let json =
                    |(key, one): (&String, &Spanned<Self>)| (key.clone(), one.get_ref().json());
                all.iter().map(json).collect()
            }
        }
    }

    /// Tells each value within this one: its path from here, and where it begins in the text.
    pub(crate) fn places(&self, path: &str, told: &mut impl FnMut(String, usize)) {
        let mut tell = |path: String, one: &Spanned<Self>| {
            told(path.clone(), one.span().start);
            one.get_ref().places(&path, told);
        };
        match self {
            Self::Plain(_) => {}
            Self::List(all) => {
                for (index, one) in all.iter().enumerate() {
                    tell(format!("{path}[{index}]"), one);
                }
            }
            Self::Table(all) => {
                for (key, one) in all {
                    tell(format!("{path}.{key}"), one);
                }
            }
        }
    }
}

impl<'de> Deserialize<'de> for Setting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

/// The key under which TOML's reader hands over a date.
const DATE: &str = "$__toml_private_datetime";

impl<'de> Visitor<'de> for Reader {
    type Value = Setting;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Setting, E> {
        Ok(Setting::Plain(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Setting, E> {
        Ok(Setting::Plain(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Setting, E> {
        Ok(Setting::Plain(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Setting, E> {
        let number = serde_json::Number::from_f64(value);
        number
            .map(|number| Setting::Plain(number.into()))
            .ok_or_else(|| E::custom("expected a number that is one"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Setting, E> {
        Ok(Setting::Plain(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<Setting, A::Error> {
        let mut list = Vec::new();
        while let Some(one) = all.next_element()? {
            list.push(one);
        }
        Ok(Setting::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut all: A) -> Result<Setting, A::Error> {
        let mut table = BTreeMap::new();
        while let Some(key) = all.next_key::<String>()? {
            if key == DATE {
                return Ok(Setting::Plain(all.next_value::<String>()?.into()));
            }
            table.insert(key, all.next_value()?);
        }
        Ok(Setting::Table(table))
    }
}
