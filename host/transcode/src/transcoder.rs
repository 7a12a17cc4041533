//! One binding, put to work: a request of HTTP to a message, a message to a response of HTTP.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use tollgate_chain::{Error as Refusal, Violation};

use crate::descriptors::{Body, Descriptors, Error, HttpBinding};
use crate::grpc;
use crate::query::{self, QueryLeaf, TakenFields};
use crate::reader::{Bound, JsonReader};
use crate::schema::{FieldKind, MessageId, Schema, Shape};
use crate::wire::{Broken, Cursor, Layout, Raw, close, open, put_bytes, put_tag};
use crate::writer::JsonWriter;

/// The media type of JSON.
pub const JSON: &str = "application/json";
const HTTP_BODY: &str = "google.api.HttpBody";

/// Translates between HTTP and a gRPC method along one binding. Made once at load.
#[derive(Debug)]
pub struct Transcoder {
    schema: Arc<Schema>,
    method: Box<str>,
    input: MessageId,
    output: MessageId,
    /// Top-level fields that the path binds, by the names in the template.
    path: Vec<Box<str>>,
    body: Inbound,
    response: Outbound,
    is_streaming: bool,
    emit_defaults: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inbound {
    None,
    All,
    /// Index of the top-level field.
    Field(usize),
    /// A `google.api.HttpBody`: the message itself, or a top-level field.
    Raw(Option<usize>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outbound {
    All,
    Field(usize),
    Raw(Option<usize>),
}

/// A response's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TranscodedBody {
    /// For `Content-Type`; `application/json` unless the message is a `google.api.HttpBody`.
    pub content_type: Cow<'static, str>,
    /// The body.
    pub body: Bytes,
}

impl Transcoder {
    /// Checks the binding against the method's messages and prepares it.
    ///
    /// # Errors
    /// A method whose requests stream, or a binding that names fields which cannot be bound so.
    pub fn new(
        descriptors: &Descriptors,
        service: &str,
        method: &str,
        binding: &HttpBinding,
    ) -> Result<Self, Error> {
        let described = descriptors.method(service, method)?;
        let name = format!("{service}/{method}");

        if described.is_client_streaming() {
            return Err(Error::Streaming { method: name });
        }
        let is_streaming = described.is_server_streaming();

        let schema = Arc::clone(&descriptors.schema);
        let id = |full_name: &str| {
            let (service, method) = (service.to_owned(), method.to_owned());
            schema.find(full_name).ok_or(Error::NoMethod { service, method })
        };
        let (input, output) =
            (id(described.input().full_name())?, id(described.output().full_name())?);
        let load = Load { schema: &schema, method: &name };
        let path = load.path(input, binding)?;
        let body = load.inbound(input, &binding.body)?;
        let response = load.outbound(output, binding.response_body.as_deref())?;
        let (method, emit_defaults) = (name.into(), false);

        Ok(Self {
            schema,
            method,
            input,
            output,
            path,
            body,
            response,
            is_streaming,
            emit_defaults,
        })
    }

    /// Makes responses name fields that have their default value. Off unless switched on.
    #[must_use]
    pub fn emit_defaults(mut self, emit: bool) -> Self {
        self.emit_defaults = emit;
        self
    }

    /// `package.Service/Method`.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// Tells whether the method answers with a stream of messages.
    #[must_use]
    pub fn is_streaming(&self) -> bool {
        self.is_streaming
    }

    /// Tells whether answers are `google.api.HttpBody`: bytes of any media type, not JSON.
    #[must_use]
    pub fn answers_raw(&self) -> bool {
        matches!(self.response, Outbound::Raw(_))
    }

    /// Returns the media type of a request's body, for `Accept-Post`, or nothing when there is no
    /// body.
    #[must_use]
    pub fn accepts(&self) -> Option<&'static str> {
        match self.body {
            Inbound::None => None,
            Inbound::All | Inbound::Field(_) => Some(JSON),
            Inbound::Raw(_) => Some("*/*"),
        }
    }

    /// Translates a request to the message's bytes.
    ///
    /// # Errors
    /// [`Refusal::InvalidArgument`] naming the field, or [`Refusal::UnsupportedMediaType`].
    pub fn request(
        &self,
        variables: &[(Box<str>, String)],
        query: Option<&str>,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Result<Bytes, Refusal> {
        let framed = self.request_framed(variables, query, content_type, body)?;
        Ok(framed.slice(grpc::PREFIX..))
    }

    /// Translates like [`Transcoder::request`], with the gRPC prefix in front: the body of the
    /// call.
    ///
    /// # Errors
    /// The errors of [`Transcoder::request`].
    pub fn request_framed(
        &self,
        variables: &[(Box<str>, String)],
        query: Option<&str>,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Result<Bytes, Refusal> {
        let mut out = Vec::with_capacity(grpc::PREFIX + body.len() + 32);
        out.extend_from_slice(&[0; grpc::PREFIX]);
        let mut taken_fields = TakenFields::default();
        let bound = self.bound(variables, &mut taken_fields)?;
        self.body(&bound, content_type, body, &mut out)?;
        for field in &bound {
            query::put_nested(&mut out, &field.numbers, &field.encoded);
        }
        self.query(query, taken_fields, !body.is_empty(), &mut out)?;
        grpc::fill_prefix(&mut out)?;
        Ok(out.into())
    }

    /// Translates the message of a response.
    ///
    /// # Errors
    /// [`Refusal::UpstreamInvalid`] when the bytes are no message of the method's type.
    pub fn response(&self, message: &[u8]) -> Result<TranscodedBody, Refusal> {
        self.write(message).map_err(|broken| Refusal::UpstreamInvalid {
            internal: format!("response of {}: {broken}", self.method),
        })
    }

    fn write(&self, message: &[u8]) -> Result<TranscodedBody, Broken> {
        let mut writer = JsonWriter::new(&self.schema, self.emit_defaults, message.len() * 2 + 64);
        let output = self.schema.message(self.output);
        match self.response {
            Outbound::All => writer.message(self.output, message)?,
            Outbound::Field(index) => writer.only(output, index, message)?,
            Outbound::Raw(None) => return raw_content(message),
            Outbound::Raw(Some(index)) => {
                let number = output.fields.get(index).map(|field| field.number);
                return raw_content(last_bytes(message, number)?);
            }
        }
        Ok(TranscodedBody { content_type: Cow::Borrowed(JSON), body: writer.out.into() })
    }

    fn bound(
        &self,
        variables: &[(Box<str>, String)],
        taken_fields: &mut TakenFields,
    ) -> Result<Vec<Bound>, Refusal> {
        let mut bound = Vec::with_capacity(self.path.len());

        for name in &self.path {
            let Some(leaf) = query::leaf(&self.schema, self.input, name) else { continue };
            let value =
                variables.iter().find(|(variable, _)| variable == name).map(|(_, value)| value);
            let value = value.ok_or_else(|| Refusal::Internal {
                internal: format!("{}: the path's {name} was not captured", self.method),
            })?;
            let encoded = leaf.encode(&self.schema, value).map_err(|expected| {
                invalid(Violation {
                    field: name.to_string(),
                    reason: "invalid_value".to_owned(),
                    description: format!("expected {expected}"),
                })
            })?;
            bound.push(Bound { numbers: leaf.numbers.clone(), encoded });
            taken_fields.take(leaf);
        }

        Ok(bound)
    }

    fn body(
        &self,
        bound: &[Bound],
        content_type: Option<&str>,
        body: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        let input = self.schema.message(self.input);

        match self.body {
            Inbound::None if body.is_empty() => Ok(()),
            Inbound::None => Err(Refusal::InvalidArgument {
                detail: "this method takes no body".to_owned(),
                violations: Vec::new(),
            }),
            Inbound::Raw(field) => {
                let field = field.and_then(|index| input.fields.get(index));
                put_raw(out, field.map(|field| field.number), content_type, body);
                Ok(())
            }
            Inbound::All | Inbound::Field(_) if body.is_empty() => Ok(()),
            Inbound::All | Inbound::Field(_) if !is_json(content_type) => {
                Err(Refusal::UnsupportedMediaType { accept: JSON })
            }
            Inbound::All => {
                JsonReader::new(&self.schema, bound, out).root(self.input, body).map_err(invalid)
            }
            Inbound::Field(index) => {
                let Some(field) = input.fields.get(index) else { return Ok(()) };
                JsonReader::new(&self.schema, bound, out).field(field, body).map_err(invalid)
            }
        }
    }

    fn query(
        &self,
        query: Option<&str>,
        mut taken_fields: TakenFields,
        has_body: bool,
        out: &mut Vec<u8>,
    ) -> Result<(), Refusal> {
        let Some(query) = query.filter(|query| !query.is_empty()) else { return Ok(()) };

        if matches!(self.body, Inbound::All | Inbound::Raw(None)) {
            let name = query.split(['&', '=']).next().unwrap_or_default();
            return Err(invalid(Violation {
                field: name.to_owned(),
                reason: "unknown_parameter".to_owned(),
                description: "this method takes no query parameters".to_owned(),
            }));
        }

        if let Inbound::Field(index) | Inbound::Raw(Some(index)) = self.body {
            let field = self.schema.message(self.input).fields.get(index);
            let leaf = field.and_then(|field| query::leaf(&self.schema, self.input, &field.name));
            if let Some(mut leaf) = leaf {
                if !has_body {
                    leaf.forget_oneofs();
                }
                taken_fields.take(leaf);
            }
        }

        query::read(&self.schema, self.input, query, taken_fields, out).map_err(invalid)
    }
}

fn invalid(violation: Violation) -> Refusal {
    let detail = if violation.field.is_empty() {
        format!("the request is not valid: {}", violation.description)
    } else {
        format!("`{}` is not valid: {}", violation.field, violation.description)
    };
    Refusal::InvalidArgument { detail, violations: vec![violation] }
}

/// `application/json`, with no parameter but `charset=utf-8`.
fn is_json(content_type: Option<&str>) -> bool {
    let mut parts = content_type.unwrap_or_default().split(';').map(str::trim);
    parts.next().is_some_and(|media_type| media_type.eq_ignore_ascii_case(JSON))
        && parts.all(|parameter| {
            parameter.split_once('=').is_some_and(|(name, value)| {
                name.eq_ignore_ascii_case("charset")
                    && value.trim_matches('"').eq_ignore_ascii_case("utf-8")
            })
        })
}

/// Content type and data of a `google.api.HttpBody`, within a field or bare.
fn put_raw(out: &mut Vec<u8>, field: Option<u32>, content_type: Option<&str>, body: &[u8]) {
    let start = field.map(|number| {
        put_tag(out, number, Layout::Bytes);
        open(out)
    });
    for (number, bytes) in [(1, content_type.unwrap_or_default().as_bytes()), (2, body)] {
        if !bytes.is_empty() {
            put_tag(out, number, Layout::Bytes);
            put_bytes(out, bytes);
        }
    }
    if let Some(start) = start {
        close(out, start);
    }
}

fn raw_content(message: &[u8]) -> Result<TranscodedBody, Broken> {
    let content_type = last_bytes(message, Some(1))?;
    let content_type = std::str::from_utf8(content_type)
        .ok()
        .filter(|text| text.bytes().all(|b| (0x20..0x7f).contains(&b)))
        .ok_or(Broken("a content type that is no text"))?;
    let content_type = match content_type {
        "" => Cow::Borrowed("application/octet-stream"),
        given => Cow::Owned(given.to_owned()),
    };
    let body = Bytes::copy_from_slice(last_bytes(message, Some(2))?);
    Ok(TranscodedBody { content_type, body })
}

fn last_bytes(message: &[u8], number: Option<u32>) -> Result<&[u8], Broken> {
    let mut last: &[u8] = &[];
    let mut cursor = Cursor(message);
    while let Some((field, raw)) = cursor.field()? {
        if let (true, Raw::Bytes(bytes)) = (Some(field) == number, raw) {
            last = bytes;
        }
    }
    Ok(last)
}

/// Checks of a binding at load.
struct Load<'a> {
    schema: &'a Schema,
    method: &'a str,
}

impl Load<'_> {
    fn path(&self, input: MessageId, binding: &HttpBinding) -> Result<Vec<Box<str>>, Error> {
        let sound =
            |leaf: &QueryLeaf<'_>| leaf.field.shape == Shape::One && leaf.is_primitive(self.schema);
        let mut numbers = Vec::new();
        for name in binding.template.variables() {
            let leaf = query::leaf(self.schema, input, name).filter(sound);
            let expected = "a single primitive field of the request";
            let leaf = leaf.ok_or_else(|| self.error(name, "path", expected))?;
            if numbers.contains(&leaf.numbers) {
                return Err(self.error(name, "path", "each field once"));
            }
            numbers.push(leaf.numbers);
        }
        Ok(binding.template.variables().map(Into::into).collect())
    }

    fn inbound(&self, input: MessageId, body: &Body) -> Result<Inbound, Error> {
        let message = self.schema.message(input);
        Ok(match body {
            Body::None => Inbound::None,
            Body::All if &*message.name == HTTP_BODY => Inbound::Raw(None),
            Body::All => Inbound::All,
            Body::Field(name) => match self.field(input, name, "body")? {
                (index, true) => Inbound::Raw(Some(index)),
                (index, false) => Inbound::Field(index),
            },
        })
    }

    fn outbound(&self, output: MessageId, field: Option<&str>) -> Result<Outbound, Error> {
        let raw = &*self.schema.message(output).name == HTTP_BODY;
        Ok(match field {
            None if raw => Outbound::Raw(None),
            None => Outbound::All,
            Some(name) => match self.field(output, name, "response body")? {
                (index, true) => Outbound::Raw(Some(index)),
                (index, false) => Outbound::Field(index),
            },
        })
    }

    /// A top-level field, and whether it is a single `google.api.HttpBody`.
    fn field(&self, id: MessageId, name: &str, part: &'static str) -> Result<(usize, bool), Error> {
        let named_field = self.schema.message(id).named(name);
        let (index, field) = named_field
            .ok_or_else(|| self.error(name, part, "a top-level field of the message"))?;
        let raw = matches!(field.kind, FieldKind::Message(id)
            if &*self.schema.message(id).name == HTTP_BODY);
        Ok((index, raw && field.shape == Shape::One))
    }

    fn error(&self, field: &str, part: &'static str, expected: &'static str) -> Error {
        Error::Field { method: self.method.to_owned(), field: field.to_owned(), part, expected }
    }
}
