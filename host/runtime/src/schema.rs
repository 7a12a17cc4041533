//! The JSON Schema of a policy's settings, which a component may carry with it: in a custom section
//! of the file, so that no instance has a byte of it in its memory.

use crate::sections;

/// The name of the custom section.
const SECTION: &str = "tollgate:settings-schema";
/// Most bytes of a schema.
const BYTES_MAX: usize = 256 << 10;

/// Why a component's schema cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// It is longer than any settings need.
    #[error("the settings schema has {bytes} bytes; at most {BYTES_MAX} are accepted")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// It is no text.
    #[error("the settings schema is not UTF-8")]
    NotText,
}

/// The text of the schema that the component carries in its custom section
/// `tollgate:settings-schema`, if it does; the section may be the component's own or that of a
/// core module within it. Whether it is JSON is for the reader to find.
///
/// # Errors
/// There is one that cannot be used.
pub fn settings_schema(file: &[u8]) -> Result<Option<&str>, SchemaError> {
    let Some(bytes) = sections::custom(file, SECTION) else { return Ok(None) };
    if bytes.len() > BYTES_MAX {
        return Err(SchemaError::TooLarge { bytes: bytes.len() });
    }
    std::str::from_utf8(bytes).map(Some).map_err(|_| SchemaError::NotText)
}
