//! `google.protobuf.Any`: an object whose `@type`, wherever it stands, says how to read the rest.

use std::fmt;

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::message::{MessageSeed, MessageVisitor};
use super::{ANYS_MAX, JsonReader, PathStep};
use crate::schema::{JsonForm, MessageId};
use crate::text::put_string;
use crate::wire::{Layout, close, open, put_tag};

/// Reads an Any into its two fields.
pub(super) fn read<'de, D: Deserializer<'de>>(
    reader: &mut JsonReader<'_>,
    tokens: D,
) -> Result<bool, D::Error> {
    let json = <&RawValue>::deserialize(tokens)?.get();
    if json == "null" {
        return Ok(false);
    }
    reader.anys += 1;
    if reader.anys > ANYS_MAX {
        return Err(reader.refuse("too_deep", "more than 8 values of type Any within each other"));
    }
    let read = content(reader, json);
    reader.anys -= 1;
    match read {
        Ok(()) => Ok(true),
        Err(error) => Err(reader.refuse("invalid_type", error.to_string())),
    }
}

fn content(reader: &mut JsonReader<'_>, json: &str) -> Result<(), serde_json::Error> {
    let Some(url) = serde_json::Deserializer::from_str(json).deserialize_any(TypeVisitor)? else {
        if json.bytes().filter(|b| !b.is_ascii_whitespace()).eq(*b"{}") {
            return Ok(());
        }
        return Err(reader.refuse("any_type", "an Any needs an @type"));
    };

    let name = url.rsplit_once('/').map(|(_, name)| name);
    let Some(id) = name.and_then(|name| reader.schema.find(name)) else {
        reader.trail.push(PathStep::Field("@type"));
        return Err(reader.refuse("any_type", "no such type is known here"));
    };
    put_string(reader.out, 1, &url);
    put_tag(reader.out, 2, Layout::Bytes);
    let start = open(reader.out);
    let message = reader.schema.message(id);
    let mut tokens = serde_json::Deserializer::from_str(json);

    if message.form == JsonForm::Plain {
        tokens.deserialize_any(MessageVisitor { reader, message, typed: true })?;
    } else {
        tokens.deserialize_any(WrappedVisitor { reader, id })?;
    }

    close(reader.out, start);
    Ok(())
}

/// Finds `@type` among the keys; a second one is seen when the object is read.
struct TypeVisitor;

impl<'de> Visitor<'de> for TypeVisitor {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with an @type")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut url = None;
        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            if key != "@type" {
                map.next_value::<IgnoredAny>()?;
            } else if url.replace(map.next_value()?).is_some() {
                return Err(de::Error::custom("@type is given more than once"));
            }
        }
        Ok(url)
    }
}

/// `{"@type": …, "value": …}`: a type whose JSON form is not that of its fields.
struct WrappedVisitor<'r, 's> {
    reader: &'r mut JsonReader<'s>,
    id: MessageId,
}

impl<'de> Visitor<'de> for WrappedVisitor<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with an @type and a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { reader, id } = self;
        reader.enter()?;
        let mut read = false;

        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            match &*key {
                "@type" => drop(map.next_value::<IgnoredAny>()?),
                "value" if !read => {
                    read = true;
                    reader.trail.push(PathStep::Field("value"));
                    map.next_value_seed(MessageSeed { reader, id })?;
                    reader.trail.pop();
                }
                "value" => return Err(reader.refuse("duplicate", "value is given more than once")),
                _ => return Err(reader.refuse("unknown_field", "expected @type and value alone")),
            }
        }

        if !read {
            return Err(reader.refuse("any_value", "expected a value"));
        }

        reader.leave();
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for TypeVisitor {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, tokens: D) -> Result<Self::Value, D::Error> {
        tokens.deserialize_any(self)
    }
}
