//! Room for small bodies that are read before they are sent: bounded for each body and in all.

use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes of all bodies that are held at this moment.
static HELD: AtomicU64 = AtomicU64::new(0);
/// Most bytes of bodies that are held at once. When they are used up, bodies are passed on as they
/// come, as large ones are.
const HELD_MAX: u64 = 64 * 1024 * 1024;

/// The room of one body; given back when dropped.
#[derive(Debug)]
pub(crate) struct BufferRoom(u64);

impl BufferRoom {
    /// Largest body that is held, in bytes.
    pub(crate) const BYTES: usize = 64 * 1024;

    /// Takes room for a body of `least` to `most` bytes, if it is small and there is room.
    pub(crate) fn take(least: u64, most: Option<u64>) -> Option<Self> {
        let bytes = most.unwrap_or(Self::BYTES as u64);
        if least.max(bytes) > Self::BYTES as u64 {
            return None;
        }
        HELD.try_update(Ordering::Relaxed, Ordering::Relaxed, |held| {
            Some(held + bytes).filter(|held| *held <= HELD_MAX)
        })
        .is_ok()
        .then(|| Self(bytes))
    }
}

impl Drop for BufferRoom {
    fn drop(&mut self) {
        HELD.fetch_sub(self.0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_bodies_get_no_room_and_neither_do_those_that_come_when_it_is_used_up() {
        assert!(BufferRoom::take(1 << 20, Some(1 << 20)).is_none());
        assert!(BufferRoom::take(1 << 20, None).is_none());
        let full: Vec<_> = std::iter::from_fn(|| BufferRoom::take(0, None)).collect();
        assert_eq!(full.len() as u64, HELD_MAX / BufferRoom::BYTES as u64);
        assert!(BufferRoom::take(1, Some(1)).is_none());
        drop(full);
        assert!(BufferRoom::take(1, Some(1)).is_some());
    }
}
