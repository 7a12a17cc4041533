//! Counts HTTP/2 control frames below the protocol's own implementation, which bounds resets,
//! CONTINUATION and small DATA but neither SETTINGS, PING nor PRIORITY: each of those costs us
//! work and the peer nothing.

use std::time::Duration;

use tokio::time::Instant;

/// Reads frame headers out of the bytes as they pass.
#[derive(Debug)]
pub(super) struct Frames {
    max: u32,
    window: Duration,
    skip: usize,
    header: [u8; HEADER],
    filled: usize,
    since: Instant,
    control: u32,
    earned: u32,
    written: usize,
}

const HEADER: usize = 9;
const PREFACE: usize = 24;
const WINDOW: Duration = Duration::from_secs(10);

/// One control frame is owed for so many bytes that we send: peers measure bandwidth by PING.
const BYTES_FOR_ONE: usize = 16 * 1024;

impl Frames {
    /// At most `max` control frames in ten seconds, beside one for each HEADERS and DATA frame
    /// and for each 16 KiB that we send.
    pub(super) fn new(max: u32) -> Self {
        Self {
            max,
            window: WINDOW,
            skip: PREFACE,
            header: [0; HEADER],
            filled: 0,
            since: Instant::now(),
            control: 0,
            earned: 0,
            written: 0,
        }
    }

    /// Accounts for bytes that we sent.
    pub(super) fn sent(&mut self, bytes: usize) {
        self.written = self.written.saturating_add(bytes);
    }

    /// Accounts for bytes that came in; false when there were too many control frames.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = bytes.get(skipped..).unwrap_or_default();
            let copied = bytes.len().min(HEADER - self.filled);
            let (head, rest) = bytes.split_at_checked(copied).unwrap_or((bytes, &[]));
            for (to, from) in self.header.iter_mut().skip(self.filled).zip(head) {
                *to = *from;
            }
            self.filled += copied;
            bytes = rest;
            if self.filled == HEADER && !self.frame() {
                return false;
            }
        }
        true
    }

    fn frame(&mut self) -> bool {
        let [a, b, c, kind, ..] = self.header;
        self.filled = 0;
        self.skip = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        match kind {
            DATA | HEADERS => {
                self.earned = self.earned.saturating_add(1);
                true
            }
            PRIORITY | SETTINGS | PING => self.count(),
            _ => true,
        }
    }

    fn count(&mut self) -> bool {
        self.control = self.control.saturating_add(1);
        let sent = u32::try_from(self.written / BYTES_FOR_ONE).unwrap_or(u32::MAX);
        let allowed = self.max.saturating_add(self.earned).saturating_add(sent);
        if self.control <= allowed {
            return true;
        }
        if self.since.elapsed() < self.window {
            return false;
        }
        self.since = Instant::now();
        (self.control, self.earned, self.written) = (1, 0, 0);
        true
    }
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const SETTINGS: u8 = 4;
const PING: u8 = 6;

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, length: u8) -> Vec<u8> {
        let mut frame = vec![0, 0, length, kind, 0, 0, 0, 0, 0];
        frame.extend(vec![kind; length.into()]);
        frame
    }

    fn opened(max: u32) -> Frames {
        let mut frames = Frames::new(max);
        assert!(frames.feed(&[0; PREFACE]));
        frames
    }

    #[tokio::test]
    async fn control_frames_beyond_the_allowance_are_a_flood() {
        for kind in [PRIORITY, SETTINGS, PING] {
            let mut frames = opened(3);
            for _ in 0..3 {
                assert!(frames.feed(&frame(kind, 8)));
            }
            assert!(!frames.feed(&frame(kind, 8)), "frame type {kind}");
        }
    }

    #[tokio::test]
    async fn frames_are_found_however_the_bytes_are_cut() {
        let stream: Vec<u8> = (0..4).flat_map(|_| frame(PING, 8)).collect();
        for size in 1..stream.len() {
            let mut frames = opened(3);
            let flooded = stream.chunks(size).any(|bytes| !frames.feed(bytes));
            assert!(flooded, "pieces of {size} bytes");
            let mut frames = opened(4);
            assert!(stream.chunks(size).all(|bytes| frames.feed(bytes)), "pieces of {size} bytes");
        }
    }

    #[tokio::test]
    async fn work_earns_control_frames() {
        let mut frames = opened(0);
        assert!(frames.feed(&frame(HEADERS, 20)) && frames.feed(&frame(PING, 8)));
        frames.sent(BYTES_FOR_ONE);
        assert!(frames.feed(&frame(PING, 8)));
        assert!(!frames.feed(&frame(PING, 8)));
    }

    #[tokio::test]
    async fn the_allowance_returns_when_its_window_is_over() {
        let mut frames = Frames { window: Duration::ZERO, ..opened(1) };
        for _ in 0..10 {
            assert!(frames.feed(&frame(PING, 8)));
        }
    }
}
