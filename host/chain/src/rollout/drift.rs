//! Comparison of a candidate's results with those of the policy whose place it takes. Pure.

use std::fmt;

/// Counts of one of the two, over some time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RolloutFigures {
    /// Decisions, failures included.
    pub decisions: u64,
    /// Decisions to reply in place of the upstream.
    pub refusals: u64,
    /// Runs without a verdict.
    pub failures: u64,
    /// Time of all decisions, host waits included.
    pub nanoseconds: u64,
}

/// Rises of a candidate's figures that are accepted before it is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tolerance {
    /// Nothing is said before so many decisions of each.
    pub decisions_min: u64,
    /// Failures, in hundredths of a percent of decisions, above the policy's.
    pub failures: u64,
    /// Refusals, in hundredths of a percent of decisions, above the policy's.
    pub refusals: u64,
    /// Mean time of a decision above the policy's, in nanoseconds.
    pub nanoseconds: u64,
}

/// The figure that rose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drift {
    /// Failures, in hundredths of a percent: the policy's and the candidate's.
    Failures(u64, u64),
    /// Refusals, likewise.
    Refusals(u64, u64),
    /// Mean nanoseconds of a decision, likewise.
    Latency(u64, u64),
}

impl Default for Tolerance {
    /// From 100 decisions of each on: 1 % more failures, 5 % more refusals, 2 ms longer.
    fn default() -> Self {
        Self { decisions_min: 100, failures: 100, refusals: 500, nanoseconds: 2_000_000 }
    }
}

impl RolloutFigures {
    /// Returns the counts added since `earlier`.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            decisions: self.decisions.saturating_sub(earlier.decisions),
            refusals: self.refusals.saturating_sub(earlier.refusals),
            failures: self.failures.saturating_sub(earlier.failures),
            nanoseconds: self.nanoseconds.saturating_sub(earlier.nanoseconds),
        }
    }

    fn per(self, count: u64) -> u64 {
        count.saturating_mul(10_000).checked_div(self.decisions).unwrap_or_default()
    }

    fn mean(self) -> u64 {
        self.nanoseconds.checked_div(self.decisions).unwrap_or_default()
    }
}

impl Tolerance {
    /// Returns the first figure that rose too far; none while there is too little to compare.
    #[must_use]
    pub fn judge(&self, current: RolloutFigures, candidate: RolloutFigures) -> Option<Drift> {
        if current.decisions < self.decisions_min || candidate.decisions < self.decisions_min {
            return None;
        }
        let failures = (current.per(current.failures), candidate.per(candidate.failures));
        let refusals = (current.per(current.refusals), candidate.per(candidate.refusals));
        let mean = (current.mean(), candidate.mean());
        if failures.1 > failures.0.saturating_add(self.failures) {
            return Some(Drift::Failures(failures.0, failures.1));
        }
        if refusals.1 > refusals.0.saturating_add(self.refusals) {
            return Some(Drift::Refusals(refusals.0, refusals.1));
        }
        let slower = mean.1 > mean.0.saturating_add(self.nanoseconds);
        slower.then_some(Drift::Latency(mean.0, mean.1))
    }
}

impl fmt::Display for Drift {
    /// `refusals rose from 1.2 % to 40 %`
    #[expect(clippy::cast_precision_loss, reason = "shares and means, told to two decimals")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, unit, from, to) = match *self {
            Self::Failures(from, to) => ("failures", "%", from as f64 / 100.0, to as f64 / 100.0),
            Self::Refusals(from, to) => ("refusals", "%", from as f64 / 100.0, to as f64 / 100.0),
            Self::Latency(from, to) => {
                ("time of a decision", "µs", from as f64 / 1_000.0, to as f64 / 1_000.0)
            }
        };
        write!(f, "{what} rose from {from:.2} {unit} to {to:.2} {unit}")
    }
}
