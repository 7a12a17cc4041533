//! The limits and the pace of restarts.

use std::time::Duration;

/// The limits of restarts. After a run that lasted `stable_after`, counting begins anew.
#[derive(Debug, Clone, Copy)]
pub struct RestartPolicy {
    /// Restarts in a row before the task counts as failed.
    pub restarts_max: u32,
    /// Pause before the first restart; it doubles with each further one.
    pub back_off: Duration,
    /// Longest pause.
    pub back_off_max: Duration,
    /// Length of a run after which the task counts as healthy again.
    pub stable_after: Duration,
}

impl Default for RestartPolicy {
    fn default() -> Self {
        Self {
            restarts_max: 8,
            back_off: Duration::from_millis(100),
            back_off_max: Duration::from_secs(5),
            stable_after: Duration::from_secs(60),
        }
    }
}

impl RestartPolicy {
    /// Returns the pause before the next restart, after so many in a row.
    #[must_use]
    pub fn pause(&self, restarts: u32) -> Duration {
        self.back_off.saturating_mul(2_u32.saturating_pow(restarts)).min(self.back_off_max)
    }
}
