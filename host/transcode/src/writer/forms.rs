//! Messages whose JSON form is their own.

use super::JsonWriter;
use crate::schema::{FieldKind, JsonForm, Message, MessageId};
use crate::wellknown;
use crate::wire::{Broken, Cursor, Raw};

impl JsonWriter<'_> {
    pub(super) fn form(&mut self, id: MessageId, bytes: &[u8]) -> Result<(), Broken> {
        let message = self.schema.message(id);

        match message.form {
            JsonForm::Plain => {
                self.out.push('{');
                self.members(message, bytes, true)?;
                self.out.push('}');
            }
            JsonForm::Any => self.any(bytes)?,
            JsonForm::Timestamp => {
                let (seconds, nanos) = wellknown::time(bytes)?;
                self.quoted(wellknown::timestamp_text(seconds, nanos)?);
            }
            JsonForm::Duration => {
                let (seconds, nanos) = wellknown::time(bytes)?;
                self.quoted(wellknown::duration_text(seconds, nanos)?);
            }
            JsonForm::FieldMask => {
                let text = wellknown::field_mask_text(bytes)?;
                self.escaped(&text);
            }
            JsonForm::Struct | JsonForm::ListValue | JsonForm::Wrapper => {
                self.only(message, 0, bytes)?
            }
            JsonForm::Value => self.free(message, bytes)?,
        }

        Ok(())
    }

    /// `google.protobuf.Value`: whichever member came last.
    fn free(&mut self, message: &Message, bytes: &[u8]) -> Result<(), Broken> {
        let mut member = None;
        let mut cursor = Cursor(bytes);
        while let Some((number, raw)) = cursor.field()? {
            if let Some((_, field)) = message.numbered(number) {
                member = Some((field, raw));
            }
        }
        match member {
            None => Err(Broken("a google.protobuf.Value without a value")),
            Some((field, Raw::Eight(bits)))
                if field.kind == FieldKind::Double && !f64::from_bits(bits).is_finite() =>
            {
                Err(Broken("a google.protobuf.Value with a number that JSON lacks"))
            }
            Some((field, raw)) => self.value(field.kind, raw),
        }
    }

    fn any(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        let (mut url, mut content): (&[u8], &[u8]) = (&[], &[]);
        let mut cursor = Cursor(bytes);

        while let Some((number, raw)) = cursor.field()? {
            match (number, raw) {
                (1, Raw::Bytes(bytes)) => url = bytes,
                (2, Raw::Bytes(bytes)) => content = bytes,
                _ => {}
            }
        }

        if url.is_empty() && content.is_empty() {
            self.out.push_str("{}");
            return Ok(());
        }

        let url = std::str::from_utf8(url).map_err(|_| Broken("a type that is not UTF-8"))?;
        let name = url.rsplit_once('/').map(|(_, name)| name);
        let id = name.and_then(|name| self.schema.find(name));
        let id = id.ok_or(Broken("an Any of a type that is not in the descriptors"))?;
        let message = self.schema.message(id);
        self.out.push_str("{\"@type\":");
        self.escaped(url);

        if message.form == JsonForm::Plain {
            self.members(message, content, false)?;
        } else {
            self.out.push_str(",\"value\":");
            self.message(id, content)?;
        }

        self.out.push('}');
        Ok(())
    }
}
