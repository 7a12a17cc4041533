//! The decision tree of one hook of one policy: what its runs have shown so far.
//!
//! A deterministic guest always asks the same next question after the same answers. So its traces
//! merge into a tree of questions, answers and verdicts, and a request whose answers are all known
//! edges is decided by asking them for real and following them, without entering Wasm. A tree
//! only ever grows, is read without a lock, and is given up at the first contradiction.
//!
//! Read next: `node.rs`, then `decide.rs` for who walks and who teaches.

mod branching;
mod candidates;
mod discord;
mod node;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::Mutex;

use self::candidates::Candidates;
use self::node::{Ask, Edges, Node, Place};
use crate::host::Asked;
use crate::{Answer, Host, Question, Trace, Verdict};

pub use branching::{Branch, NoBranch};
pub use discord::Discord;
pub use node::Leaf;

/// Bounds of a tree's growth. Beyond a bound what is there stays walkable and nothing is added.
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
    tenants: Edges,
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
    Arrived(&'a Leaf),
    /// Before an answer that leads nowhere yet. These answers were given, and are to be fed.
    Fell(Trace),
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
            tenants: Edges::of_text(),
            nodes: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            candidates: Mutex::new(Candidates::new()),
            discord: OnceLock::new(),
        }
    }

    /// Asks the host question after question for as long as the answers are known edges. Dropping
    /// the future abandons the question that is being asked.
    pub async fn walk<H: Host>(&self, host: &mut H) -> Walk<'_> {
        let mut node = if self.off.load(Ordering::Relaxed) { None } else { self.start(host) };
        let mut asked: Option<(&Ask, Answer)> = None;
        while let Some(at) = node {
            let ask = match at {
                Node::Leaf(leaf) => return Walk::Arrived(leaf),
                Node::Ask(ask) => ask,
            };
            let answer = match host.ask(&ask.question) {
                Asked::Ready(answer) => answer,
                Asked::Pending(later) => later.await,
            };
            node = ask.edges.get(&answer).and_then(Place::get);
            asked = Some((ask, answer));
        }
        Walk::Fell(asked.map_or_else(Trace::new, |(ask, answer)| {
            let mut fed = ask.prefix.clone();
            fed.push(ask.question.clone(), answer);
            fed
        }))
    }

    /// Offers a whole run of the component. The second of two equal ones is admitted.
    pub fn learn<H: Host>(&self, host: &H, trace: &Trace, verdict: &Verdict) -> Lesson {
        if self.off.load(Ordering::Relaxed) || !self.is_learnable(trace) {
            return Lesson::Declined;
        }
        let owner = match self.owner(host) {
            Ok(owner) => owner,
            Err(Unowned) => return Lesson::Declined,
        };

        let mut candidates = self.candidates.lock();
        let lesson = match candidates.seen(owner.as_ref(), trace, verdict) {
            Ok(false) => Ok(Lesson::Remembered),
            Ok(true) => match self.root_for(owner.as_ref()) {
                Some(root) => self.admit(root, trace, verdict),
                None => Ok(Lesson::Declined),
            },
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

    fn start<H: Host>(&self, host: &H) -> Option<&Node> {
        match self.owner(host).ok()? {
            None => self.root.get(),
            Some(owner) => self.tenants.get(&owner)?.get(),
        }
    }

    /// Whose runs the host's are, where tenants are kept apart.
    fn owner<H: Host>(&self, host: &H) -> Result<Option<Answer>, Unowned> {
        if self.branches.is_empty() {
            return Ok(None);
        }
        let (environment, tenant) = host.tenant().ok_or(Unowned)?;
        Ok(Some(Answer::Text(Some(format!("{environment}/{tenant}").into()))))
    }

    /// Where the owner's walks begin. To be called by one thread at a time.
    fn root_for(&self, owner: Option<&Answer>) -> Option<&Place> {
        match owner {
            None => Some(&self.root),
            Some(owner) => self.tenants.place(owner, &self.growth.bounds),
        }
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
        trace: &Trace,
        verdict: &Verdict,
    ) -> Result<Lesson, Box<Discord>> {
        let told =
            |known: &Trace, index| Err(Discord::new((known, None), (trace, Some(verdict)), index));

        let mut place = root;
        let questions = trace.steps().iter().enumerate().filter(|(_, step)| !step.0.is_command());
        for (index, (question, answer)) in questions {
            if place.get().is_none() && !self.add_ask(place, trace, index) {
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
            None => Ok(self.add_leaf(place, trace, verdict)),
            Some(Node::Ask(ask)) => told(&ask.prefix, trace.steps().len()),
            Some(Node::Leaf(leaf)) => {
                Discord::between((leaf.trace(), leaf.verdict()), (trace, verdict))?;
                Ok(Lesson::Admitted)
            }
        }
    }

    fn add_ask(&self, place: &Place, trace: &Trace, index: usize) -> bool {
        let Some((question, _)) = trace.steps().get(index) else { return false };
        let prefix = trace.prefix(index);
        let edges = Edges::of(question);
        let fits = self.takes(prefix.weight() + size_of::<Ask>() + edges_weight(question));
        if fits {
            let ask = Ask { prefix, question: question.clone(), edges };
            place.get_or_init(|| Node::Ask(Box::new(ask)));
        }
        fits
    }

    fn add_leaf(&self, place: &Place, trace: &Trace, verdict: &Verdict) -> Lesson {
        // The commands are held twice: in the trace, and apart for walks.
        if !self.takes(2 * trace.weight() + verdict.weight() + size_of::<Leaf>()) {
            return Lesson::Declined;
        }
        place.get_or_init(|| Node::Leaf(Box::new(Leaf::new(trace.clone(), verdict.clone()))));
        Lesson::Admitted
    }

    /// Takes a node and its bytes from the bounds, if they are left.
    fn takes(&self, bytes: usize) -> bool {
        let nodes = self.nodes.load(Ordering::Relaxed) + 1;
        let bytes = self.bytes.load(Ordering::Relaxed) + bytes;
        let fits = nodes <= self.growth.bounds.nodes_max && bytes <= self.growth.bounds.bytes_max;
        if fits {
            self.nodes.store(nodes, Ordering::Relaxed);
            self.bytes.store(bytes, Ordering::Relaxed);
        }
        fits
    }
}

/// Most bytes of a run that is remembered: what keeps the table of candidates small.
const RUN_BYTES_MAX: usize = 64 << 10;

/// Bytes of a question's edges, beside those of the nodes they lead to.
fn edges_weight(question: &Question) -> usize {
    if branching::is_text(question) { 64 * 16 } else { 16 }
}

/// Tenants are kept apart, and the exchange has none.
struct Unowned;

#[cfg(test)]
mod tests;
