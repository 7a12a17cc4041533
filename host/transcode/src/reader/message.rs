//! Messages: objects whose keys are fields.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, Visitor};
use smallvec::{SmallVec, smallvec};

use super::field::FieldSeed;
use super::value::ValueSeed;
use super::{JsonReader, PathStep, any};
use crate::schema::{Field, JsonForm, Message, MessageId};
use crate::wellknown;

/// The content of a message. The outcome says whether there was one, or `null`.
pub(super) struct MessageSeed<'r, 's> {
    pub(super) reader: &'r mut JsonReader<'s>,
    pub(super) id: MessageId,
}

impl<'de> DeserializeSeed<'de> for MessageSeed<'_, '_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, tokens: D) -> Result<bool, D::Error> {
        let Self { reader, id } = self;
        let message = reader.schema.message(id);

        match message.form {
            JsonForm::Plain => {
                tokens.deserialize_any(MessageVisitor { reader, message, typed: false })
            }
            JsonForm::Any => any::read(reader, tokens),
            JsonForm::Timestamp | JsonForm::Duration | JsonForm::FieldMask => {
                tokens.deserialize_any(TextVisitor { reader, form: message.form })
            }
            JsonForm::Value => {
                tokens.deserialize_any(super::value::FreeVisitor { reader, message })
            }
            JsonForm::Wrapper => {
                let inner = only_field(reader, message)?;
                ValueSeed { reader, number: Some(inner.number), kind: inner.kind }
                    .deserialize(tokens)
            }
            JsonForm::Struct | JsonForm::ListValue => {
                let field = only_field(reader, message)?;
                FieldSeed { reader, field }.deserialize(tokens)
            }
        }
    }
}

fn only_field<'s, E: de::Error>(
    reader: &mut JsonReader<'s>,
    message: &'s Message,
) -> Result<&'s Field, E> {
    message.fields.first().ok_or_else(|| reader.refuse("unsupported", "a message without a field"))
}

/// A plain message; `typed` ones have an `@type` that was read before.
pub(super) struct MessageVisitor<'r, 's> {
    pub(super) reader: &'r mut JsonReader<'s>,
    pub(super) message: &'s Message,
    pub(super) typed: bool,
}

impl<'de> Visitor<'de> for MessageVisitor<'_, '_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let Self { reader, message, typed } = self;
        reader.enter()?;
        let mut fields = Marks::new(message.fields.len());
        let mut oneofs = Marks::new(message.oneofs);

        while let Some(key) = map.next_key_seed(KeySeed { reader, message, typed })? {
            let Some((index, field)) = key else {
                map.next_value::<de::IgnoredAny>()?;
                continue;
            };
            reader.trail.push(PathStep::Field(&field.json));
            if !fields.mark(index) {
                return Err(reader.refuse("duplicate", "the field is given more than once"));
            }
            reader.numbers.push(field.number);
            let start = reader.out.len();
            let set = map.next_value_seed(FieldSeed { reader, field })?;
            if set && field.oneof.is_some_and(|oneof| !oneofs.mark(oneof)) {
                return Err(reader.refuse("oneof", "another field of the same oneof is given"));
            }
            check_bound(reader, start)?;
            reader.numbers.pop();
            reader.trail.pop();
        }

        reader.leave();
        Ok(true)
    }
}

/// A field that the path sets may be repeated with the same value.
fn check_bound<E: de::Error>(reader: &mut JsonReader<'_>, start: usize) -> Result<(), E> {
    let Some(bound) = reader.bound.iter().find(|bound| bound.numbers == reader.numbers) else {
        return Ok(());
    };
    let written = reader.out.get(start..).unwrap_or_default();
    if written.is_empty() || written == bound.encoded {
        return Ok(());
    }
    Err(reader.refuse("conflict", "the field is set by the path to another value"))
}

/// Which of a handful of things were seen.
struct Marks(SmallVec<[u64; 2]>);

impl Marks {
    fn new(count: usize) -> Self {
        Self(smallvec![0; count.div_ceil(64)])
    }

    /// Notes a key and tells whether it is new.
    fn mark(&mut self, index: usize) -> bool {
        let Some(word) = self.0.get_mut(index / 64) else { return false };
        let bit = 1u64 << (index % 64);
        let fresh = *word & bit == 0;
        *word |= bit;
        fresh
    }
}

/// A key, looked up as it is read. Nothing for the `@type` of a typed message.
struct KeySeed<'r, 's> {
    reader: &'r mut JsonReader<'s>,
    message: &'s Message,
    typed: bool,
}

impl<'de, 's> DeserializeSeed<'de> for KeySeed<'_, 's> {
    type Value = Option<(usize, &'s Field)>;

    fn deserialize<D: Deserializer<'de>>(self, tokens: D) -> Result<Self::Value, D::Error> {
        tokens.deserialize_str(self)
    }
}

impl<'s> Visitor<'_> for KeySeed<'_, 's> {
    type Value = Option<(usize, &'s Field)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<Self::Value, E> {
        if self.typed && key == "@type" {
            return Ok(None);
        }
        match self.message.named(key) {
            Some(field) => Ok(Some(field)),
            None => {
                self.reader.trail.push(PathStep::Unknown(key.to_owned()));
                let description = format!("{} has no such field", self.message.name);
                Err(self.reader.refuse("unknown_field", description))
            }
        }
    }
}

/// A message whose JSON form is a string.
struct TextVisitor<'r, 's> {
    reader: &'r mut JsonReader<'s>,
    form: JsonForm,
}

impl Visitor<'_> for TextVisitor<'_, '_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<bool, E> {
        match wellknown::put(self.reader.out, self.form, text) {
            Ok(()) => Ok(true),
            Err(expected) => Err(self.reader.expected(expected)),
        }
    }
}
