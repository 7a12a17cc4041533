//! Decision trees: `chain::Tree`, taught with runs in the form of receipts.
//!
//! Runs come back from that form. A walk by the answers of an admitted run arrives at its whole trace
//! and its verdict, and goes on doing so whatever is taught after. Two runs that cannot be of one
//! deterministic policy switch the tree off. It stays within its bounds.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use tollgate_chain::{
    Answer, Asked, Bounds, Command, Environment, Growth, Host, Lesson, Question, Settlement, Trace,
    Tree, Verdict, Walk,
};

use crate::lines::Lines;

const BOUNDS: Bounds = Bounds { nodes_max: 64, bytes_max: 64 << 10, depth_max: 16, fan_out_max: 4 };

/// A run: its questions and answers, and its verdict.
type Run = (Vec<(Question, Answer)>, Verdict);

/// Checks runs, one a line: `[[[question, answer], …], verdict]`.
pub(super) fn run(data: &[u8]) {
    let runs: Vec<Run> =
        Lines::of(data).take(32).filter_map(|line| serde_json::from_slice(line).ok()).collect();
    for run in &runs {
        let form = serde_json::to_vec(run).unwrap();
        assert_eq!(&serde_json::from_slice::<Run>(&form).unwrap(), run);
    }

    let tree = Tree::new(Growth { bounds: BOUNDS, ..Growth::default() }, Vec::new());
    let mut admitted: Vec<(&Run, Trace)> = Vec::new();
    for run in &runs {
        let trace = trace(run);
        let host = Replay::of(run);
        let lessons = [(); 2].map(|()| tree.learn(&host, &trace, &run.1));

        if lessons.contains(&Lesson::Contradicts) {
            assert!(!tree.is_on() && tree.discord().is_some());
            return;
        }
        if lessons[1] == Lesson::Admitted {
            admitted.push((run, trace));
        }
        assert!(tree.is_on());
        let figures = tree.figures();
        assert!(figures.nodes <= BOUNDS.nodes_max && figures.bytes <= BOUNDS.bytes_max);

        for (run, trace) in &admitted {
            arrives(&tree, run, trace);
        }
    }
}

fn arrives(tree: &Tree, run: &Run, trace: &Trace) {
    let mut host = Replay::of(run);
    let mut walk = pin!(tree.walk(&mut host));
    match walk.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Walk::Arrived(leaf)) => {
            assert_eq!((leaf.verdict(), leaf.trace()), (&run.1, trace));
        }
        other => panic!("a run that was admitted is forgotten: {other:?}"),
    }
}

fn trace((steps, _): &Run) -> Trace {
    let mut trace = Trace::new();
    for (question, answer) in steps {
        trace.push(question.clone(), answer.clone());
    }
    trace
}

/// Answers as in a run. A question that the run did not ask next is answered with *done*.
struct Replay {
    steps: std::vec::IntoIter<(Question, Answer)>,
}

impl Replay {
    fn of((steps, _): &Run) -> Self {
        let asked: Vec<_> =
            steps.iter().filter(|(question, _)| !question.is_command()).cloned().collect();
        Self { steps: asked.into_iter() }
    }
}

impl Host for Replay {
    fn ask<'a>(&'a mut self, question: &'a Question) -> Asked<'a> {
        let next = self.steps.next().filter(|(asked, _)| asked == question);
        Asked::Ready(next.map_or(Answer::Done, |(_, answer)| answer))
    }

    fn apply(&mut self, _: &Command) {}

    fn settle(&mut self, _: Settlement) {}

    fn tenant(&self) -> Option<(Environment, &str)> {
        None
    }

    fn sticky(&self) -> u64 {
        0
    }
}
