//! SHA-256 digests as keys of tables.

use std::hash::{Hash, Hasher};

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use ring::digest::{Digest, SHA256, digest};

/// A SHA-256 digest. Compared whole, and hashed by its first eight bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sha256Digest(pub [u8; 32]);

impl Sha256Digest {
    /// Computes the digest of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self::from(digest(&SHA256, bytes))
    }

    /// Parses 64 hexadecimal digits of either case.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let bytes = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// Returns 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn hex(&self) -> String {
        HEXLOWER.encode(&self.0)
    }
}

impl From<Digest> for Sha256Digest {
    /// Takes the first 32 bytes, which are all of a SHA-256.
    fn from(digest: Digest) -> Self {
        Self(digest.as_ref().first_chunk().copied().unwrap_or_default())
    }
}

impl Hash for Sha256Digest {
    /// Eight bytes of a digest spread as well as all of them. A table whose keys callers choose must
    /// hash them under a key of its own.
    fn hash<H: Hasher>(&self, state: &mut H) {
        if let Some(first) = self.0.first_chunk() {
            state.write_u64(u64::from_le_bytes(*first));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The digest of "abc" (FIPS 180-4).
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_digest_is_read_in_either_case_and_written_in_lower_case() {
        let digest = Sha256Digest::of(b"abc");
        assert_eq!(digest.hex(), ABC);
        assert_eq!(Sha256Digest::from_hex(ABC), Some(digest));
        assert_eq!(Sha256Digest::from_hex(&ABC.to_uppercase()), Some(digest));
    }

    #[test]
    fn other_texts_are_no_digests() {
        for text in ["", "ab", &ABC[..63], &ABC[..62], &format!("{ABC}00"), &ABC.replace('b', "g")]
        {
            assert_eq!(Sha256Digest::from_hex(text), None, "{text}");
        }
    }
}
