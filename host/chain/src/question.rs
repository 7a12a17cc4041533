//! The questions that a policy may ask: one for each function of `wit/`, in three classes.
//!
//! Questions are values: they are compared, recorded in a [`Trace`](crate::Trace) and asked again.
//! Each is described once, in a row of `read.rs`, `command.rs` or `effect.rs`; the macro in
//! `table.rs` derives the rest. The serialised form is the one of receipts, and comes back as the
//! same value.

mod argument;
mod bounds;
mod command;
mod effect;
mod form;
mod function;
mod read;
mod table;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::command::{
    Command, LogCommand, NotesCommand, PrincipalCommand, QuotaCommand, ReplyHeadersCommand,
};
pub use self::effect::{Effect, IdempotencyEffect, QuotaEffect};
pub use self::function::{AnswerSource, Function, QuestionFacts, TextOrigin};
pub use self::read::{
    CredentialsRead, IdempotencyRead, NotesRead, PrincipalRead, Read, RequestRead, ResponseRead,
    RouteRead, UpstreamsRead, WasiRead,
};
use crate::Answer;

/// Text inside a question or an answer.
pub type Text = Box<str>;

/// Number of a credential, by order of creation in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CredentialHandle(pub u32);

/// Number of a reply that the host holds, by order of creation in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HeldHandle(pub u32);

/// One call from policy to host, with its arguments. Displays as what a policy did by asking:
/// "asked whether the method is GET".
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Question {
    /// Changes nothing.
    Read(Read),
    /// Changes the exchange, with the verdict: all of a run's commands, or none.
    Command(Command),
    /// Reserves something outside the exchange, kept or released with the run.
    Effect(Effect),
}

/// Where the host takes a reply header's value from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The request's field of this name.
    RequestHeader(Text),
    /// The methods of the Routes at this path.
    RouteMethods,
    /// Seconds to wait, as the last refusing answer says.
    RetryAfter,
}

/// Severity of a policy's log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the four usual levels")]
pub enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
}

/// Whose bucket it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Partition {
    /// The tenant in its environment.
    Tenant,
    /// The key.
    Key,
    /// The caller's address.
    Address,
}

/// So many per window, in bursts of at most so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Rate {
    /// Units per window.
    pub quota: u32,
    /// Length of the window, in seconds.
    pub window_seconds: u32,
    /// Units that may come at once.
    pub burst: u32,
    /// Units that this request costs.
    pub cost: u32,
}

/// Quantity that a bucket limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// A rate.
    Rate(Rate),
    /// Requests in flight.
    Concurrency(u32),
}

/// One quota that a request is charged to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Bucket {
    /// The policy's name in `RateLimit-Policy`.
    pub name: Text,
    /// Whose bucket it is.
    pub partition: Partition,
    /// Quantity that it limits.
    pub rule: Rule,
}

/// A question that cannot be asked: its arguments are out of their bounds. Ends the run, closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{function}: {expected}")]
pub struct Nonsense {
    /// The function of the contract, `interface.name`.
    pub function: &'static str,
    /// The arguments that were expected.
    pub expected: &'static str,
}

impl Question {
    /// The static half of the question's row in the table.
    #[must_use]
    pub fn function(&self) -> &'static Function {
        match self {
            Self::Read(read) => read.function(),
            Self::Command(command) => command.function(),
            Self::Effect(effect) => effect.function(),
        }
    }

    /// Returns true if its answer is always *done*.
    #[must_use]
    pub fn is_command(&self) -> bool {
        matches!(self, Self::Command(_))
    }

    /// Returns true if asking it once more changes nothing anywhere.
    #[must_use]
    pub fn is_free(&self) -> bool {
        matches!(self, Self::Read(_)) && !self.function().facts.charged
    }

    /// Checks the arguments that the contract bounds.
    ///
    /// # Errors
    /// Names the function and what was expected.
    pub fn check(&self) -> Result<(), Nonsense> {
        match self {
            Self::Read(read) => read.check(),
            Self::Command(command) => command.check(),
            Self::Effect(effect) => effect.check(),
        }
    }

    /// Bytes of the question's arguments, beside the question itself.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::Read(read) => read.bytes(),
            Self::Command(command) => command.bytes(),
            Self::Effect(effect) => effect.bytes(),
        }
    }

    /// The answer that a plain request gets while nothing is down.
    #[must_use]
    pub fn typical_answer(&self) -> Answer {
        match self {
            Self::Read(read) => read.typical_answer(),
            Self::Command(command) => command.typical_answer(),
            Self::Effect(effect) => effect.typical_answer(),
        }
    }

    /// The name of the header field whose value is among the arguments: what the question
    /// compares the field with, or sets it to.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Read(read) => read.field(),
            Self::Command(command) => command.field(),
            Self::Effect(effect) => effect.field(),
        }
    }

    /// The question with each of its texts changed.
    #[must_use]
    pub fn map_texts(&self, change: &dyn Fn(&str) -> Text) -> Self {
        match self {
            Self::Read(read) => Self::Read(read.map_texts(change)),
            Self::Command(command) => Self::Command(command.map_texts(change)),
            Self::Effect(effect) => Self::Effect(effect.map_texts(change)),
        }
    }

    /// The part of its list of arguments that an answer's index points at, in words.
    #[must_use]
    pub fn choice(&self, index: u32) -> Option<String> {
        match self {
            Self::Read(read) => read.choice(index),
            Self::Command(command) => command.choice(index),
            Self::Effect(effect) => effect.choice(index),
        }
    }

    /// The reason to refuse the request that this answer gives, in words; none where it gives
    /// none.
    #[must_use]
    pub fn reason_against(&self, answer: &Answer) -> Option<String> {
        match self {
            Self::Read(read) => read.reason_against(answer),
            Self::Command(command) => command.reason_against(answer),
            Self::Effect(effect) => effect.reason_against(answer),
        }
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(read) => {
                f.write_str("asked ")?;
                read.write_words(f)
            }
            Self::Command(command) => command.write_words(f),
            Self::Effect(effect) => effect.write_words(f),
        }
    }
}

impl LogLevel {
    /// The level's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}
