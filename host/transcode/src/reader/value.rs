//! Single values: scalars, enums, nested messages, and the free-form `google.protobuf.Value`.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::JsonReader;
use super::field::{ListVisitor, MapVisitor};
use super::message::MessageSeed;
use crate::schema::{Field, FieldKind, Message, Shape};
use crate::text;
use crate::wire::{Layout, close, open, put_bytes, put_tag};

/// A value, with its tag unless it is packed. The outcome says whether it was set, or `null`.
pub(super) struct ValueSeed<'r, 's> {
    pub(super) reader: &'r mut JsonReader<'s>,
    pub(super) number: Option<u32>,
    pub(super) kind: FieldKind,
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_, '_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, tokens: D) -> Result<bool, D::Error> {
        let Self { reader, number, kind } = self;
        let begin = reader.out.len();

        if let Some(number) = number {
            put_tag(reader.out, number, kind.layout());
        }

        let set = if let FieldKind::Message(id) = kind {
            let start = open(reader.out);
            let set = MessageSeed { reader, id }.deserialize(tokens)?;
            if set {
                close(reader.out, start);
            }
            set
        } else if matches!(kind, FieldKind::Bool | FieldKind::String | FieldKind::Bytes) {
            tokens.deserialize_any(ScalarVisitor { reader, kind })?
        } else {
            // The token itself, so that no number passes through a double on its way.
            number_token(reader, kind, <&RawValue>::deserialize(tokens)?.get())?
        };

        if !set {
            reader.out.truncate(begin);
        }

        Ok(set)
    }
}

fn number_token<E: de::Error>(
    reader: &mut JsonReader<'_>,
    kind: FieldKind,
    token: &str,
) -> Result<bool, E> {
    let JsonReader { schema, out, .. } = reader;
    let null_value = matches!(kind, FieldKind::Enum(id) if schema.enumeration(id).null);
    let written = match token.as_bytes().first() {
        Some(b'n') if null_value => text::put_integer(out, kind, 0),
        Some(b'n') => return Ok(false),
        Some(b'"') => match serde_json::from_str::<TextToken<'_>>(token) {
            Ok(TextToken(text)) if kind.is_narrow_integer() => {
                text::narrow_integer(&text).and_then(|value| text::put_integer(out, kind, value))
            }
            Ok(TextToken(text)) => text::put_value(schema, out, kind, &text),
            Err(error) => return Err(reader.refuse("malformed_json", error.to_string())),
        },
        Some(b'-' | b'0'..=b'9') if matches!(kind, FieldKind::Double | FieldKind::Float) => {
            text::put_float(out, kind, token, false)
        }
        Some(b'-' | b'0'..=b'9') => {
            text::bare_integer(token).and_then(|value| text::put_integer(out, kind, value))
        }
        _ => Err("a number"),
    };

    match written {
        Ok(()) => Ok(true),
        Err(expected) => {
            let expected = text::expectation(reader.schema, kind, expected);
            Err(reader.expected(&expected))
        }
    }
}

#[derive(serde::Deserialize)]
struct TextToken<'a>(#[serde(borrow)] Cow<'a, str>);

struct ScalarVisitor<'r, 's> {
    reader: &'r mut JsonReader<'s>,
    kind: FieldKind,
}

impl Visitor<'_> for ScalarVisitor<'_, '_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.kind == FieldKind::Bool {
            "true or false"
        } else if self.kind == FieldKind::Bytes {
            "a string of base64"
        } else {
            "a string"
        })
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<bool, E> {
        if self.kind != FieldKind::Bool {
            return Err(E::invalid_type(de::Unexpected::Bool(value), &self));
        }
        self.reader.out.push(value.into());
        Ok(true)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<bool, E> {
        if self.kind == FieldKind::Bool {
            return Err(E::invalid_type(de::Unexpected::Str(text), &self));
        }
        let JsonReader { schema, out, .. } = &mut *self.reader;
        match text::put_value(schema, out, self.kind, text) {
            Ok(()) => Ok(true),
            Err(expected) => Err(self.reader.expected(expected)),
        }
    }
}

/// `google.protobuf.Value`: anything at all. `null` is one of its values.
pub(super) struct FreeVisitor<'r, 's> {
    pub(super) reader: &'r mut JsonReader<'s>,
    pub(super) message: &'s Message,
}

impl<'s> FreeVisitor<'_, 's> {
    fn number<E>(self, value: f64) -> Result<bool, E> {
        put_tag(self.reader.out, 2, Layout::Eight);
        self.reader.out.extend_from_slice(&value.to_le_bytes());
        Ok(true)
    }

    fn flag<E>(self, number: u32, value: bool) -> Result<bool, E> {
        put_tag(self.reader.out, number, Layout::Varint);
        self.reader.out.push(value.into());
        Ok(true)
    }

    /// The only field of the Struct or ListValue behind this member.
    fn inner<E: de::Error>(&mut self, number: u32) -> Result<&'s Field, E> {
        let schema = self.reader.schema;
        let field = self.message.numbered(number).and_then(|(_, field)| {
            let FieldKind::Message(id) = field.kind else { return None };
            schema.message(id).fields.first()
        });
        field.ok_or_else(|| self.reader.refuse("unsupported", "an unusual google.protobuf.Value"))
    }
}

impl<'de> Visitor<'de> for FreeVisitor<'_, '_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        self.flag(1, false)
    }

    fn visit_bool<E>(self, value: bool) -> Result<bool, E> {
        self.flag(4, value)
    }

    fn visit_i64<E>(self, value: i64) -> Result<bool, E> {
        self.number(value as f64)
    }

    fn visit_u64<E>(self, value: u64) -> Result<bool, E> {
        self.number(value as f64)
    }

    fn visit_f64<E>(self, value: f64) -> Result<bool, E> {
        self.number(value)
    }

    fn visit_str<E>(self, text: &str) -> Result<bool, E> {
        put_tag(self.reader.out, 3, Layout::Bytes);
        put_bytes(self.reader.out, text.as_bytes());
        Ok(true)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, map: A) -> Result<bool, A::Error> {
        let field = self.inner(5)?;
        let Shape::Map(key) = field.shape else {
            return Err(self.reader.refuse("unsupported", "an unusual google.protobuf.Struct"));
        };
        put_tag(self.reader.out, 5, Layout::Bytes);
        let start = open(self.reader.out);
        MapVisitor { reader: self.reader, field, key }.visit_map(map)?;
        close(self.reader.out, start);
        Ok(true)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, list: A) -> Result<bool, A::Error> {
        let field = self.inner(6)?;
        put_tag(self.reader.out, 6, Layout::Bytes);
        let start = open(self.reader.out);
        ListVisitor { reader: self.reader, field }.visit_seq(list)?;
        close(self.reader.out, start);
        Ok(true)
    }
}
