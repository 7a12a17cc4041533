//! The facts about each question that do not depend on its arguments.

use crate::{Answer, Command, Effect, Interface, Read};

/// One function of the contract: the static half of its row in the table of questions.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    /// The name in the contract, `interface.function`.
    pub name: &'static str,
    /// The interface, and the grant that a policy needs to ask.
    pub interface: Interface,
    /// The answer while the back end that it comes from cannot be asked; none where there is no
    /// such back end.
    pub unavailable: Option<Answer>,
    /// Everything else.
    pub facts: QuestionFacts,
}

/// Properties of a question that other parts of the gateway act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuestionFacts {
    /// The source of its answer.
    pub source: AnswerSource,
    /// The origin of its answer's text, where the answer is raw text.
    pub text: Option<TextOrigin>,
    /// True when later steps of the exchange rely on it: who is calling, whether there is quota
    /// left, whether the operation is this exchange's. A policy that may be skipped when it fails
    /// (class `observe`) cannot ask it.
    pub decisive: bool,
    /// True when asking it may cost the caller something, so that it is not repeated for free.
    pub charged: bool,
}

/// Source of a question's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerSource {
    /// Always *done*: a command.
    Done,
    /// The request's head and the route table: the same for every policy of an exchange.
    Head,
    /// The configuration of the matched Route.
    Configuration,
    /// The state of the exchange, which policies and the upstream's response change.
    Exchange,
    /// A store, or what is known of an upstream.
    BackEnd,
    /// The moment of asking: no answer comes twice.
    Moment,
}

/// Origin of raw text in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextOrigin {
    /// The operator's configuration.
    Operator,
    /// The caller, directly or through a note.
    Caller,
    /// The principal's record: an identifier that the access log shows too.
    Principal,
}

impl Function {
    /// Every function of the contract: reads, then commands, then effects.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        let classes = [Read::FUNCTIONS, Command::FUNCTIONS, Effect::FUNCTIONS];
        classes.into_iter().flatten().copied().flatten()
    }

    /// The name within the interface.
    #[must_use]
    pub fn short_name(&self) -> &'static str {
        self.name.rsplit_once('.').map_or(self.name, |(_, name)| name)
    }
}

impl QuestionFacts {
    pub(super) const fn from_source(source: AnswerSource) -> Self {
        Self { source, text: None, decisive: false, charged: false }
    }

    pub(super) const fn text(self, origin: TextOrigin) -> Self {
        Self { text: Some(origin), ..self }
    }

    pub(super) const fn decisive(self) -> Self {
        Self { decisive: true, ..self }
    }

    pub(super) const fn charged(self) -> Self {
        Self { charged: true, ..self }
    }
}
