//! The one thing the core awaits: somebody who answers.

use std::future::Future;
use std::pin::Pin;

use crate::{Answer, Command, Environment, Question};

/// An answer, at once or later.
pub enum Asked<'a> {
    /// Known at once; the usual case.
    Ready(Answer),
    /// A store or a look-up is being waited for. Dropping the future abandons the question.
    Pending(Pin<Box<dyn Future<Output = Answer> + Send + 'a>>),
}

impl std::fmt::Debug for Asked<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ready(answer) => f.debug_tuple("Ready").field(answer).finish(),
            Self::Pending(_) => f.write_str("Pending"),
        }
    }
}

/// End of a run's effects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// The run reached a verdict: what it reserved is kept.
    Commit,
    /// The run failed: what it reserved is released, and nothing else.
    Release,
}

/// Answers the questions of one exchange. Every question has exactly one native implementation,
/// here; a Wasm import and a walk along a tree are two callers of it.
///
/// An implementation that is dropped in the middle of a run releases what the run reserved.
pub trait Host: Send + 'static {
    /// Answers a read or carries out an effect. Never called with a command.
    fn ask<'a>(&'a mut self, question: &'a Question) -> Asked<'a>;

    /// Applies a command of a run that reached its verdict, in order.
    fn apply(&mut self, command: &Command);

    /// Ends the current run: called exactly once after each run, after its commands.
    fn settle(&mut self, settlement: Settlement);

    /// The environment and identifier of the tenant that the exchange belongs to, once there is
    /// a principal. What one tenant's text decides is kept apart from every other's.
    fn tenant(&self) -> Option<(Environment, &str)>;

    /// A number that is always the same for a tenant in its environment; before there is a
    /// principal, for the credential that is presented, and without one for the caller's address.
    /// The same in every process; a secret salt is mixed in where it decides something.
    fn sticky(&self) -> u64;
}

impl<H: Host> Host for Box<H> {
    fn ask<'a>(&'a mut self, question: &'a Question) -> Asked<'a> {
        (**self).ask(question)
    }

    fn apply(&mut self, command: &Command) {
        (**self).apply(command);
    }

    fn settle(&mut self, settlement: Settlement) {
        (**self).settle(settlement);
    }

    fn tenant(&self) -> Option<(Environment, &str)> {
        (**self).tenant()
    }

    fn sticky(&self) -> u64 {
        (**self).sticky()
    }
}
