//! The record of one exchange as it is kept: nothing in it was put in words yet, and what the
//! tree holds anyway is shared with it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::Method;
use tollgate_chain::{
    Acting, Check, Decision, Entry, Failure, Hook, Lesson, Principal, Receipt, Route, Trace,
    Verdict,
};

use super::cast::Cast;

/// With which others a receipt is kept. A flood of one kind pushes out its own kind only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// The exchange passed, and was picked.
    Passes,
    /// A policy or the gateway refused it.
    Refusals,
    /// A policy or the gateway failed, or a policy contradicted itself.
    Failures,
}

/// Everything that is kept of an exchange. No header values, no query, no bodies, beside what
/// the policies' own traces hold.
#[derive(Debug)]
pub(crate) struct Kept {
    /// Counts the receipts of this process from 1.
    pub(crate) sequence: u64,
    pub(crate) lane: Lane,
    pub(crate) request_id: Box<str>,
    pub(crate) time: SystemTime,
    pub(crate) method: Method,
    /// Without its query.
    pub(crate) path: Box<str>,
    pub(crate) listener: Arc<str>,
    pub(crate) route: Option<Arc<Route>>,
    pub(crate) principal: Option<Arc<Principal>>,
    pub(crate) cast: Arc<Cast>,
    pub(crate) parts: Vec<Part>,
    /// 0 where no response was made.
    pub(crate) status: u16,
    /// The code of the refusal, if it is one.
    pub(crate) code: Option<Box<str>>,
    /// The policy whose reply the caller got.
    pub(crate) policy: Option<Arc<str>>,
    pub(crate) upstream: Option<Arc<str>>,
    pub(crate) upstream_us: Option<u64>,
    pub(crate) grpc_status: Option<u32>,
    pub(crate) generation: u64,
    pub(crate) took: Duration,
}

/// A policy's part.
#[derive(Debug)]
pub(crate) struct Part {
    /// Its place in the cast.
    pub(crate) index: usize,
    pub(crate) acting: Acting,
    pub(crate) hook: Hook,
    pub(crate) took: Duration,
    pub(crate) course: Course,
}

/// How it came to its verdict.
#[derive(Debug)]
pub(crate) enum Course {
    Skipped,
    Walked { trace: Arc<Trace>, verdict: Verdict, check: Check },
    Ran { trace: Trace, outcome: Result<Verdict, Failure>, contradicts: bool },
}

impl Kept {
    /// The parts that a receipt tells of.
    pub(crate) fn parts(receipt: Receipt<'_>) -> Vec<Part> {
        receipt.entries.into_iter().map(Part::of).collect()
    }

    /// Bytes that it takes up, estimated; what is shared is counted in full.
    pub(crate) fn weight(&self) -> usize {
        let parts: usize = self.parts.iter().map(Part::weight).sum();
        size_of::<Self>() + self.request_id.len() + self.path.len() + parts
    }
}

impl Part {
    fn of(entry: Entry<'_>) -> Self {
        let course = match entry.decision {
            Decision::Skipped => Course::Skipped,
            Decision::Walked { leaf, check } => {
                let (trace, verdict) = (leaf.shared_trace(), leaf.verdict().clone());
                Course::Walked { trace, verdict, check }
            }
            Decision::Ran { trace, outcome, lesson, .. } => {
                let contradicts = lesson == Some(Lesson::Contradicts);
                Course::Ran { trace, outcome, contradicts }
            }
        };
        Self {
            index: entry.index,
            acting: entry.acting,
            hook: entry.hook,
            took: entry.took,
            course,
        }
    }

    fn weight(&self) -> usize {
        /// For a verdict's texts, which are short.
        const VERDICT: usize = 512;
        let trace = match &self.course {
            Course::Skipped => return size_of::<Self>(),
            Course::Walked { trace, .. } => trace.weight(),
            Course::Ran { trace, .. } => trace.weight(),
        };
        size_of::<Self>() + trace + VERDICT
    }
}
