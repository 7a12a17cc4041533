//! Which receipts are kept of exchanges.

/// `[receipts]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipts {
    /// Whether any are kept.
    pub on: bool,
    /// Of exchanges that passed, one in so many; refusals and failures are always kept.
    pub sample_every: u64,
    /// Most receipts at once.
    pub entries_max: usize,
    /// Most bytes of receipts at once, estimated.
    pub bytes_max: usize,
}
