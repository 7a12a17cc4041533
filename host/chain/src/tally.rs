//! A counter that many threads count on without waiting for each other's cache lines.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Parts of a counter; threads beyond so many share parts.
const PARTS: usize = 8;

/// A counter in parts, each on cache lines of its own and used by a few threads.
#[derive(Debug, Default)]
pub struct Tally([Part; PARTS]);

#[derive(Debug, Default)]
#[repr(align(128))]
struct Part(AtomicU64);

impl Tally {
    /// Adds `amount` and gives the new value of this thread's part.
    pub fn add(&self, amount: u64) -> u64 {
        let part = PART.with(|own| *own);
        let before = self.0.get(part).map(|part| part.0.fetch_add(amount, Ordering::Relaxed));
        before.unwrap_or_default() + amount
    }

    /// The sum of all parts. Counts that are under way may or may not be in it.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.0.iter().map(|part| part.0.load(Ordering::Relaxed)).sum()
    }
}

static NEXT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static PART: usize = NEXT.fetch_add(1, Ordering::Relaxed) % PARTS;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_count_of_any_thread_is_lost() {
        let tally = Tally::default();
        std::thread::scope(|scope| {
            for _ in 0..2 * PARTS {
                scope.spawn(|| (0..1_000).map(|_| tally.add(1)).max());
            }
        });
        assert_eq!(tally.sum(), 2_000 * PARTS as u64);
    }

    #[test]
    fn a_thread_sees_its_own_counts_in_order() {
        let tally = Tally::default();
        let seen = std::thread::scope(|scope| {
            scope.spawn(|| [tally.add(1), tally.add(1), tally.add(3)]).join()
        });
        assert_eq!(seen.unwrap(), [1, 2, 5]);
    }
}
