//! Follows the frames of one direction of a WebSocket (RFC 6455 §5.2) without keeping any of them.

use std::io::Cursor;

use ring::rand::{SecureRandom, SystemRandom};
use smallvec::SmallVec;
use tungstenite::Utf8Bytes;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};
use tungstenite::protocol::frame::{Frame, FrameHeader};

/// Longest head of a frame: flags, length and mask (RFC 6455 §5.2).
pub(super) const HEAD_BYTES_MAX: usize = 14;
/// Longest payload of a control frame (RFC 6455 §5.5).
const CONTROL_BYTES_MAX: u64 = 125;

/// Which side sends the frames. Those of the caller are masked, those of the upstream are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FrameSource {
    /// The caller, whose messages are bounded.
    Caller {
        /// Longest message, in bytes as they are sent.
        message_bytes_max: u64,
    },
    /// The upstream.
    Upstream,
}

/// Why no further frame is passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FrameStop {
    /// A close frame was passed on, with this code.
    Closed(Option<u16>),
    /// A message grows larger than it may; the frame is not passed on.
    TooLarge,
    /// A frame is not one of the protocol, and is not passed on.
    Invalid(&'static str),
    /// The frame that was asked for is at its end.
    Boundary,
}

/// Follows frames from head to head.
#[derive(Debug)]
pub(super) struct FrameReader {
    source: FrameSource,
    /// Bytes of the payload that are still to come.
    left: u64,
    /// Bytes of the message so far, within a message of several frames.
    message_bytes: Option<u64>,
    close: Option<ClosePayload>,
}

/// The code at the begin of a close frame's payload.
#[derive(Debug)]
struct ClosePayload {
    mask: [u8; 4],
    code: SmallVec<[u8; 2]>,
}

impl FrameReader {
    pub(super) fn new(source: FrameSource) -> Self {
        Self { source, left: 0, message_bytes: None, close: None }
    }

    /// Tells whether what was passed on ends with a whole frame.
    pub(super) fn is_at_boundary(&self) -> bool {
        self.left == 0
    }

    /// Returns how many of the bytes may be passed on, and why not the rest. Without a reason the
    /// rest is the begin of a head, to be given again with what follows it. With `only_current` no
    /// further frame begins.
    pub(super) fn follow(
        &mut self,
        bytes: &[u8],
        only_current: bool,
    ) -> (usize, Option<FrameStop>) {
        let mut passed = 0;
        loop {
            let rest = bytes.get(passed..).unwrap_or_default();
            passed += self.payload(rest);
            if self.left > 0 {
                return (passed, None);
            }
            if let Some(close) = self.close.take() {
                return (passed, Some(FrameStop::Closed(close.code())));
            }
            if only_current {
                return (passed, Some(FrameStop::Boundary));
            }

            let mut head = Cursor::new(bytes.get(passed..).unwrap_or_default());
            match FrameHeader::parse(&mut head) {
                Ok(None) => return (passed, None),
                Ok(Some((header, length))) => {
                    if let Err(stop) = self.begin(&header, length) {
                        return (passed, Some(stop));
                    }
                    passed += usize::try_from(head.position()).unwrap_or(usize::MAX);
                }
                Err(_) => return (passed, Some(FrameStop::Invalid("an opcode is unknown"))),
            }
        }
    }

    /// Passes over what is there of the current payload.
    fn payload(&mut self, bytes: &[u8]) -> usize {
        let count = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
        if let Some(close) = &mut self.close {
            close.note(bytes.get(..count).unwrap_or_default());
        }
        self.left -= count as u64;
        count
    }

    fn begin(&mut self, header: &FrameHeader, length: u64) -> Result<(), FrameStop> {
        let is_masked = matches!(self.source, FrameSource::Caller { .. });
        if header.mask.is_some() != is_masked {
            let wrong = if is_masked { "a frame has no mask" } else { "a frame has a mask" };
            return Err(FrameStop::Invalid(wrong));
        }
        if length > i64::MAX.unsigned_abs() {
            return Err(FrameStop::Invalid("a length has its highest bit set"));
        }

        match header.opcode {
            OpCode::Control(control) => {
                if !header.is_final || length > CONTROL_BYTES_MAX {
                    return Err(FrameStop::Invalid("a control frame is in parts, or too long"));
                }
                if control == Control::Close {
                    let mask = header.mask.unwrap_or_default();
                    self.close = Some(ClosePayload { mask, code: SmallVec::new() });
                }
            }
            OpCode::Data(data) => self.message(data, header.is_final, length)?,
        }
        self.left = length;
        Ok(())
    }

    /// Adds a frame to its message.
    fn message(&mut self, data: Data, is_final: bool, length: u64) -> Result<(), FrameStop> {
        let before = match (data == Data::Continue, self.message_bytes) {
            (true, Some(bytes)) => bytes,
            (false, None) => 0,
            (true, None) => {
                return Err(FrameStop::Invalid("a message begins with its second part"));
            }
            (false, Some(_)) => return Err(FrameStop::Invalid("a message begins within another")),
        };

        let bytes = before.saturating_add(length);
        if let FrameSource::Caller { message_bytes_max } = self.source
            && bytes > message_bytes_max
        {
            return Err(FrameStop::TooLarge);
        }
        self.message_bytes = (!is_final).then_some(bytes);
        Ok(())
    }
}

impl ClosePayload {
    fn note(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if self.code.len() < 2 {
                let mask = self.mask.get(self.code.len()).copied().unwrap_or_default();
                self.code.push(byte ^ mask);
            }
        }
    }

    fn code(&self) -> Option<u16> {
        match *self.code {
            [high, low] => Some(u16::from_be_bytes([high, low])),
            _ => None,
        }
    }
}

/// Writes a close frame for the side that `source` sends to: masked as its frames are.
pub(super) fn close_frame(source: FrameSource, code: u16, reason: &'static str) -> Vec<u8> {
    let reason = Utf8Bytes::from_static(reason);
    let mut frame = Frame::close(Some(CloseFrame { code: code.into(), reason }));
    if matches!(source, FrameSource::Caller { .. }) {
        let mut mask = [0; 4];
        // A text of the gateway's own gives nobody a hold, were the mask known.
        let _ = SystemRandom::new().fill(&mut mask);
        frame.header_mut().mask = Some(mask);
    }

    let mut bytes = Vec::with_capacity(frame.len());
    // Writing into memory does not fail.
    let _ = frame.format(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests;
