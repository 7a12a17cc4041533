//! The record of one run: what was asked, what was answered.

use crate::{Answer, Command, Question};

/// Questions and answers of one run, in order. Traces are what trees, receipts and replays are
/// made of, so nothing reaches a policy that is not in here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Trace {
    steps: Vec<(Question, Answer)>,
}

impl Trace {
    /// An empty trace.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a step.
    pub fn push(&mut self, question: Question, answer: Answer) {
        self.steps.push((question, answer));
    }

    /// The steps, in order.
    #[must_use]
    pub fn steps(&self) -> &[(Question, Answer)] {
        &self.steps
    }

    /// The steps before the one of this index.
    pub(crate) fn before(&self, index: usize) -> &[(Question, Answer)] {
        self.steps.get(..index).unwrap_or(&self.steps)
    }

    /// Returns the questions and answers before the step of this index.
    #[must_use]
    pub fn prefix(&self, index: usize) -> Self {
        Self { steps: self.before(index).to_vec() }
    }

    /// Bytes that the trace takes up, estimated.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.steps.iter().map(|(question, answer)| question.weight() + answer.weight()).sum()
    }

    /// The commands among the questions, in order.
    pub fn commands(&self) -> impl Iterator<Item = &Command> {
        self.steps.iter().filter_map(|(question, _)| match question {
            Question::Command(command) => Some(command),
            Question::Read(_) | Question::Effect(_) => None,
        })
    }
}
