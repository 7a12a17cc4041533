//! Gathers the pieces of a body that is read whole.

use bytes::{Bytes, BytesMut};

/// The pieces so far. A body of one piece is not copied.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    first: Bytes,
    /// Empty until there is a second piece; then `first` is in it too.
    joined: BytesMut,
}

impl Pieces {
    /// The bytes gathered so far.
    pub(super) fn len(&self) -> usize {
        self.first.len().max(self.joined.len())
    }

    pub(super) fn push(&mut self, piece: Bytes) {
        if self.first.is_empty() {
            self.first = piece;
            return;
        }

        if self.joined.is_empty() {
            self.joined.extend_from_slice(&self.first);
        }
        self.joined.extend_from_slice(&piece);
    }

    pub(super) fn into_bytes(self) -> Bytes {
        if self.joined.is_empty() { self.first } else { self.joined.freeze() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(pieces: &[&'static str]) -> Bytes {
        let mut gathered = Pieces::default();
        for piece in pieces {
            gathered.push(Bytes::from_static(piece.as_bytes()));
        }
        let length = gathered.len();
        let bytes = gathered.into_bytes();
        assert_eq!(bytes.len(), length);
        bytes
    }

    #[test]
    fn pieces_are_joined_in_order_and_one_alone_is_not_copied() {
        let one = Bytes::from_static(b"one");
        let mut gathered = Pieces::default();
        gathered.push(one.clone());
        assert_eq!(gathered.into_bytes().as_ptr(), one.as_ptr());
        assert_eq!(&joined(&["a", "", "bc", "d"])[..], b"abcd");
        assert_eq!(&joined(&["", "a"])[..], b"a");
        assert!(joined(&[]).is_empty());
    }
}
