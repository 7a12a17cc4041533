//! The body of gRPC-Web in base64, for callers that cannot read bytes as they come.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose};
use bytes::Bytes;

/// Characters that make three bytes.
const GROUP: usize = 4;

/// Padding may be missing at the end.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Encodes one piece of a body, padded: a reader takes pieces one by one.
#[must_use]
pub fn encode_text(bytes: &[u8]) -> Bytes {
    general_purpose::STANDARD.encode(bytes).into()
}

/// The body is not base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body of gRPC-Web text is not base64")]
pub struct MalformedText;

/// Decodes a body as it comes. Its pieces may be cut anywhere, and padding may stand within it,
/// where the caller joined what it had encoded piece by piece. Holds three characters at most.
#[derive(Debug, Default)]
pub struct TextDecoder {
    held: Vec<u8>,
}

impl TextDecoder {
    /// Decodes what is whole of a piece, after what was left of those before.
    ///
    /// # Errors
    /// [`MalformedText`].
    pub fn decode(&mut self, piece: &[u8]) -> Result<Bytes, MalformedText> {
        self.held.extend_from_slice(piece);
        let whole = self.held.len() - self.held.len() % GROUP;
        let left = self.held.split_off(whole);
        let text = std::mem::replace(&mut self.held, left);

        let mut decoded = Vec::with_capacity(text.len() / GROUP * 3);
        let mut rest = text.as_slice();
        while !rest.is_empty() {
            // The engine takes padding at the end only: each part ends with a padded group.
            let padded = rest.chunks(GROUP).position(|group| group.contains(&b'='));
            let part = padded.map_or(rest.len(), |index| (index + 1) * GROUP);
            let (part, after) = rest.split_at_checked(part).ok_or(MalformedText)?;
            LENIENT.decode_vec(part, &mut decoded).map_err(|_| MalformedText)?;
            rest = after;
        }
        Ok(decoded.into())
    }

    /// Decodes the last group, whose padding may be missing.
    ///
    /// # Errors
    /// [`MalformedText`].
    pub fn finish(&mut self) -> Result<Bytes, MalformedText> {
        let text = std::mem::take(&mut self.held);
        LENIENT.decode(text).map(Bytes::from).map_err(|_| MalformedText)
    }
}
