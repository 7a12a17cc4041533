//! The protobuf wire format: tags, varints, lengths. Knows nothing of descriptors.

/// The layout of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    Varint = 0,
    Eight = 1,
    Bytes = 2,
    Four = 5,
}

/// One value as it came.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Raw<'a> {
    Varint(u64),
    Eight(u64),
    Bytes(&'a [u8]),
    Four(u32),
}

impl<'a> Raw<'a> {
    /// The content of a length-delimited value.
    pub(crate) fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Varint(_) | Self::Eight(_) | Self::Four(_) => None,
        }
    }
}

/// The bytes are not a protobuf message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a protobuf message: {0}")]
pub(crate) struct Broken(pub(crate) &'static str);

/// Groups nested deeper than this are refused.
const GROUPS_MAX: usize = 32;

pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(low_byte(value) | 0x80);
        value >>= 7;
    }
    out.push(low_byte(value));
}

fn low_byte(value: u64) -> u8 {
    value.to_le_bytes()[0]
}

pub(crate) fn put_tag(out: &mut Vec<u8>, number: u32, layout: Layout) {
    put_varint(out, u64::from(number) << 3 | layout as u64);
}

pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Opens a length-delimited stretch; most lengths take one byte, so one is set aside.
pub(crate) fn open(out: &mut Vec<u8>) -> usize {
    out.push(0);
    out.len()
}

/// Closes the stretch that began at `start`: writes its length in front of it.
pub(crate) fn close(out: &mut Vec<u8>, start: usize) {
    let length = out.len() - start;
    if let (Ok(short @ 0..=0x7f), Some(place)) = (u8::try_from(length), out.get_mut(start - 1)) {
        *place = short;
        return;
    }
    let mut prefix = Vec::with_capacity(10);
    put_varint(&mut prefix, length as u64);
    out.splice(start - 1..start, prefix);
}

/// A cursor over a message.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a>(pub(crate) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn varint(&mut self) -> Result<u64, Broken> {
        let mut value = 0u64;
        for shift in (0..=63).step_by(7) {
            let (&byte, rest) = self.0.split_first().ok_or(Broken("a cut varint"))?;
            self.0 = rest;
            // Nine bytes hold 63 bits. What is beyond the 64th would be cut off without a word.
            if shift == 63 && byte > 1 {
                return Err(Broken("a varint of more than 64 bits"));
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Broken("a varint of more than 64 bits"))
    }

    pub(crate) fn four(&mut self) -> Result<u32, Broken> {
        let (head, rest) = self.0.split_first_chunk().ok_or(Broken("a cut fixed32"))?;
        self.0 = rest;
        Ok(u32::from_le_bytes(*head))
    }

    pub(crate) fn eight(&mut self) -> Result<u64, Broken> {
        let (head, rest) = self.0.split_first_chunk().ok_or(Broken("a cut fixed64"))?;
        self.0 = rest;
        Ok(u64::from_le_bytes(*head))
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Broken> {
        let length = usize::try_from(self.varint()?).map_err(|_| Broken("a length"))?;
        let (head, rest) = self.0.split_at_checked(length).ok_or(Broken("a cut value"))?;
        self.0 = rest;
        Ok(head)
    }

    /// The next field; groups, which proto3 does not have, are skipped.
    pub(crate) fn field(&mut self) -> Result<Option<(u32, Raw<'a>)>, Broken> {
        while !self.is_empty() {
            let (number, wire_type) = self.tag()?;
            let raw = match wire_type {
                0 => Raw::Varint(self.varint()?),
                1 => Raw::Eight(self.eight()?),
                2 => Raw::Bytes(self.bytes()?),
                5 => Raw::Four(self.four()?),
                3 => {
                    self.skip_group(number)?;
                    continue;
                }
                _ => return Err(Broken("an unknown wire type")),
            };
            return Ok(Some((number, raw)));
        }
        Ok(None)
    }

    fn tag(&mut self) -> Result<(u32, u64), Broken> {
        let tag = self.varint()?;
        match u32::try_from(tag >> 3) {
            Ok(number @ 1..=0x1fff_ffff) => Ok((number, tag & 7)),
            _ => Err(Broken("a field number out of range")),
        }
    }

    fn skip_group(&mut self, number: u32) -> Result<(), Broken> {
        let mut open = vec![number];
        while let Some(innermost) = open.last().copied() {
            let (number, wire_type) = self.tag()?;
            match wire_type {
                0 => drop(self.varint()?),
                1 => drop(self.eight()?),
                2 => drop(self.bytes()?),
                5 => drop(self.four()?),
                3 if open.len() < GROUPS_MAX => open.push(number),
                4 if number == innermost => drop(open.pop()),
                _ => return Err(Broken("a broken group")),
            }
        }
        Ok(())
    }
}

pub(crate) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

pub(crate) fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}
