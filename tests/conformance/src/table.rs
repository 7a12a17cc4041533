//! A host that answers from a table.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tollgate_chain::{
    Answer, Asked, Command, CredentialsRead, Environment, Host, Question, Read, Settlement,
};

/// A record of everything that a host was asked to do, readable from outside.
#[derive(Debug, Clone, Default)]
pub struct Log(Arc<Mutex<Entries>>);

#[derive(Debug, Default)]
struct Entries {
    asked: Vec<Question>,
    applied: Vec<Command>,
    settled: Vec<Settlement>,
}

impl Log {
    /// The questions that reached the host, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<Question> {
        self.read(|entries| entries.asked.clone())
    }

    /// The commands that were applied, in order.
    #[must_use]
    pub fn applied(&self) -> Vec<Command> {
        self.read(|entries| entries.applied.clone())
    }

    /// Returns the settlements of runs, in order.
    #[must_use]
    pub fn settled(&self) -> Vec<Settlement> {
        self.read(|entries| entries.settled.clone())
    }

    /// Returns true if the host that writes here still exists.
    #[must_use]
    pub fn host_lives(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    fn read<T>(&self, read: impl FnOnce(&mut Entries) -> T) -> T {
        read(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Answers what it has an answer for. To anything else it answers *done*, which is no answer to a
/// read, so that a forgotten line in a table fails the run.
#[derive(Debug, Default)]
pub struct Table {
    answers: HashMap<Question, Answer>,
    /// The delay of answers that a policy may wait for.
    delay: Option<Duration>,
    log: Log,
}

impl Table {
    /// A table of these answers.
    pub fn new(answers: impl IntoIterator<Item = (Question, Answer)>) -> Self {
        Self { answers: answers.into_iter().collect(), ..Self::default() }
    }

    /// Makes every answer that may be waited for come this much later.
    #[must_use]
    pub fn slow(mut self, delay: Duration) -> Self {
        self.delay = Some(delay);
        self
    }

    /// Returns the record that the host writes to.
    #[must_use]
    pub fn log(&self) -> Log {
        self.log.clone()
    }
}

impl Host for Table {
    fn ask<'a>(&'a mut self, question: &'a Question) -> Asked<'a> {
        self.log.read(|entries| entries.asked.push(question.clone()));
        let answer = self.answers.get(question).cloned().unwrap_or(Answer::Done);
        let delay = self.delay.filter(|_| {
            matches!(
                question,
                Question::Effect(_)
                    | Question::Read(Read::Credentials(CredentialsRead::Resolve(_)))
            )
        });
        match delay {
            None => Asked::Ready(answer),
            Some(delay) => Asked::Pending(Box::pin(async move {
                tokio::time::sleep(delay).await;
                answer
            })),
        }
    }

    fn apply(&mut self, command: &Command) {
        self.log.read(|entries| entries.applied.push(command.clone()));
    }

    fn settle(&mut self, settlement: Settlement) {
        self.log.read(|entries| entries.settled.push(settlement));
    }

    fn tenant(&self) -> Option<(Environment, &str)> {
        None
    }

    fn sticky(&self) -> u64 {
        0
    }
}
