//! The operation key and the request's fingerprint, as the gateway sends them.

use data_encoding::HEXLOWER;
use tollgate_terms::metadata::{OPERATION_KEY, REQUEST_FINGERPRINT};
use tonic::metadata::MetadataMap;

use crate::error::Error;

/// The identity of an operation: two calls with the same key are the same operation, and must then
/// have the same fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    pub(super) key: [u8; 32],
    pub(super) fingerprint: [u8; 32],
}

impl Operation {
    /// Makes an operation from both digests, for tests and for operations without a gateway.
    #[must_use]
    pub fn new(key: [u8; 32], fingerprint: [u8; 32]) -> Self {
        Self { key, fingerprint }
    }

    /// Reads the operation from a call's metadata; none if the gateway sent neither entry.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if one entry is missing, repeated, or not 64 lower-case hex digits.
    pub fn optional(metadata: &MetadataMap) -> Result<Option<Self>, Error> {
        match (digest(metadata, OPERATION_KEY)?, digest(metadata, REQUEST_FINGERPRINT)?) {
            (Some(key), Some(fingerprint)) => Ok(Some(Self { key, fingerprint })),
            (None, None) => Ok(None),
            (Some(_), None) => Err(invalid(REQUEST_FINGERPRINT)),
            (None, Some(_)) => Err(invalid(OPERATION_KEY)),
        }
    }

    /// Reads the operation from a call's metadata.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if it is absent or malformed.
    pub fn required(metadata: &MetadataMap) -> Result<Self, Error> {
        Self::optional(metadata)?.ok_or_else(|| invalid(OPERATION_KEY))
    }
}

fn digest(metadata: &MetadataMap, name: &'static str) -> Result<Option<[u8; 32]>, Error> {
    let mut values = metadata.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(invalid(name));
    }
    let text = value.to_str().map_err(|_| invalid(name))?;
    let bytes = HEXLOWER.decode(text.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.map(Some).ok_or_else(|| invalid(name))
}

fn invalid(name: &'static str) -> Error {
    Error::invalid(name, "OPERATION_KEY_INVALID", "must be 64 lower-case hex digits, once")
}
