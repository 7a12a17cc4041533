//! The JSON Schema (draft 7) of the configuration, for editors, printed from the table of keys.
//!
//! A schema sees one file at a time: references between items, and forms that only code can judge,
//! are left to [`load`](crate::load).

use serde_json::{Map, Value as Json, json};

use crate::keys::{ConfigKey, EXTENDS, NAME_PATTERN, SECTIONS, Section, SectionItems, ValueType};

/// Makes the JSON Schema of one file of a policies folder.
#[must_use]
pub fn schema() -> Json {
    let mut properties = Map::new();
    for section in SECTIONS {
        properties.insert(section.name.to_owned(), of_section(section));
    }
    properties.insert(EXTENDS.name.to_owned(), of_key(&EXTENDS));

    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A file of a Tollgate policies folder",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    })
}

fn of_section(section: &Section) -> Json {
    let mut schema = match section.items {
        SectionItems::One(keys) => of_keys(keys),
        SectionItems::Named(_, keys) => json!({
            "type": "object",
            "propertyNames": { "pattern": NAME_PATTERN },
            "additionalProperties": of_keys(keys),
        }),
        SectionItems::Fixed(items) => {
            let items: Map<_, _> =
                items.iter().map(|(name, keys)| ((*name).to_owned(), of_keys(keys))).collect();
            json!({ "type": "object", "properties": items, "additionalProperties": false })
        }
    };
    describe(&mut schema, section.words);
    schema
}

fn of_keys(keys: &[ConfigKey]) -> Json {
    let properties: Map<_, _> = keys.iter().map(|key| (key.name.to_owned(), of_key(key))).collect();
    let required: Vec<_> = keys.iter().filter(|key| key.required).map(|key| key.name).collect();

    let mut schema =
        json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if let (Some(schema), false) = (schema.as_object_mut(), required.is_empty()) {
        schema.insert("required".to_owned(), required.into());
    }
    schema
}

fn of_key(key: &ConfigKey) -> Json {
    let mut schema = of_value(&key.value);
    describe(&mut schema, &format!("{}.", key.words));
    schema
}

fn of_value(value: &ValueType) -> Json {
    match value {
        ValueType::Text(form) => match form.pattern {
            Some(pattern) => json!({ "type": "string", "pattern": pattern }),
            None => json!({ "type": "string" }),
        },
        ValueType::Path => json!({ "type": "string", "minLength": 1 }),
        ValueType::Boolean { default } => json!({ "type": "boolean", "default": default }),

        ValueType::Integer(range) => with_default(
            json!({ "type": "integer", "minimum": range.min, "maximum": range.max }),
            range.default.map(Into::into),
        ),
        ValueType::Percent { min, max, default } => with_default(
            json!({ "type": "number", "minimum": min, "maximum": max }),
            default.map(Into::into),
        ),
        ValueType::Word { names, default } => {
            with_default(json!({ "enum": names() }), default.map(Into::into))
        }

        ValueType::List { of, min, max } => json!({
            "type": "array", "items": of_value(of), "minItems": min, "maxItems": max,
        }),
        ValueType::OneOrMany(of) => {
            let one = of_value(of);
            json!({ "anyOf": [one.clone(), { "type": "array", "items": one }] })
        }
        ValueType::Table(keys) => of_keys(keys),
        ValueType::Map(of) => json!({ "type": "object", "additionalProperties": of_value(of) }),
        ValueType::Attribute => attribute(),
        ValueType::Settings => json!({ "type": "object" }),
    }
}

/// The declaration of an attribute that a policy reads.
fn attribute() -> Json {
    let values = json!({
        "anyOf": [
            { "const": "text" },
            { "type": "array", "items": { "type": "string" }, "minItems": 1 },
        ]
    });
    let table = json!({
        "type": "object",
        "properties": { "values": &values, "required": { "type": "boolean" } },
        "required": ["values"],
        "additionalProperties": false,
    });
    json!({ "anyOf": [values, table] })
}

fn with_default(mut schema: Json, default: Option<Json>) -> Json {
    if let (Some(schema), Some(default)) = (schema.as_object_mut(), default) {
        schema.insert("default".to_owned(), default);
    }
    schema
}

fn describe(schema: &mut Json, words: &str) {
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("description".to_owned(), words.into());
    }
}
