//! Why an exchange got its answer: the runs of its chain, in order.

use std::sync::Arc;
use std::time::Duration;

use crate::{Failure, Hook, Trace, Verdict};

/// How a policy came to its verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// In an instance of the component.
    Wasm,
    /// Not at all: the policy's interests do not cover the request.
    Skipped,
}

/// One policy's part in an exchange.
#[derive(Debug)]
pub struct Entry {
    /// The policy's name.
    pub policy: Arc<str>,
    /// Which run it was.
    pub hook: Hook,
    /// How the verdict came about.
    pub way: Way,
    /// What was asked and answered.
    pub trace: Trace,
    /// What was decided, or why nothing was.
    pub outcome: Result<Verdict, Failure>,
    /// How long it took, host waits included.
    pub took: Duration,
}

/// The entries of one exchange.
#[derive(Debug, Default)]
pub struct Receipt {
    /// In the order in which the policies decided.
    pub entries: Vec<Entry>,
}
