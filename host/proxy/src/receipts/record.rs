//! The record of one exchange as the log keeps it: nothing is put in words yet, and a walked trace
//! is shared with the tree that it comes from.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::Method;
use tollgate_chain::{
    Acting, Check, Decision, Failure, GrpcCode, Hook, Lesson, Principal, Receipt, ReceiptEntry,
    Route, Trace, Verdict,
};

use super::chain_info::ChainInfo;

/// The kind of receipts that a receipt competes with for room. A flood of one kind pushes out its
/// own kind only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetentionClass {
    /// The exchange passed, and was sampled.
    Passes,
    /// A policy or the gateway refused it.
    Refusals,
    /// A policy or the gateway failed, or a policy contradicted itself.
    Failures,
}

/// Everything that is kept of an exchange. Holds no header values, no query and no bodies, beside
/// those that the policies' own traces hold.
#[derive(Debug)]
pub struct ReceiptRecord {
    /// The number of the receipt in this process, from 1. Set by the log.
    pub sequence: u64,
    /// The kind of receipts that it competes with for room.
    pub retention: RetentionClass,
    /// The id of the request.
    pub request_id: Box<str>,
    /// When the exchange ended.
    pub time: SystemTime,
    /// The method of the request.
    pub method: Method,
    /// The path of the request without its query, at most 512 bytes.
    pub path: Box<str>,
    /// The listener that accepted the request.
    pub listener: Arc<str>,
    /// The Route that the request matched.
    pub route: Option<Arc<Route>>,
    /// The caller, where a policy established one.
    pub principal: Option<Arc<Principal>>,
    /// The policies of the chain that decided.
    pub chain_info: Arc<ChainInfo>,
    /// The policies that decided, in their order.
    pub policies: Vec<PolicyRecord>,
    /// The status of the response; 0 where none was made.
    pub status: u16,
    /// The code of the refusal, if it is one.
    pub code: Option<Box<str>>,
    /// The policy whose reply the caller got.
    pub policy: Option<Arc<str>>,
    /// The upstream that the request was meant for.
    pub upstream: Option<Arc<str>>,
    /// The time that the upstream took, in microseconds.
    pub upstream_us: Option<u64>,
    /// The gRPC status that the upstream answered with, where it is not OK.
    pub grpc_status: Option<GrpcCode>,
    /// The number of the Snapshot that decided.
    pub generation: u64,
    /// The time of the whole exchange.
    pub took: Duration,
}

/// The decision of one policy in an exchange.
#[derive(Debug)]
pub struct PolicyRecord {
    /// The policy's place in [`ChainInfo::policies`].
    pub index: usize,
    /// Which of the policy and its candidate decided.
    pub acting: Acting,
    /// The hook that decided.
    pub hook: Hook,
    /// The time of the decision, waits for the host included.
    pub took: Duration,
    /// The way in which the decision was reached.
    pub decision: DecisionRecord,
}

/// The way to a verdict, and the verdict.
#[derive(Debug)]
pub enum DecisionRecord {
    /// The policy does not apply to the request.
    Skipped,
    /// The policy's tree decided.
    Walked {
        /// Questions and answers, shared with the tree.
        trace: Arc<Trace>,
        /// The verdict.
        verdict: Verdict,
        /// The outcome of a repetition in the component.
        check: Check,
    },
    /// The component decided.
    Ran {
        /// Questions and answers.
        trace: Trace,
        /// The verdict, or why there is none.
        outcome: Result<Verdict, Failure>,
        /// True where an earlier run decided otherwise on the same answers.
        contradicts: bool,
    },
}

impl ReceiptRecord {
    /// Turns a receipt's entries into records.
    #[must_use]
    pub fn policies_of(receipt: Receipt<'_>) -> Vec<PolicyRecord> {
        receipt.entries.into_iter().map(PolicyRecord::of).collect()
    }

    /// Estimates the bytes that the record takes up; what is shared is counted in full.
    #[must_use]
    pub fn weight(&self) -> usize {
        let policies: usize = self.policies.iter().map(PolicyRecord::weight).sum();
        size_of::<Self>() + self.request_id.len() + self.path.len() + policies
    }
}

impl PolicyRecord {
    fn of(entry: ReceiptEntry<'_>) -> Self {
        let decision = match entry.decision {
            Decision::Skipped => DecisionRecord::Skipped,
            Decision::Walked { leaf, check } => {
                let (trace, verdict) = (leaf.shared_trace(), leaf.verdict().clone());
                DecisionRecord::Walked { trace, verdict, check }
            }
            Decision::Ran { trace, outcome, lesson, .. } => {
                let contradicts = lesson == Some(Lesson::Contradicts);
                DecisionRecord::Ran { trace, outcome, contradicts }
            }
        };

        let (index, acting, hook, took) = (entry.index, entry.acting, entry.hook, entry.took);
        Self { index, acting, hook, took, decision }
    }

    fn weight(&self) -> usize {
        /// Room for a verdict's texts, which are short.
        const VERDICT: usize = 512;
        let trace = match &self.decision {
            DecisionRecord::Skipped => return size_of::<Self>(),
            DecisionRecord::Walked { trace, .. } => trace.weight(),
            DecisionRecord::Ran { trace, .. } => trace.weight(),
        };
        size_of::<Self>() + trace + VERDICT
    }
}
