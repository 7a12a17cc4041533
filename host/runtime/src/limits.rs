//! Limits of one run of a policy, and the bounds within which they can be set.

use std::ops::RangeInclusive;
use std::time::Duration;

/// A limit that lies outside of its bounds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: expected {least} to {most}, found {found}")]
pub struct OutOfBounds {
    /// The limit, with its unit.
    pub name: &'static str,
    /// The least that can be set.
    pub least: u64,
    /// The most that can be set.
    pub most: u64,
    /// The value that was given.
    pub found: u64,
}

/// Limits of one run of a policy. The stack is bounded for the whole engine, questions and
/// bytes of answers by [`tollgate_chain::Run`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RunLimits {
    time: Duration,
    memory_bytes: usize,
    table_elements: usize,
}

impl RunLimits {
    /// Most milliseconds of running that a policy can be given.
    pub const TIME_MS: RangeInclusive<u64> = 1..=1_000;
    /// Linear memory that a policy can be given: one page to 16 MiB.
    pub const MEMORY_BYTES: RangeInclusive<u64> = 65_536..=16_777_216;
    /// Table elements that a policy can be given.
    pub const TABLE_ELEMENTS: RangeInclusive<u64> = 1..=20_000;

    /// Limits within their bounds.
    ///
    /// `time` is what the guest itself may run, in whole milliseconds: waits of the host are not
    /// charged, and configuring has a budget of its own of the same size. `memory_bytes` holds
    /// for all memories of an instance together, and once more for the arguments of all its
    /// questions; `table_elements` for all its tables together.
    ///
    /// # Errors
    /// Names the first limit that is out of its bounds.
    pub fn new(
        time: Duration,
        memory_bytes: usize,
        table_elements: usize,
    ) -> Result<Self, OutOfBounds> {
        let time_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        within("time (ms)", time_ms, Self::TIME_MS)?;
        within("memory (bytes)", widen(memory_bytes), Self::MEMORY_BYTES)?;
        within("table (elements)", widen(table_elements), Self::TABLE_ELEMENTS)?;
        Ok(Self { time, memory_bytes, table_elements })
    }

    /// Returns the time that the guest itself may run.
    #[must_use]
    pub fn time(&self) -> Duration {
        self.time
    }

    /// Bytes of linear memory.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }

    /// Elements of tables.
    #[must_use]
    pub fn table_elements(&self) -> usize {
        self.table_elements
    }
}

impl Default for RunLimits {
    /// 50 ms, 4 MiB and 2,000 elements: far above what a policy needs, far below what hurts.
    fn default() -> Self {
        Self { time: Duration::from_millis(50), memory_bytes: 4 << 20, table_elements: 2_000 }
    }
}

/// Checks one number against its bounds.
pub(crate) fn within(
    name: &'static str,
    found: u64,
    bounds: RangeInclusive<u64>,
) -> Result<(), OutOfBounds> {
    if bounds.contains(&found) {
        return Ok(());
    }
    Err(OutOfBounds { name, least: *bounds.start(), most: *bounds.end(), found })
}

pub(crate) fn widen(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_outside_their_bounds_are_refused_by_name() {
        let ms = Duration::from_millis;
        let name = |time, memory, table| RunLimits::new(time, memory, table).map_err(|e| e.name);
        assert_eq!(name(ms(0), 65_536, 1), Err("time (ms)"));
        assert_eq!(name(ms(1_001), 65_536, 1), Err("time (ms)"));
        assert_eq!(name(ms(1), 65_535, 1), Err("memory (bytes)"));
        assert_eq!(name(ms(1), 16_777_217, 1), Err("memory (bytes)"));
        assert_eq!(name(ms(1), 65_536, 0), Err("table (elements)"));
        assert_eq!(name(ms(1), 65_536, 20_001), Err("table (elements)"));
        assert!(name(ms(1), 65_536, 1).is_ok());
    }

    #[test]
    fn the_default_is_within_the_bounds() {
        let limits = RunLimits::default();
        let same = RunLimits::new(limits.time(), limits.memory_bytes(), limits.table_elements());
        assert_eq!(same, Ok(limits));
    }
}
