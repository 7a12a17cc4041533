//! JSON to protobuf in one pass: serde_json reads the tokens, the schema says what each must be,
//! and the bytes of the message are written as they come. No tree is built in between, so what
//! a tree would hide (a key that comes twice, a number that only nearly fits) is seen and refused.

mod any;
mod field;
mod message;
mod value;

use std::fmt::Write;

use serde::de;
use tollgate_chain::Violation;

use crate::schema::{Field, MessageId, Schema};
use field::FieldSeed;
use message::MessageSeed;

/// Deepest nesting of objects and arrays.
const DEPTH_MAX: usize = 100;
/// Most `Any`s within each other; each is read twice, once for its type.
const ANYS_MAX: usize = 8;

/// A field that the path has set: the body may repeat its value, not contradict it.
#[derive(Debug)]
pub(crate) struct Bound {
    /// Field numbers from the root.
    pub(crate) numbers: Vec<u32>,
    /// Tag and value of the leaf.
    pub(crate) encoded: Vec<u8>,
}

/// Where in the document the reader is.
#[derive(Debug)]
enum PathStep<'s> {
    Field(&'s str),
    Unknown(String),
    Index(usize),
    Key(String),
}

/// Why a value is refused.
#[derive(Debug)]
struct Refusal {
    reason: &'static str,
    description: String,
}

/// Reads one document into a message.
#[derive(Debug)]
pub(crate) struct JsonReader<'s> {
    schema: &'s Schema,
    out: &'s mut Vec<u8>,
    bound: &'s [Bound],
    depth: usize,
    anys: usize,
    trail: Vec<PathStep<'s>>,
    numbers: Vec<u32>,
    refusal: Option<Refusal>,
}

impl<'s> JsonReader<'s> {
    pub(crate) fn new(schema: &'s Schema, bound: &'s [Bound], out: &'s mut Vec<u8>) -> Self {
        Self {
            schema,
            out,
            bound,
            depth: 0,
            anys: 0,
            trail: Vec::new(),
            numbers: Vec::new(),
            refusal: None,
        }
    }

    /// Reads a document that is the whole message.
    pub(crate) fn root(mut self, id: MessageId, json: &[u8]) -> Result<(), Violation> {
        let mut tokens = serde_json::Deserializer::from_slice(json);
        let seed = MessageSeed { reader: &mut self, id };
        let read = de::DeserializeSeed::deserialize(seed, &mut tokens);
        let ended = read.and_then(|set| tokens.end().map(|()| set));
        match ended {
            Ok(true) => Ok(()),
            Ok(false) => Err(Violation {
                field: String::new(),
                reason: "invalid_type".to_owned(),
                description: "expected an object, not null".to_owned(),
            }),
            Err(error) => Err(self.violation(&error)),
        }
    }

    /// Reads a document that is one field of the message.
    pub(crate) fn field(mut self, field: &'s Field, json: &[u8]) -> Result<(), Violation> {
        let mut tokens = serde_json::Deserializer::from_slice(json);
        self.trail.push(PathStep::Field(&field.json));
        self.numbers.push(field.number);
        let seed = FieldSeed { reader: &mut self, field };
        let read = de::DeserializeSeed::deserialize(seed, &mut tokens);
        match read.and_then(|_| tokens.end()) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.violation(&error)),
        }
    }

    fn violation(&self, error: &serde_json::Error) -> Violation {
        let (reason, description) = match &self.refusal {
            Some(refusal) => (refusal.reason, refusal.description.clone()),
            None if error.is_data() => ("invalid_type", error.to_string()),
            None => ("malformed_json", error.to_string()),
        };
        Violation { field: self.place(), reason: reason.to_owned(), description }
    }

    /// `items[2].price`
    fn place(&self) -> String {
        let mut place = String::new();
        for step in &self.trail {
            let written = match step {
                PathStep::Field(name) if place.is_empty() => write!(place, "{name}"),
                PathStep::Unknown(name) if place.is_empty() => write!(place, "{name}"),
                PathStep::Field(name) => write!(place, ".{name}"),
                PathStep::Unknown(name) => write!(place, ".{name}"),
                PathStep::Index(index) => write!(place, "[{index}]"),
                PathStep::Key(key) => write!(place, "[{key:?}]"),
            };
            debug_assert!(written.is_ok(), "a String takes everything");
        }
        place
    }

    fn refuse<E: de::Error>(&mut self, reason: &'static str, description: impl Into<String>) -> E {
        self.refusal.get_or_insert(Refusal { reason, description: description.into() });
        E::custom(reason)
    }

    fn expected<E: de::Error>(&mut self, expected: &str) -> E {
        self.refuse("invalid_value", format!("expected {expected}"))
    }

    fn enter<E: de::Error>(&mut self) -> Result<(), E> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.refuse("too_deep", "nested deeper than 100 levels"));
        }
        Ok(())
    }

    fn leave(&mut self) {
        self.depth -= 1;
    }
}
