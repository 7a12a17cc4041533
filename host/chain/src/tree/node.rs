//! The parts of a tree: questions, the answers that lead on, and leaves.
//!
//! Nodes are only ever added, each written once, so that a walk reads them without a lock and
//! without counting references.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use foldhash::fast::RandomState;

use super::Bounds;
use crate::tally::Tally;
use crate::{Answer, Command, Question, Trace, Verdict};

/// A place in the tree that is written once.
pub(super) type Place = OnceLock<Node>;

#[derive(Debug)]
pub(super) enum Node {
    Ask(Box<Ask>),
    Leaf(Arc<Leaf>),
}

/// The question that every run asks after the answers that lead here.
#[derive(Debug)]
pub(super) struct Ask {
    /// Questions and answers on the way here, commands included.
    pub(super) prefix: Trace,
    pub(super) question: Question,
    pub(super) edges: Edges,
}

/// The verdict of every run after the answers that lead here.
#[derive(Debug)]
pub struct Leaf {
    trace: Arc<Trace>,
    commands: Box<[Command]>,
    verdict: Verdict,
    walks: Tally,
}

/// The answers that lead on from a question. Compared in full; the hash only spreads them.
#[derive(Debug)]
pub(super) struct Edges {
    heads: Box<[OnceLock<Box<Edge>>]>,
    count: AtomicUsize,
    /// Seeded: nobody outside can make texts meet in one list.
    hasher: RandomState,
}

#[derive(Debug)]
struct Edge {
    answer: Answer,
    place: Place,
    next: OnceLock<Box<Self>>,
}

impl Leaf {
    pub(super) fn new(trace: Trace, verdict: Verdict) -> Self {
        let commands = trace.commands().cloned().collect();
        Self { trace: Arc::new(trace), commands, verdict, walks: Tally::default() }
    }

    /// The whole run that the leaf stands for.
    #[must_use]
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// The same, to be kept beyond the tree's life.
    #[must_use]
    pub fn shared_trace(&self) -> Arc<Trace> {
        Arc::clone(&self.trace)
    }

    /// Its commands, in order.
    #[must_use]
    pub fn commands(&self) -> &[Command] {
        &self.commands
    }

    /// Its verdict.
    #[must_use]
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// Number of walks that ended here.
    #[must_use]
    pub fn walks(&self) -> u64 {
        self.walks.sum()
    }

    /// Counts a walk. Whether it is to be verified: the 1st, 2nd, 4th, 8th … and then one in
    /// `every`, as each thread counts.
    pub(super) fn walked(&self, every: u64) -> bool {
        let walk = self.walks.add(1);
        if walk < every { walk.is_power_of_two() } else { walk.is_multiple_of(every) }
    }
}

/// Lists that text answers are spread over.
const HEADS: usize = 64;

impl Edges {
    /// No edges yet, for answers to this question.
    pub(super) fn of(question: &Question) -> Self {
        let heads = if super::branching::is_text(question) { HEADS } else { 1 };
        Self::spread(heads)
    }

    fn spread(heads: usize) -> Self {
        let heads = (0..heads).map(|_| OnceLock::new()).collect();
        Self { heads, count: AtomicUsize::new(0), hasher: RandomState::default() }
    }

    /// Where the answer leads.
    pub(super) fn get(&self, answer: &Answer) -> Option<&Place> {
        let mut edge = self.head(answer)?.get();
        while let Some(own) = edge {
            if own.answer == *answer {
                return Some(&own.place);
            }
            edge = own.next.get();
        }
        None
    }

    /// Where the answer leads, from now on at least. None when no further edge fits. To be
    /// called by one thread at a time.
    pub(super) fn place(&self, answer: &Answer, bounds: &Bounds) -> Option<&Place> {
        let mut end = self.head(answer)?;
        while let Some(edge) = end.get() {
            if edge.answer == *answer {
                return Some(&edge.place);
            }
            end = &edge.next;
        }
        if self.count.load(Ordering::Relaxed) >= bounds.fan_out_max {
            return None;
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        let edge = end.get_or_init(|| {
            let (place, next) = (Place::new(), OnceLock::new());
            Box::new(Edge { answer: answer.clone(), place, next })
        });
        Some(&edge.place)
    }

    fn head(&self, answer: &Answer) -> Option<&OnceLock<Box<Edge>>> {
        let index = if let Answer::Text(Some(text)) = answer {
            let hash = self.hasher.hash_one(text.as_bytes());
            usize::try_from(hash % HEADS as u64).unwrap_or_default() % self.heads.len()
        } else {
            0
        };
        self.heads.get(index)
    }
}
