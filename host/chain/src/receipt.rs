//! Why an exchange got its answer: what each policy of its chain decided, in order.

use std::time::Duration;

use crate::{Acting, Failure, Hook, LeafRef, Lesson, Trace, Verdict};

/// Path by which a policy came to its verdict.
#[derive(Debug)]
pub enum Decision<'a> {
    /// Not at all: the policy's interests do not cover the request.
    Skipped,
    /// By its tree, without entering the component.
    Walked {
        /// Where the walk arrived.
        leaf: LeafRef<'a>,
        /// Result of running the component as well, on the same answers.
        check: Check,
    },
    /// In an instance of the component.
    Ran {
        /// Questions and answers, in order.
        trace: Trace,
        /// Number of answers that were given before the instance was entered.
        fed: usize,
        /// The verdict, or the failure in its place.
        outcome: Result<Verdict, Failure>,
        /// Result of offering it to the tree; none when there was no verdict.
        lesson: Option<Lesson>,
    },
}

/// Result of a walk's verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// It was not due.
    Spared,
    /// The component decided the same.
    Agreed,
    /// The machine kept the component from its end: no instance, no time, or a failure of the
    /// engine. The next walk is as likely to be verified.
    Inconclusive,
}

impl Decision<'_> {
    /// The verdict, or why there is none.
    ///
    /// # Errors
    /// The run's failure.
    pub fn outcome(&self) -> Result<&Verdict, &Failure> {
        match self {
            Self::Skipped => Ok(&Verdict::Proceed),
            Self::Walked { leaf, .. } => Ok(leaf.verdict()),
            Self::Ran { outcome, .. } => outcome.as_ref(),
        }
    }

    /// Questions and answers, in order; none when the policy was skipped.
    #[must_use]
    pub fn trace(&self) -> Option<&Trace> {
        match self {
            Self::Skipped => None,
            Self::Walked { leaf, .. } => Some(leaf.trace()),
            Self::Ran { trace, .. } => Some(trace),
        }
    }
}

/// One policy's part in an exchange.
#[derive(Debug)]
pub struct ReceiptEntry<'a> {
    /// The policy's name.
    pub policy: &'a str,
    /// The policy's place in its chain, from 0.
    pub index: usize,
    /// Which run it was.
    pub hook: Hook,
    /// The policy itself, or its candidate.
    pub acting: Acting,
    /// Its decision, with the path to it.
    pub decision: Decision<'a>,
    /// Duration, host waits included.
    pub took: Duration,
}

/// The entries of one exchange. Borrows from the chain that the exchange has pinned.
#[derive(Debug, Default)]
pub struct Receipt<'a> {
    /// In the order in which the policies decided.
    pub entries: Vec<ReceiptEntry<'a>>,
}

impl Receipt<'_> {
    /// An empty one, with room for so many policies.
    #[must_use]
    pub fn of(policies: usize) -> Self {
        Self { entries: Vec::with_capacity(policies) }
    }

    /// Which of the two decided about the request, where the policy at this place of the chain did.
    pub(crate) fn acted(&self, index: usize) -> Option<Acting> {
        let of_request =
            |entry: &&ReceiptEntry<'_>| entry.index == index && entry.hook == Hook::Request;
        self.entries.iter().find(of_request).map(|entry| entry.acting)
    }
}
