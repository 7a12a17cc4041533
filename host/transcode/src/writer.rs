//! Protobuf to JSON, canonical: lowerCamelCase, 64-bit integers as strings, defaults left out
//! unless asked for. Reads the bytes of the message once, in place.

mod forms;

use std::collections::BTreeMap;

use serde_json::Value as Json;
use smallvec::SmallVec;

use crate::schema::{Field, FieldKind, JsonForm, Message, MessageId, Schema, Shape};
use crate::text;
use crate::wire::{Broken, Cursor, Layout, Raw, unzigzag};

/// Deepest nesting of messages. A `google.protobuf.Value` is no level beside the list or object in it:
/// what a request may hold an answer may hold too.
const DEPTH_MAX: usize = 100;

type Items<'a> = SmallVec<[(usize, Raw<'a>); 16]>;

/// Writes one message as JSON.
#[derive(Debug)]
pub(crate) struct JsonWriter<'s> {
    schema: &'s Schema,
    emit_defaults: bool,
    depth: usize,
    pub(crate) out: String,
}

impl<'s> JsonWriter<'s> {
    pub(crate) fn new(schema: &'s Schema, emit_defaults: bool, capacity: usize) -> Self {
        Self { schema, emit_defaults, depth: 0, out: String::with_capacity(capacity) }
    }

    /// Writes the whole message.
    pub(crate) fn message(&mut self, id: MessageId, bytes: &[u8]) -> Result<(), Broken> {
        let levels = usize::from(self.schema.message(id).form != JsonForm::Value);
        self.depth += levels;
        if self.depth > DEPTH_MAX {
            return Err(Broken("nested deeper than 100 levels"));
        }
        self.form(id, bytes)?;
        self.depth -= levels;
        Ok(())
    }

    /// Writes one field of the message as the whole document.
    pub(crate) fn only(
        &mut self,
        message: &Message,
        index: usize,
        bytes: &[u8],
    ) -> Result<(), Broken> {
        let items = items(message, bytes)?;
        let Some(field) = message.fields.get(index) else { return Err(Broken("a lost field")) };
        let run: Items<'_> = items.into_iter().filter(|(position, _)| *position == index).collect();
        match (field.shape, field.kind) {
            (Shape::One, FieldKind::Message(_)) if run.is_empty() => {
                self.out.push_str("null");
                Ok(())
            }
            _ => self.value_of(field, &run),
        }
    }

    /// The members of a plain message; `first` says whether nothing precedes them.
    fn members(&mut self, message: &Message, bytes: &[u8], first: bool) -> Result<(), Broken> {
        let items = items(message, bytes)?;
        let mut first = first;
        let mut rest = items.as_slice();
        for (index, field) in message.fields.iter().enumerate() {
            let count = rest.iter().take_while(|(position, _)| *position == index).count();
            let (run, after) = rest.split_at_checked(count).unwrap_or((rest, &[]));
            rest = after;
            if !self.shows(field, run) {
                continue;
            }
            if !std::mem::take(&mut first) {
                self.out.push(',');
            }
            self.out.push_str(&field.key);
            self.value_of(field, run)?;
        }
        Ok(())
    }

    fn shows(&self, field: &Field, run: &[(usize, Raw<'_>)]) -> bool {
        match (field.shape, run.last()) {
            (_, None) => self.emit_defaults && !field.presence && field.oneof.is_none(),
            (Shape::One, Some((_, raw))) => {
                field.presence || field.oneof.is_some() || self.emit_defaults || !is_default(*raw)
            }
            (Shape::List { .. }, Some(_)) if field.kind.layout() != Layout::Bytes => {
                // A packed list may come without an element, which is no list.
                let is_empty =
                    |(_, raw): &(usize, Raw<'_>)| raw.bytes().is_some_and(<[u8]>::is_empty);
                self.emit_defaults || !run.iter().all(is_empty)
            }
            (Shape::List { .. } | Shape::Map(_), Some(_)) => true,
        }
    }

    fn value_of(&mut self, field: &Field, run: &[(usize, Raw<'_>)]) -> Result<(), Broken> {
        match field.shape {
            Shape::One => match (field.kind, run) {
                (FieldKind::Message(id), [_, _, ..]) => {
                    // Parts of one message are merged by reading them one after the other.
                    let parts = run.iter().filter_map(|(_, raw)| raw.bytes());
                    let whole: Vec<u8> = parts.flatten().copied().collect();
                    self.message(id, &whole)
                }
                (kind, [.., (_, raw)]) => self.value(kind, *raw),
                (kind, []) => self.value(kind, zero(kind)),
            },
            Shape::List { .. } => self.list(field.kind, run),
            Shape::Map(key) => self.map(key, field.kind, run),
        }
    }

    fn list(&mut self, kind: FieldKind, run: &[(usize, Raw<'_>)]) -> Result<(), Broken> {
        self.out.push('[');
        let mut first = true;

        for (_, raw) in run {
            let Some(packed) = raw.bytes().filter(|_| kind.layout() != Layout::Bytes) else {
                self.separate(&mut first);
                self.value(kind, *raw)?;
                continue;
            };
            let mut cursor = Cursor(packed);
            while !cursor.is_empty() {
                let raw = match kind.layout() {
                    Layout::Varint => Raw::Varint(cursor.varint()?),
                    Layout::Eight => Raw::Eight(cursor.eight()?),
                    Layout::Four => Raw::Four(cursor.four()?),
                    Layout::Bytes => Raw::Bytes(cursor.bytes()?),
                };
                self.separate(&mut first);
                self.value(kind, raw)?;
            }
        }

        self.out.push(']');
        Ok(())
    }

    /// Sorted by key, the last of equal keys winning: the output is the same for equal maps.
    fn map(
        &mut self,
        key: FieldKind,
        kind: FieldKind,
        run: &[(usize, Raw<'_>)],
    ) -> Result<(), Broken> {
        let mut entries: BTreeMap<String, Raw<'_>> = BTreeMap::new();

        for (_, raw) in run {
            let Raw::Bytes(bytes) = raw else { return Err(Broken("a map entry")) };
            let (mut own_key, mut value) = (zero(key), zero(kind));
            let mut cursor = Cursor(bytes);
            while let Some((number, raw)) = cursor.field()? {
                match number {
                    1 => own_key = raw,
                    2 => value = raw,
                    _ => {}
                }
            }
            entries.insert(self.map_key(key, own_key)?, value);
        }

        self.out.push('{');
        let mut first = true;

        for (key, raw) in entries {
            self.separate(&mut first);
            self.out.push_str(&key);
            self.out.push(':');
            self.value(kind, raw)?;
        }

        self.out.push('}');
        Ok(())
    }

    fn map_key(&self, kind: FieldKind, raw: Raw<'_>) -> Result<String, Broken> {
        let mut writer = JsonWriter::new(self.schema, false, 16);
        writer.value(kind, raw)?;
        if !writer.out.starts_with('"') {
            writer.out.insert(0, '"');
            writer.out.push('"');
        }
        Ok(writer.out)
    }

    fn separate(&mut self, first: &mut bool) {
        if !std::mem::take(first) {
            self.out.push(',');
        }
    }

    fn value(&mut self, kind: FieldKind, raw: Raw<'_>) -> Result<(), Broken> {
        match (kind, raw) {
            (FieldKind::String, Raw::Bytes(bytes)) => self.string(bytes)?,
            (FieldKind::Bytes, Raw::Bytes(bytes)) => {
                self.out.push('"');
                text::base64(bytes, &mut self.out);
                self.out.push('"');
            }
            (FieldKind::Message(id), Raw::Bytes(bytes)) => self.message(id, bytes)?,
            (FieldKind::Bool, Raw::Varint(value)) => {
                self.out.push_str(if value == 0 { "false" } else { "true" });
            }
            (FieldKind::Enum(id), Raw::Varint(value)) => {
                let number = low_half(value);
                let enumeration = self.schema.enumeration(id);
                match enumeration.by_number.get(&number) {
                    Some(_) if enumeration.null => self.out.push_str("null"),
                    Some(name) => self.quoted(name),
                    None => self.show(number),
                }
            }
            (FieldKind::Int32 | FieldKind::Sfixed32, raw) => self.show(signed_32(kind, raw)?),
            (FieldKind::Sint32, Raw::Varint(value)) => {
                // Cut to 32 bits before it is decoded: the sign is in the lowest bit.
                let low = u64::from(low_half(value).cast_unsigned());
                self.show(low_half(unzigzag(low).cast_unsigned()))
            }
            (FieldKind::Uint32, Raw::Varint(value)) => self.show(low_half(value).cast_unsigned()),
            (FieldKind::Fixed32, Raw::Four(value)) => self.show(value),
            (FieldKind::Int64, Raw::Varint(value)) | (FieldKind::Sfixed64, Raw::Eight(value)) => {
                self.quoted(value.cast_signed());
            }
            (FieldKind::Sint64, Raw::Varint(value)) => self.quoted(unzigzag(value)),
            (FieldKind::Uint64, Raw::Varint(value)) | (FieldKind::Fixed64, Raw::Eight(value)) => {
                self.quoted(value);
            }
            (FieldKind::Double, Raw::Eight(bits)) => {
                self.float(f64::from_bits(bits), |value| value)
            }
            (FieldKind::Float, Raw::Four(bits)) => self.float(f32::from_bits(bits), f64::from),
            _ => return Err(Broken("a value of another wire type than its field's")),
        }

        Ok(())
    }

    fn string(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        let text = std::str::from_utf8(bytes).map_err(|_| Broken("a string that is not UTF-8"))?;
        self.escaped(text);
        Ok(())
    }

    fn escaped(&mut self, text: &str) {
        if text.bytes().any(|b| b < 0x20 || b == b'"' || b == b'\\') {
            self.out.push_str(&Json::from(text).to_string());
        } else {
            self.out.push('"');
            self.out.push_str(text);
            self.out.push('"');
        }
    }

    fn show(&mut self, value: impl std::fmt::Display) {
        let written = std::fmt::Write::write_fmt(&mut self.out, format_args!("{value}"));
        debug_assert!(written.is_ok(), "a String takes everything");
    }

    /// Quotes what needs no escaping: numbers, and names of the schema.
    fn quoted(&mut self, value: impl std::fmt::Display) {
        self.out.push('"');
        self.show(value);
        self.out.push('"');
    }

    fn float<F: Copy + serde::Serialize>(&mut self, value: F, wide: impl Fn(F) -> f64) {
        let number = wide(value);
        if number.is_nan() {
            self.out.push_str("\"NaN\"");
        } else if number.is_infinite() {
            self.out.push_str(if number > 0.0 { "\"Infinity\"" } else { "\"-Infinity\"" });
        } else {
            // Shortest text that reads back as the same value; `1.0` is shown as `1`.
            let text = serde_json::to_string(&value).unwrap_or_default();
            self.out.push_str(text.strip_suffix(".0").unwrap_or(&text));
        }
    }
}

/// The known fields in order of their index; of each oneof only the member that came last, from
/// where it took the place of another.
fn items<'a>(message: &Message, bytes: &'a [u8]) -> Result<Items<'a>, Broken> {
    let mut items = Items::new();
    let mut cursor = Cursor(bytes);
    let mut sorted = true;
    let mut members: SmallVec<[(usize, usize); 4]> = SmallVec::new();
    members.resize(message.oneofs, (usize::MAX, 0));

    while let Some((number, raw)) = cursor.field()? {
        let Some((index, field)) = message.numbered(number) else { continue };
        if let Some(member) = field.oneof.and_then(|oneof| members.get_mut(oneof))
            && member.0 != index
        {
            *member = (index, items.len());
        }
        sorted &= items.last().is_none_or(|(last, _)| *last <= index);
        items.push((index, raw));
    }

    let mut place = 0;
    items.retain(|(index, _)| {
        let current = place;
        place += 1;
        let oneof = message.fields.get(*index).and_then(|field| field.oneof);
        let member = oneof.and_then(|oneof| members.get(oneof));
        member.is_none_or(|(member, since)| member == index && current >= *since)
    });

    if !sorted {
        items.sort_by_key(|(index, _)| *index);
    }

    Ok(items)
}

fn signed_32(kind: FieldKind, raw: Raw<'_>) -> Result<i32, Broken> {
    match (kind, raw) {
        (FieldKind::Int32, Raw::Varint(value)) => Ok(low_half(value)),
        (FieldKind::Sfixed32, Raw::Four(value)) => Ok(value.cast_signed()),
        _ => Err(Broken("a value of another wire type than its field's")),
    }
}

/// The low 32 bits: longer varints are cut, as the format demands.
fn low_half(value: u64) -> i32 {
    let [a, b, c, d, ..] = value.to_le_bytes();
    i32::from_le_bytes([a, b, c, d])
}

fn is_default(raw: Raw<'_>) -> bool {
    match raw {
        Raw::Varint(value) | Raw::Eight(value) => value == 0,
        Raw::Four(value) => value == 0,
        Raw::Bytes(bytes) => bytes.is_empty(),
    }
}

fn zero(kind: FieldKind) -> Raw<'static> {
    match kind.layout() {
        Layout::Varint => Raw::Varint(0),
        Layout::Eight => Raw::Eight(0),
        Layout::Four => Raw::Four(0),
        Layout::Bytes => Raw::Bytes(&[]),
    }
}
