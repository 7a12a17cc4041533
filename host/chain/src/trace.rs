//! The record of one run: what was asked, what was answered.

use crate::{Answer, Command, Question};

/// Questions and answers of one run, in order. Traces are what trees, receipts and replays are
/// made of, so nothing reaches a policy that is not in here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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

    /// The commands among the questions, in order.
    pub fn commands(&self) -> impl Iterator<Item = &Command> {
        self.steps.iter().filter_map(|(question, _)| match question {
            Question::Command(command) => Some(command),
            Question::Read(_) | Question::Effect(_) => None,
        })
    }
}
