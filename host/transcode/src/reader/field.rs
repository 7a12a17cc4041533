//! Fields: single values, lists and maps.

use std::collections::HashSet;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::value::ValueSeed;
use super::{JsonReader, PathStep};
use crate::schema::{Field, FieldKind, Shape};
use crate::text;
use crate::wire::{Layout, close, open, put_tag};

/// The value of a field. The outcome says whether it was set, or `null`.
pub(super) struct FieldSeed<'r, 's> {
    pub(super) reader: &'r mut JsonReader<'s>,
    pub(super) field: &'s Field,
}

impl<'de> DeserializeSeed<'de> for FieldSeed<'_, '_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, tokens: D) -> Result<bool, D::Error> {
        let Self { reader, field } = self;
        match field.shape {
            Shape::One => ValueSeed { reader, number: Some(field.number), kind: field.kind }
                .deserialize(tokens),
            Shape::List { .. } => tokens.deserialize_any(ListVisitor { reader, field }),
            Shape::Map(key) => tokens.deserialize_any(MapVisitor { reader, field, key }),
        }
    }
}

pub(super) struct ListVisitor<'r, 's> {
    pub(super) reader: &'r mut JsonReader<'s>,
    pub(super) field: &'s Field,
}

impl<'de> Visitor<'de> for ListVisitor<'_, '_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<bool, A::Error> {
        let Self { reader, field } = self;
        reader.enter()?;
        let kind = field.kind;
        let packed = field.shape == Shape::List { packed: true } && kind.layout() != Layout::Bytes;
        let begin = reader.out.len();
        let number = if packed { None } else { Some(field.number) };
        let mut start = begin;

        if packed {
            put_tag(reader.out, field.number, Layout::Bytes);
            start = open(reader.out);
        }

        let mut index = 0;

        loop {
            reader.trail.push(PathStep::Index(index));
            match list.next_element_seed(ValueSeed { reader, number, kind })? {
                None => break,
                Some(false) => {
                    return Err(reader.refuse("null_element", "null is no element of a list"));
                }
                Some(true) => {}
            }
            reader.trail.pop();
            index += 1;
        }

        reader.trail.pop();

        if packed && index == 0 {
            reader.out.truncate(begin);
        } else if packed {
            close(reader.out, start);
        }

        reader.leave();
        Ok(true)
    }
}

pub(super) struct MapVisitor<'r, 's> {
    pub(super) reader: &'r mut JsonReader<'s>,
    pub(super) field: &'s Field,
    pub(super) key: FieldKind,
}

impl<'de> Visitor<'de> for MapVisitor<'_, '_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let Self { reader, field, key } = self;
        reader.enter()?;
        let mut keys: HashSet<Box<[u8]>> = HashSet::new();

        loop {
            let begin = reader.out.len();
            put_tag(reader.out, field.number, Layout::Bytes);
            let start = open(reader.out);
            if map.next_key_seed(MapKeySeed { reader, kind: key })?.is_none() {
                reader.out.truncate(begin);
                break;
            }
            if !keys.insert(reader.out.get(start..).unwrap_or_default().into()) {
                return Err(reader.refuse("duplicate", "the key is given more than once"));
            }
            let value = ValueSeed { reader, number: Some(2), kind: field.kind };
            if !map.next_value_seed(value)? {
                return Err(reader.refuse("null_element", "null is no value of a map"));
            }
            close(reader.out, start);
            reader.trail.pop();
        }

        reader.leave();
        Ok(true)
    }
}

/// Writes the key as the entry's first field and notes it in the trail.
struct MapKeySeed<'r, 's> {
    reader: &'r mut JsonReader<'s>,
    kind: FieldKind,
}

impl<'de> DeserializeSeed<'de> for MapKeySeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, tokens: D) -> Result<(), D::Error> {
        tokens.deserialize_str(self)
    }
}

impl Visitor<'_> for MapKeySeed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<(), E> {
        let JsonReader { schema, out, trail, .. } = &mut *self.reader;
        trail.push(PathStep::Key(key.to_owned()));
        match text::put_field(schema, out, 1, self.kind, key) {
            Ok(()) => Ok(()),
            Err(expected) => Err(self.reader.expected(expected)),
        }
    }
}
