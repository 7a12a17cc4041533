//! The decision tree of one hook of one policy: what its runs have shown so far.
//!
//! A deterministic guest always asks the same next question after the same answers. So its traces
//! merge into a tree of questions, answers and verdicts, and a request whose answers are all known
//! edges is decided by asking them for real and following them, without entering Wasm. A tree
//! only ever grows, is read without a lock, and is given up at the first contradiction. Where text
//! of callers branches, each tenant has a part of its own, found under a lock for reading, and parts
//! that are not in use are forgotten.
//!
//! Read next: `node.rs`, then `decide.rs` for who walks and who teaches.

mod branching;
mod candidates;
mod discord;
mod node;
mod tenants;

use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use self::candidates::Candidates;
use self::node::{Ask, Edges, Node, Place};
use self::tenants::{Forgotten, TenantTree, Tenants};
use crate::host::Asked;
use crate::{Answer, Environment, Host, Question, Trace, Verdict};

pub use branching::{Branch, NoBranch};
pub use discord::Discord;
pub use node::Leaf;

/// Bounds of a tree's growth. Beyond a bound what is there stays walkable and nothing is added.
/// Where tenants are kept apart, each may have an eighth of the nodes and bytes, and there are at
/// most as many of them as there may be answers to a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Bounds {
    /// Most questions and leaves.
    pub nodes_max: usize,
    /// Most bytes, estimated.
    pub bytes_max: usize,
    /// Most questions on the way to a leaf, commands included.
    pub depth_max: usize,
    /// Most answers that lead on from one question.
    pub fan_out_max: usize,
}

impl Default for Bounds {
    /// 4,096 nodes, 4 MiB, 128 questions, 1,024 answers to each.
    fn default() -> Self {
        Self { nodes_max: 4_096, bytes_max: 4 << 20, depth_max: 128, fan_out_max: 1_024 }
    }
}

/// Bounds of trees, and the rate of verification.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Growth {
    /// True when there are trees at all; without one every request is decided in Wasm.
    pub on: bool,
    /// A leaf is verified once in so many walks, and more often when it is new; at least 1.
    pub verify_every: u64,
    /// Bounds.
    pub bounds: Bounds,
}

impl Default for Growth {
    /// On, with one verification in 1,000 walks.
    fn default() -> Self {
        Self { on: true, verify_every: 1_000, bounds: Bounds::default() }
    }
}

/// Traces of one policy, merged. Of one component, with one configuration, and one hook.
#[derive(Debug)]
pub struct Tree {
    growth: Growth,
    branches: Box<[Branch]>,
    /// Where walks begin, when no answer of raw text branches.
    root: Place,
    /// Where they begin for each tenant and environment, when some do.
    tenants: Tenants,
    nodes: AtomicUsize,
    bytes: AtomicUsize,
    /// Held by whoever adds to the tree.
    candidates: Mutex<Candidates>,
    off: AtomicBool,
    discord: OnceLock<Box<Discord>>,
}

/// Where a walk ended.
#[derive(Debug)]
pub enum Walk<'a> {
    /// At a leaf.
    Arrived(LeafRef<'a>),
    /// Before an answer that leads nowhere yet. These answers were given, and are to be fed.
    Fell(Trace),
}

/// A leaf that a walk arrived at. It outlives the tenant's part that it belongs to.
#[derive(Debug)]
pub enum LeafRef<'a> {
    /// A leaf of the tree itself.
    Shared(&'a Leaf),
    /// A leaf of a tenant's part, which may be forgotten meanwhile.
    Tenant(Arc<Leaf>),
}

impl Deref for LeafRef<'_> {
    type Target = Leaf;

    fn deref(&self) -> &Leaf {
        match self {
            Self::Shared(leaf) => leaf,
            Self::Tenant(leaf) => leaf,
        }
    }
}

/// Result of offering a run to the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lesson {
    /// It is a leaf now, or was one before.
    Admitted,
    /// It waits for a second run like it.
    Remembered,
    /// It has an answer that may not branch, or does not fit the bounds.
    Declined,
    /// It contradicts an earlier run: the tree is off.
    Contradicts,
}

/// The size and state of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// Questions and leaves.
    pub nodes: usize,
    /// Bytes, estimated.
    pub bytes: usize,
    /// True when a contradiction switched it off.
    pub off: bool,
}

impl Tree {
    /// An empty tree, in which the listed questions may branch though their answers are raw text.
    #[must_use]
    pub fn new(growth: Growth, branches: Vec<Branch>) -> Self {
        Self {
            off: AtomicBool::new(!growth.on),
            growth,
            branches: branches.into(),
            root: Place::new(),
            tenants: Tenants::default(),
            nodes: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            candidates: Mutex::new(Candidates::new()),
            discord: OnceLock::new(),
        }
    }

    /// Asks the host question after question for as long as the answers are known edges. Dropping
    /// the future abandons the question that is being asked.
    pub async fn walk<H: Host>(&self, host: &mut H) -> Walk<'_> {
        if self.off.load(Ordering::Relaxed) {
            return Walk::Fell(Trace::new());
        }
        if self.branches.is_empty() {
            return match descend(&self.root, host).await {
                Ok(leaf) => Walk::Arrived(LeafRef::Shared(leaf)),
                Err(fed) => Walk::Fell(fed),
            };
        }

        let part = host.tenant().and_then(|(at, tenant)| self.tenants.get(at, tenant));
        let Some(part) = part else { return Walk::Fell(Trace::new()) };
        match descend(&part.root, host).await {
            Ok(leaf) => Walk::Arrived(LeafRef::Tenant(Arc::clone(leaf))),
            Err(fed) => Walk::Fell(fed),
        }
    }

    /// Offers a whole run of the component. The second of two equal ones is admitted.
    pub fn learn<H: Host>(&self, host: &H, trace: &Trace, verdict: &Verdict) -> Lesson {
        if self.off.load(Ordering::Relaxed) || !self.is_learnable(trace) {
            return Lesson::Declined;
        }
        let owner = match (self.branches.is_empty(), host.tenant()) {
            (true, _) => None,
            (false, Some(owner)) => Some(owner),
            (false, None) => return Lesson::Declined,
        };

        let mut candidates = self.candidates.lock();
        let lesson = match candidates.seen(owner, trace, verdict) {
            Ok(false) => Ok(Lesson::Remembered),
            Ok(true) => self.teach(owner, trace, verdict),
            Err(discord) => Err(discord),
        };
        drop(candidates);

        lesson.unwrap_or_else(|discord| {
            self.give_up(discord);
            Lesson::Contradicts
        })
    }

    /// Switches the tree off for good, because a run contradicted it.
    pub(crate) fn give_up(&self, discord: Box<Discord>) {
        self.off.store(true, Ordering::Relaxed);
        // The first contradiction is kept; later ones are of runs that were under way with it.
        let _ = self.discord.set(discord);
        self.candidates.lock().clear();
    }

    /// The contradiction that switched the tree off.
    #[must_use]
    pub fn discord(&self) -> Option<&Discord> {
        self.discord.get().map(AsRef::as_ref)
    }

    /// Returns true if runs are to be offered to it.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.off.load(Ordering::Relaxed)
    }

    /// Its size and state.
    #[must_use]
    pub fn figures(&self) -> Figures {
        Figures {
            nodes: self.nodes.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            off: self.discord.get().is_some(),
        }
    }

    /// Counts a walk to the leaf; whether it is to be verified.
    pub(crate) fn is_due(&self, leaf: &Leaf) -> bool {
        leaf.walked(self.growth.verify_every)
    }

    /// Merges a run where its owner's walks begin. To be called by one thread at a time.
    fn teach(
        &self,
        owner: Option<(Environment, &str)>,
        trace: &Trace,
        verdict: &Verdict,
    ) -> Result<Lesson, Box<Discord>> {
        let Some(owner) = owner else { return self.admit(&self.root, None, (trace, verdict)) };
        let (part, forgotten) = self.tenants.get_or_add(owner, self.growth.bounds.fan_out_max);
        self.give_back(forgotten);
        self.admit(&part.root, Some((owner, &part)), (trace, verdict))
    }

    fn is_learnable(&self, trace: &Trace) -> bool {
        trace.steps().len() <= self.growth.bounds.depth_max
            && trace.weight() <= RUN_BYTES_MAX
            && branching::may_branch(trace, &self.branches)
    }

    /// Merges a run. To be called by one thread at a time.
    fn admit(
        &self,
        root: &Place,
        part: Option<Part<'_>>,
        (trace, verdict): (&Trace, &Verdict),
    ) -> Result<Lesson, Box<Discord>> {
        let told =
            |known: &Trace, index| Err(Discord::new((known, None), (trace, Some(verdict)), index));

        let mut place = root;
        let questions = trace.steps().iter().enumerate().filter(|(_, step)| !step.0.is_command());
        for (index, (question, answer)) in questions {
            if place.get().is_none() && !self.add_ask((place, part), trace, index) {
                return Ok(Lesson::Declined);
            }

            let ask = match place.get() {
                Some(Node::Ask(ask)) => ask,
                Some(Node::Leaf(leaf)) => return told(leaf.trace(), index),
                None => return Ok(Lesson::Declined),
            };
            if ask.question != *question || ask.prefix.steps() != trace.before(index) {
                return told(&ask.prefix, index);
            }
            let Some(next) = ask.edges.place(answer, &self.growth.bounds) else {
                return Ok(Lesson::Declined);
            };
            place = next;
        }

        match place.get() {
            None => Ok(self.add_leaf((place, part), trace, verdict)),
            Some(Node::Ask(ask)) => told(&ask.prefix, trace.steps().len()),
            Some(Node::Leaf(leaf)) => {
                Discord::between((leaf.trace(), leaf.verdict()), (trace, verdict))?;
                Ok(Lesson::Admitted)
            }
        }
    }

    fn add_ask(
        &self,
        (place, part): (&Place, Option<Part<'_>>),
        trace: &Trace,
        index: usize,
    ) -> bool {
        let Some((question, _)) = trace.steps().get(index) else { return false };
        let prefix = trace.prefix(index);
        let edges = Edges::of(question);
        let bytes = prefix.weight() + size_of::<Ask>() + edges_weight(question);
        let fits = self.takes(part, bytes);
        if fits {
            let ask = Ask { prefix, question: question.clone(), edges };
            place.get_or_init(|| Node::Ask(Box::new(ask)));
        }
        fits
    }

    fn add_leaf(
        &self,
        (place, part): (&Place, Option<Part<'_>>),
        trace: &Trace,
        verdict: &Verdict,
    ) -> Lesson {
        // The commands are held twice: in the trace, and apart for walks.
        let bytes = 2 * trace.weight() + verdict.weight() + size_of::<Leaf>();
        if !self.takes(part, bytes) {
            return Lesson::Declined;
        }
        place.get_or_init(|| Node::Leaf(Arc::new(Leaf::new(trace.clone(), verdict.clone()))));
        Lesson::Admitted
    }

    /// Takes a node and its bytes from the bounds, if they are left: from the tenant's own, and
    /// from the tree's, for which the parts of other tenants may be forgotten.
    fn takes(&self, part: Option<Part<'_>>, bytes: usize) -> bool {
        let bounds = &self.growth.bounds;
        if part.is_some_and(|(_, tree)| !tree.takes(bytes, bounds)) {
            return false;
        }

        loop {
            let nodes = self.nodes.load(Ordering::Relaxed) + 1;
            let bytes = self.bytes.load(Ordering::Relaxed) + bytes;
            if nodes <= bounds.nodes_max && bytes <= bounds.bytes_max {
                self.nodes.store(nodes, Ordering::Relaxed);
                self.bytes.store(bytes, Ordering::Relaxed);
                return true;
            }
            let forgotten = part.and_then(|(owner, _)| self.tenants.forget_other_than(owner));
            if forgotten.is_none() {
                return false;
            }
            self.give_back(forgotten);
        }
    }

    fn give_back(&self, forgotten: Option<Forgotten>) {
        if let Some(Forgotten { nodes, bytes }) = forgotten {
            self.nodes.fetch_sub(nodes, Ordering::Relaxed);
            self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
    }
}

/// A tenant and its part of the tree.
type Part<'a> = ((Environment, &'a str), &'a TenantTree);

/// Asks question after question from a place on. Fails before an answer that leads nowhere, with
/// the answers that were given.
async fn descend<'a, H: Host>(root: &'a Place, host: &mut H) -> Result<&'a Arc<Leaf>, Trace> {
    let mut node = root.get();
    let mut asked: Option<(&Ask, Answer)> = None;
    while let Some(at) = node {
        let ask = match at {
            Node::Leaf(leaf) => return Ok(leaf),
            Node::Ask(ask) => ask,
        };
        let answer = match host.ask(&ask.question) {
            Asked::Ready(answer) => answer,
            Asked::Pending(later) => later.await,
        };
        node = ask.edges.get(&answer).and_then(Place::get);
        asked = Some((ask, answer));
    }

    Err(asked.map_or_else(Trace::new, |(ask, answer)| {
        let mut fed = ask.prefix.clone();
        fed.push(ask.question.clone(), answer);
        fed
    }))
}

/// Most bytes of a run that is remembered: what keeps the table of candidates small.
const RUN_BYTES_MAX: usize = 64 << 10;

/// Bytes of a question's edges, beside those of the nodes they lead to.
fn edges_weight(question: &Question) -> usize {
    if branching::is_text(question) { 64 * 16 } else { 16 }
}

#[cfg(test)]
mod tests;
