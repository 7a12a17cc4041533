//! One run of a policy: the questions it asks, the budget it has, the trace it leaves.

use crate::host::Asked;
use crate::question::Nonsense;
use crate::rollout::{self, Rollout};
use crate::tree::Discord;
use crate::{Answer, Hook, Host, Question, Settlement, Trace, Verdict};

/// A run in progress. It owns the host for as long as the run lasts, so that a run that is
/// dropped drops the host, which then releases what was reserved.
#[derive(Debug)]
pub struct Run<H> {
    host: H,
    /// Answers given earlier, to be repeated before anything is really asked.
    fed: Trace,
    trace: Trace,
    beyond: Beyond,
    questions_left: u32,
    answer_bytes_left: usize,
}

/// Behaviour of a run beyond its feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beyond {
    /// Ask for real.
    Asks,
    /// Nothing: it repeats what is recorded.
    Ends,
    /// Remember what is recorded, in any order, and ask for real what changes nothing.
    Recalls,
}

/// Why a question could not be answered. Ends the run, closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Departure {
    /// The arguments are out of their bounds.
    #[error(transparent)]
    Nonsense(#[from] Nonsense),
    /// The run asked another question than the one whose answer it was fed.
    #[error("question {index} differs from the recorded run")]
    Differs {
        /// Index of the question in the run.
        index: usize,
    },
    /// The run asked more than the recorded one, of which it is a repetition.
    #[error("question {index} was not asked in the recorded run")]
    Exceeds {
        /// Index of the question in the run.
        index: usize,
    },
    /// The run, beside another one, asked for an effect that the other did not have.
    #[error("question {index} has an effect, and its answer is not known")]
    Unknown {
        /// Index of the question in the run.
        index: usize,
    },
    /// The host wants to wait for an answer that must be ready: a defect of ours.
    #[error("the host waits for an answer that must be ready")]
    Waits,
    /// The run asked more questions than its policy may.
    #[error("more questions than the policy's limit")]
    Questions,
    /// The answers carry more text than the policy may read.
    #[error("more bytes of answers than the policy's limit")]
    AnswerBytes,
}

impl Departure {
    /// Returns true if it shows that the policy is no pure function of what it asked.
    #[must_use]
    pub fn is_difference(&self) -> bool {
        matches!(self, Self::Differs { .. } | Self::Exceeds { .. })
    }
}

/// Why a run ended without a verdict.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No instance could be made in time: every slot is taken.
    #[error("no free instance")]
    NoInstance,
    /// The component could not be instantiated or configured.
    #[error("start of the instance: {0}")]
    Start(String),
    /// The guest trapped.
    #[error("trap: {0}")]
    Trap(String),
    /// The guest ran longer than its policy may, host waits not counted.
    #[error("ran longer than its limit")]
    Time,
    /// The guest asked for more memory than its policy may have.
    #[error("memory limit")]
    Memory,
    /// The guest asked for a larger table than its policy may have.
    #[error("table limit")]
    Table,
    /// The guest's stack overflowed.
    #[error("stack limit")]
    Stack,
    /// A question ended the run.
    #[error("question: {0}")]
    Question(Departure),
    /// The verdict is not one that the contract allows.
    #[error("verdict: expected {0}")]
    Verdict(&'static str),
    /// Run again on the same answers, the policy decided differently.
    #[error("decided differently on the same answers")]
    Impure,
    /// The engine failed in a way of its own.
    #[error("engine: {0}")]
    Engine(String),
}

impl<H: Host> Run<H> {
    /// A run that asks everything for real.
    pub fn new(host: H, questions_max: u32, answer_bytes_max: usize) -> Self {
        Self::fed(host, Trace::new(), questions_max, answer_bytes_max)
    }

    /// A run that is first given the answers of `fed`, and asks for real past its end.
    pub fn fed(host: H, fed: Trace, questions_max: u32, answer_bytes_max: usize) -> Self {
        Self {
            host,
            fed,
            trace: Trace::new(),
            beyond: Beyond::Asks,
            questions_left: questions_max,
            answer_bytes_left: answer_bytes_max,
        }
    }

    /// A repetition: it is given the answers of `recorded`, and asks nothing for real.
    pub fn again(host: H, recorded: Trace, questions_max: u32, answer_bytes_max: usize) -> Self {
        let run = Self::fed(host, recorded, questions_max, answer_bytes_max);
        Self { beyond: Beyond::Ends, ..run }
    }

    /// A run beside the one that is recorded: it is given the recorded answers to the questions
    /// that were asked, in any order, and asks reads of its own for real. An effect of its own
    /// ends it.
    pub fn beside(host: H, recorded: Trace, questions_max: u32, answer_bytes_max: usize) -> Self {
        let run = Self::fed(host, recorded, questions_max, answer_bytes_max);
        Self { beyond: Beyond::Recalls, ..run }
    }

    /// Answers the run's next question and records both.
    ///
    /// # Errors
    /// The run must end: the question is nonsense, departs from its feed, or breaks a budget.
    pub async fn ask(&mut self, question: Question) -> Result<Answer, Departure> {
        if let Some(known) = self.known(&question)? {
            return self.record(question, known);
        }
        let answer = match self.host.ask(&question) {
            Asked::Ready(answer) => answer,
            Asked::Pending(later) => later.await,
        };
        self.record(question, answer)
    }

    /// Answers a question whose answer is always ready: [`Run::ask`] without a wait.
    ///
    /// # Errors
    /// The errors of [`Run::ask`], and [`Departure::Waits`].
    pub fn ask_ready(&mut self, question: Question) -> Result<Answer, Departure> {
        if let Some(known) = self.known(&question)? {
            return self.record(question, known);
        }
        let answer = match self.host.ask(&question) {
            Asked::Ready(answer) => answer,
            Asked::Pending(_) => return Err(Departure::Waits),
        };
        self.record(question, answer)
    }

    /// Ends the run: applies its commands and keeps its effects if there is a verdict, releases
    /// its effects if not. Gives back the host and the trace.
    pub fn finish(mut self, outcome: &Result<Verdict, Failure>) -> (H, Trace) {
        if outcome.is_ok() {
            for command in self.trace.commands() {
                self.host.apply(command);
            }
            self.host.settle(Settlement::Commit);
        } else {
            self.host.settle(Settlement::Release);
        }
        (self.host, self.trace)
    }

    /// Lends the host to the shadow of a candidate, before the run is finished.
    pub(crate) async fn shadowed(
        self,
        rollout: &Rollout<H>,
        hook: Hook,
        verdict: &Verdict,
    ) -> Self {
        let Self { host, fed, trace, beyond, questions_left, answer_bytes_left } = self;
        let host = rollout::shadow(rollout, hook, host, (&trace, verdict)).await;
        Self { host, fed, trace, beyond, questions_left, answer_bytes_left }
    }

    /// Ends a repetition: nothing is applied and nothing settled, because the run that it repeats
    /// still is to be.
    pub(crate) fn abandon(self) -> (H, Trace) {
        (self.host, self.trace)
    }

    /// Returns the feed beside the questions asked, when the run departed from its feed.
    pub(crate) fn discord(&self) -> Option<Box<Discord>> {
        let index = self.trace.steps().len();
        let departed = index < self.fed.steps().len();
        departed.then(|| Discord::new((&self.fed, None), (&self.trace, None), index))
    }

    /// The answer without asking the host: a fed one, or *done* for a command.
    fn known(&mut self, question: &Question) -> Result<Option<Answer>, Departure> {
        question.check()?;
        self.questions_left = self.questions_left.checked_sub(1).ok_or(Departure::Questions)?;
        let index = self.trace.steps().len();
        if self.beyond == Beyond::Recalls {
            return self.recalled(question, index);
        }
        if let Some((recorded, answer)) = self.fed.steps().get(index) {
            if recorded == question {
                return Ok(Some(answer.clone()));
            }
            return Err(Departure::Differs { index });
        }
        if self.beyond == Beyond::Ends {
            return Err(Departure::Exceeds { index });
        }
        Ok(matches!(question, Question::Command(_)).then_some(Answer::Done))
    }

    /// Returns the other run's answer, *done* for a command, none for a read of its own.
    fn recalled(&self, question: &Question, index: usize) -> Result<Option<Answer>, Departure> {
        if question.is_command() {
            return Ok(Some(Answer::Done));
        }
        // A clock that is read twice tells two times, in their order.
        let asked = |(own, _): &&(Question, Answer)| own == question;
        let before = self.trace.steps().iter().filter(asked).count();
        let mut recorded = self.fed.steps().iter().filter(asked);
        let known = recorded.clone().nth(before).or_else(|| recorded.next_back());
        match (known, question.is_free()) {
            (Some((_, answer)), _) => Ok(Some(answer.clone())),
            (None, true) => Ok(None),
            (None, false) => Err(Departure::Unknown { index }),
        }
    }

    fn record(&mut self, question: Question, answer: Answer) -> Result<Answer, Departure> {
        self.answer_bytes_left =
            self.answer_bytes_left.checked_sub(answer.bytes()).ok_or(Departure::AnswerBytes)?;
        self.trace.push(question, answer.clone());
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::WasiRead;
    use crate::testing::Script;

    #[test]
    fn a_run_beside_another_is_told_each_time_in_its_order() {
        let clock = || Question::from(WasiRead::MonotonicClock);
        let mut recorded = Trace::new();
        for moment in [10, 30] {
            recorded.push(clock(), Answer::Nanoseconds(moment));
        }
        let mut run = Run::beside(Script::default(), recorded, 64, 4_096);
        let told: Vec<_> = (0..3).map(|_| run.ask_ready(clock())).collect();
        let expected = [10, 30, 30].map(|moment| Ok(Answer::Nanoseconds(moment)));
        assert_eq!(told, expected, "one more question is told the last answer");
    }
}
