//! Descriptors, flattened into tables that the reader and the writer walk without look-ups by
//! name. Built once for each set of descriptors.

use std::collections::HashMap;

use prost_reflect::{
    Cardinality, DescriptorPool, EnumDescriptor, FieldDescriptor, Kind as Described,
    MessageDescriptor,
};

use crate::wire::Layout;

/// Every message and enum of a pool.
#[derive(Debug)]
pub(crate) struct Schema {
    messages: Vec<Message>,
    enums: Vec<Enum>,
    by_name: HashMap<Box<str>, MessageId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MessageId(usize);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EnumId(usize);

#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) name: Box<str>,
    pub(crate) form: JsonForm,
    /// By number, ascending.
    pub(crate) fields: Vec<Field>,
    /// Both spellings.
    pub(crate) names: HashMap<Box<str>, usize>,
    pub(crate) oneofs: usize,
}

/// Messages whose JSON form is their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JsonForm {
    Plain,
    Any,
    Timestamp,
    Duration,
    FieldMask,
    Struct,
    Value,
    ListValue,
    Wrapper,
}

#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) number: u32,
    /// The name in the `.proto` file.
    pub(crate) name: Box<str>,
    /// lowerCamelCase.
    pub(crate) json: Box<str>,
    /// `"json":`, escaped.
    pub(crate) key: Box<str>,
    pub(crate) kind: FieldKind,
    pub(crate) shape: Shape,
    /// Set where absent and default are told apart.
    pub(crate) presence: bool,
    pub(crate) oneof: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    One,
    List {
        packed: bool,
    },
    /// From this kind of key; the field's own kind is the value's.
    Map(FieldKind),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldKind {
    Double,
    Float,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Bool,
    String,
    Bytes,
    Enum(EnumId),
    Message(MessageId),
}

#[derive(Debug)]
pub(crate) struct Enum {
    pub(crate) by_name: HashMap<Box<str>, i32>,
    /// The first name of each number; aliases are read, not written.
    pub(crate) by_number: HashMap<i32, Box<str>>,
    /// Set for `google.protobuf.NullValue`, written as `null`.
    pub(crate) null: bool,
}

impl FieldKind {
    /// Tells whether values are integers of 32 bits.
    pub(crate) fn is_narrow_integer(self) -> bool {
        matches!(self, Self::Int32 | Self::Uint32 | Self::Sint32 | Self::Fixed32 | Self::Sfixed32)
    }

    pub(crate) fn layout(self) -> Layout {
        match self {
            Self::Double | Self::Fixed64 | Self::Sfixed64 => Layout::Eight,
            Self::Float | Self::Fixed32 | Self::Sfixed32 => Layout::Four,
            Self::String | Self::Bytes | Self::Message(_) => Layout::Bytes,
            Self::Int32
            | Self::Int64
            | Self::Uint32
            | Self::Uint64
            | Self::Sint32
            | Self::Sint64
            | Self::Bool
            | Self::Enum(_) => Layout::Varint,
        }
    }
}

impl Schema {
    pub(crate) fn new(pool: &DescriptorPool) -> Self {
        let messages: HashMap<String, MessageId> = pool
            .all_messages()
            .enumerate()
            .map(|(index, message)| (message.full_name().to_owned(), MessageId(index)))
            .collect();
        let enums: HashMap<String, EnumId> = pool
            .all_enums()
            .enumerate()
            .map(|(index, described)| (described.full_name().to_owned(), EnumId(index)))
            .collect();
        let ids = Ids { messages, enums };
        Self {
            messages: pool.all_messages().map(|message| ids.message(&message)).collect(),
            enums: pool.all_enums().map(|described| Enum::new(&described)).collect(),
            by_name: ids.messages.iter().map(|(name, id)| (name.as_str().into(), *id)).collect(),
        }
    }

    pub(crate) fn find(&self, full_name: &str) -> Option<MessageId> {
        self.by_name.get(full_name).copied()
    }

    #[expect(clippy::indexing_slicing, reason = "identifiers are made by `new`, one for each")]
    pub(crate) fn message(&self, id: MessageId) -> &Message {
        &self.messages[id.0]
    }

    #[expect(clippy::indexing_slicing, reason = "identifiers are made by `new`, one for each")]
    pub(crate) fn enumeration(&self, id: EnumId) -> &Enum {
        &self.enums[id.0]
    }
}

impl Message {
    /// The field of either spelling.
    pub(crate) fn named(&self, name: &str) -> Option<(usize, &Field)> {
        let index = *self.names.get(name)?;
        Some((index, self.fields.get(index)?))
    }

    pub(crate) fn numbered(&self, number: u32) -> Option<(usize, &Field)> {
        // Numbers without gaps, the usual case, are found at once.
        let guess = usize::try_from(number).ok()?.checked_sub(1)?;
        if let Some(field) = self.fields.get(guess).filter(|field| field.number == number) {
            return Some((guess, field));
        }
        let index = self.fields.binary_search_by_key(&number, |field| field.number).ok()?;
        Some((index, self.fields.get(index)?))
    }
}

impl Enum {
    fn new(described: &EnumDescriptor) -> Self {
        let mut by_number = HashMap::new();
        for value in described.values() {
            by_number.entry(value.number()).or_insert_with(|| value.name().into());
        }
        Self {
            by_name: described
                .values()
                .map(|value| (value.name().into(), value.number()))
                .collect(),
            by_number,
            null: described.full_name() == "google.protobuf.NullValue",
        }
    }
}

struct Ids {
    messages: HashMap<String, MessageId>,
    enums: HashMap<String, EnumId>,
}

impl Ids {
    fn message(&self, described: &MessageDescriptor) -> Message {
        let mut fields: Vec<Field> = described
            .fields()
            .filter(|field| !field.is_group())
            .filter_map(|field| self.field(&field))
            .collect();
        fields.sort_by_key(|field| field.number);
        let mut names = HashMap::with_capacity(fields.len() * 2);
        for (index, field) in fields.iter().enumerate() {
            names.insert(field.name.clone(), index);
            names.insert(field.json.clone(), index);
        }
        Message {
            name: described.full_name().into(),
            form: form(described.full_name()),
            fields,
            names,
            oneofs: described.oneofs().len(),
        }
    }

    fn field(&self, field: &FieldDescriptor) -> Option<Field> {
        let described = field.kind();
        let (kind, shape) = if let (Described::Message(entry), true) = (&described, field.is_map())
        {
            let value = self.kind(&entry.map_entry_value_field().kind())?;
            (value, Shape::Map(self.kind(&entry.map_entry_key_field().kind())?))
        } else if field.cardinality() == Cardinality::Repeated {
            (self.kind(&described)?, Shape::List { packed: field.is_packed() })
        } else {
            (self.kind(&described)?, Shape::One)
        };

        let key = format!("{}:", serde_json::Value::from(field.json_name()));
        Some(Field {
            number: field.number(),
            name: field.name().into(),
            json: field.json_name().into(),
            key: key.into(),
            kind,
            shape,
            presence: field.supports_presence(),
            oneof: self.oneof(field),
        })
    }

    fn oneof(&self, field: &FieldDescriptor) -> Option<usize> {
        let containing = field.containing_oneof()?;
        field.parent_message().oneofs().position(|oneof| oneof == containing)
    }

    fn kind(&self, kind: &Described) -> Option<FieldKind> {
        Some(match kind {
            Described::Double => FieldKind::Double,
            Described::Float => FieldKind::Float,
            Described::Int32 => FieldKind::Int32,
            Described::Int64 => FieldKind::Int64,
            Described::Uint32 => FieldKind::Uint32,
            Described::Uint64 => FieldKind::Uint64,
            Described::Sint32 => FieldKind::Sint32,
            Described::Sint64 => FieldKind::Sint64,
            Described::Fixed32 => FieldKind::Fixed32,
            Described::Fixed64 => FieldKind::Fixed64,
            Described::Sfixed32 => FieldKind::Sfixed32,
            Described::Sfixed64 => FieldKind::Sfixed64,
            Described::Bool => FieldKind::Bool,
            Described::String => FieldKind::String,
            Described::Bytes => FieldKind::Bytes,
            Described::Message(message) => {
                FieldKind::Message(*self.messages.get(message.full_name())?)
            }
            Described::Enum(enumeration) => {
                FieldKind::Enum(*self.enums.get(enumeration.full_name())?)
            }
        })
    }
}

fn form(full_name: &str) -> JsonForm {
    match full_name {
        "google.protobuf.Any" => JsonForm::Any,
        "google.protobuf.Timestamp" => JsonForm::Timestamp,
        "google.protobuf.Duration" => JsonForm::Duration,
        "google.protobuf.FieldMask" => JsonForm::FieldMask,
        "google.protobuf.Struct" => JsonForm::Struct,
        "google.protobuf.Value" => JsonForm::Value,
        "google.protobuf.ListValue" => JsonForm::ListValue,
        "google.protobuf.DoubleValue"
        | "google.protobuf.FloatValue"
        | "google.protobuf.Int64Value"
        | "google.protobuf.UInt64Value"
        | "google.protobuf.Int32Value"
        | "google.protobuf.UInt32Value"
        | "google.protobuf.BoolValue"
        | "google.protobuf.StringValue"
        | "google.protobuf.BytesValue" => JsonForm::Wrapper,
        _ => JsonForm::Plain,
    }
}
