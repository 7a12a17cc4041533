//! The messages of a stream, as its bytes come.

use bytes::{Buf, Bytes, BytesMut};
use tollgate_chain::Error as Refusal;

use super::PREFIX;

/// Takes messages out of a stream. Holds one message and one piece at most.
#[derive(Debug)]
pub struct Deframer {
    held: BytesMut,
    limit: usize,
}

impl Deframer {
    /// Makes one for messages of at most `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { held: BytesMut::new(), limit }
    }

    /// Takes the next piece of the stream.
    pub fn push(&mut self, piece: &[u8]) {
        self.held.extend_from_slice(piece);
    }

    /// Returns the next message, if it is whole.
    ///
    /// # Errors
    /// [`Refusal::UpstreamInvalid`]: longer than the limit, or compressed although no compression
    /// was offered.
    pub fn next_message(&mut self) -> Result<Option<Bytes>, Refusal> {
        let invalid = |internal: &str| Refusal::UpstreamInvalid { internal: internal.to_owned() };
        let Some(&[flag, a, b, c, d]) = self.held.first_chunk::<PREFIX>() else {
            return Ok(None);
        };
        if flag != 0 {
            return Err(invalid("a gRPC message is compressed, which was not offered"));
        }
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        if length > self.limit {
            return Err(invalid("a gRPC message is longer than the limit"));
        }
        if self.held.len() - PREFIX < length {
            return Ok(None);
        }
        self.held.advance(PREFIX);
        Ok(Some(self.held.split_to(length).freeze()))
    }

    /// Tells whether a message was begun and is not whole.
    #[must_use]
    pub fn is_within_message(&self) -> bool {
        !self.held.is_empty()
    }
}
