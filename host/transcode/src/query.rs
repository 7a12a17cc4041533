//! Fields from the path and the query.

use percent_encoding::percent_decode_str;
use tollgate_chain::Violation;

use crate::schema::{Field, FieldKind, JsonForm, MessageId, Schema, Shape};
use crate::text;
use crate::wire::{Layout, close, open, put_tag};

/// Most parameters of a query.
const PARAMETERS_MAX: usize = 256;

/// A leaf reached from the root through single messages.
#[derive(Debug)]
pub(crate) struct QueryLeaf<'s> {
    /// Field numbers from the root.
    pub(crate) numbers: Vec<u32>,
    /// `(numbers of the message, oneof, number of the member)` along the way.
    oneofs: Vec<(Vec<u32>, usize, u32)>,
    pub(crate) field: &'s Field,
}

/// Finds a leaf by its dotted name.
pub(crate) fn leaf<'s>(schema: &'s Schema, root: MessageId, name: &str) -> Option<QueryLeaf<'s>> {
    let mut message = schema.message(root);
    let mut numbers = Vec::new();
    let mut oneofs = Vec::new();
    let mut parts = name.split('.').peekable();

    while let Some(part) = parts.next() {
        let (_, field) = message.named(part)?;
        if let Some(oneof) = field.oneof {
            oneofs.push((numbers.clone(), oneof, field.number));
        }
        numbers.push(field.number);
        if parts.peek().is_none() {
            return Some(QueryLeaf { numbers, oneofs, field });
        }
        match (field.kind, field.shape) {
            (FieldKind::Message(id), Shape::One) if schema.message(id).form == JsonForm::Plain => {
                message = schema.message(id);
            }
            _ => return None,
        }
    }

    None
}

impl QueryLeaf<'_> {
    /// Tells whether text can stand for the leaf's value.
    pub(crate) fn is_primitive(&self, schema: &Schema) -> bool {
        !matches!(self.field.shape, Shape::Map(_)) && text::has_form(schema, self.field.kind)
    }

    /// For a field that is kept from the query but not set.
    pub(crate) fn forget_oneofs(&mut self) {
        self.oneofs.clear();
    }

    /// Encodes tag and value; an error says what was expected.
    pub(crate) fn encode(&self, schema: &Schema, value: &str) -> Result<Vec<u8>, String> {
        let (mut out, kind) = (Vec::with_capacity(value.len() + 8), self.field.kind);
        text::put_field(schema, &mut out, self.field.number, kind, value)
            .map_err(|expected| text::expectation(schema, kind, expected).into_owned())?;
        Ok(out)
    }
}

/// Writes an encoded leaf within the messages that lead to it. Parts of one message that come
/// apart are merged by every reader.
pub(crate) fn put_nested(out: &mut Vec<u8>, numbers: &[u32], encoded: &[u8]) {
    let messages = numbers.len().saturating_sub(1);
    let mut starts = Vec::with_capacity(messages);
    for number in numbers.iter().take(messages) {
        put_tag(out, *number, Layout::Bytes);
        starts.push(open(out));
    }
    out.extend_from_slice(encoded);
    for start in starts.into_iter().rev() {
        close(out, start);
    }
}

/// The fields that the query must leave alone, and those that it has set.
#[derive(Debug, Default)]
pub(crate) struct TakenFields {
    numbers: Vec<Vec<u32>>,
    oneofs: Vec<(Vec<u32>, usize, u32)>,
}

impl TakenFields {
    /// Marks a field, with all that is below it.
    pub(crate) fn take(&mut self, leaf: QueryLeaf<'_>) {
        self.numbers.push(leaf.numbers);
        self.oneofs.extend(leaf.oneofs);
    }

    fn conflicts(&self, leaf: &QueryLeaf<'_>) -> bool {
        leaf.oneofs.iter().any(|(parent, oneof, number)| {
            self.oneofs.iter().any(|(message, taken, member)| {
                parent == message && oneof == taken && number != member
            })
        })
    }

    fn overlaps(&self, leaf: &QueryLeaf<'_>) -> bool {
        self.numbers.iter().any(|numbers| leaf.numbers.starts_with(numbers))
    }
}

/// Writes every parameter of the query.
pub(crate) fn read(
    schema: &Schema,
    root: MessageId,
    query: &str,
    mut taken_fields: TakenFields,
    out: &mut Vec<u8>,
) -> Result<(), Violation> {
    let bound = taken_fields.numbers.len();

    for (count, pair) in query.split('&').filter(|pair| !pair.is_empty()).enumerate() {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decode(name).ok_or_else(|| encoding(name))?;
        let value = decode(value).ok_or_else(|| encoding(&name))?;
        if count >= PARAMETERS_MAX {
            return Err(violation(&name, "too_many", "more than 256 parameters"));
        }
        let leaf = leaf(schema, root, &name)
            .ok_or_else(|| violation(&name, "unknown_parameter", "no such parameter"))?;
        if !leaf.is_primitive(schema) {
            return Err(violation(&name, "not_primitive", "the field has no form in a query"));
        }
        if taken_fields.overlaps(&leaf) {
            let set = taken_fields
                .numbers
                .iter()
                .take(bound)
                .any(|numbers| leaf.numbers.starts_with(numbers));
            let (reason, description) = if set {
                ("conflict", "the field is set by the path or the body")
            } else {
                ("duplicate", "the parameter is given more than once")
            };
            return Err(violation(&name, reason, description));
        }
        if taken_fields.conflicts(&leaf) {
            return Err(violation(&name, "oneof", "another field of the same oneof is given"));
        }
        let encoded = leaf.encode(schema, &value).map_err(|expected| {
            violation(&name, "invalid_value", &format!("expected {expected}"))
        })?;
        put_nested(out, &leaf.numbers, &encoded);
        if leaf.field.shape == Shape::One {
            taken_fields.take(leaf);
        } else {
            taken_fields.oneofs.extend(leaf.oneofs);
        }
    }

    Ok(())
}

/// Decodes a name or a value; none where an escape is broken or the bytes are not UTF-8. `+` is a
/// space, as in forms.
fn decode(text: &str) -> Option<String> {
    if !text.contains(['%', '+']) {
        return Some(text.to_owned());
    }
    let is_escape = |rest: &str| rest.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
    if !text.split('%').skip(1).all(is_escape) {
        return None;
    }
    let text = text.replace('+', " ");
    percent_decode_str(&text).decode_utf8().ok().map(Into::into)
}

fn encoding(name: &str) -> Violation {
    violation(
        name,
        "invalid_encoding",
        "expected UTF-8, percent-encoded with two hex digits after each `%`",
    )
}

fn violation(field: &str, reason: &str, description: &str) -> Violation {
    Violation {
        field: field.to_owned(),
        reason: reason.to_owned(),
        description: description.to_owned(),
    }
}
