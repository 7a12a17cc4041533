//! The consequences of a policy that cannot do its part, as one table: cause by cause, load, request and
//! response, for those that decide and for those that look on.
//!
//! The walks do not read it: they follow the types of `leave.rs`. It is what the operator is told
//! (`tollgate check --failures`), and every cell is provoked and compared by the tests.

use crate::{Class, Departure, Failure, Hook};

/// Why a policy cannot do its part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// Its file is not there.
    MissingArtefact,
    /// Its file is not the one that was pinned.
    WrongDigest,
    /// Its file is no whole component of this contract.
    DamagedArtefact,
    /// It imports what it was not granted.
    Ungranted,
    /// Its settings are not what it expects.
    BadSettings,
    /// Every instance is taken.
    NoInstance,
    /// Its instance cannot be made.
    Start,
    /// It trapped.
    Trap,
    /// It ran longer than it may.
    Time,
    /// It asked for more memory than it may have.
    Memory,
    /// It asked for larger tables than it may have.
    Table,
    /// Its stack overflowed.
    Stack,
    /// It asked more questions than it may.
    Questions,
    /// Its answers carried more text than it may read.
    AnswerBytes,
    /// It asked what the contract does not allow.
    NonsenseQuestion,
    /// It came to a verdict that the contract does not have.
    NonsenseVerdict,
    /// On the same answers it decided, or asked, differently.
    Contradiction,
    /// The engine, or the host's own answer, failed.
    Engine,
}

/// When a cause comes to light.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum When {
    /// While a configuration is compiled.
    Load,
    /// While this hook runs.
    Run(Hook),
}

impl When {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Run(hook) => hook.as_str(),
        }
    }
}

/// End of an exchange when a policy that decides fails. There is no way on among these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Closed {
    /// The whole configuration is refused; the one that served goes on serving.
    Refused,
    /// The exchange ends, and nothing was forwarded.
    NotForwarded,
    /// The exchange ends, and the upstream's response is withheld.
    Withheld,
}

/// Consequence of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fate {
    /// It is final.
    Closed(Closed),
    /// It is recorded, and the next policy decides.
    PassedOver,
}

/// A line of the table. What guards come to is [`Closed`] by its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Why.
    pub cause: Cause,
    /// When.
    pub when: When,
    /// Consequence for classes `security` and `traffic`.
    pub guards: Closed,
    /// Consequence for class `observe`.
    pub observers: Fate,
}

impl Row {
    /// Returns the consequence of the failure of a policy of this class.
    #[must_use]
    pub fn fate(&self, class: Class) -> Fate {
        match class {
            Class::Security | Class::Traffic => Fate::Closed(self.guards),
            Class::Observe => self.observers,
        }
    }
}

const fn load(cause: Cause) -> Row {
    let refused = Closed::Refused;
    Row { cause, when: When::Load, guards: refused, observers: Fate::Closed(refused) }
}

const fn request(cause: Cause) -> Row {
    let when = When::Run(Hook::Request);
    Row { cause, when, guards: Closed::NotForwarded, observers: Fate::PassedOver }
}

const fn response(cause: Cause) -> Row {
    let when = When::Run(Hook::Response);
    Row { cause, when, guards: Closed::Withheld, observers: Fate::PassedOver }
}

/// Every cause, whenever it can come to light.
pub const FAULTS: [Row; 31] = [
    load(Cause::MissingArtefact),
    load(Cause::WrongDigest),
    load(Cause::DamagedArtefact),
    load(Cause::Ungranted),
    load(Cause::BadSettings),
    request(Cause::NoInstance),
    request(Cause::Start),
    request(Cause::Trap),
    request(Cause::Time),
    request(Cause::Memory),
    request(Cause::Table),
    request(Cause::Stack),
    request(Cause::Questions),
    request(Cause::AnswerBytes),
    request(Cause::NonsenseQuestion),
    request(Cause::NonsenseVerdict),
    request(Cause::Contradiction),
    request(Cause::Engine),
    response(Cause::NoInstance),
    response(Cause::Start),
    response(Cause::Trap),
    response(Cause::Time),
    response(Cause::Memory),
    response(Cause::Table),
    response(Cause::Stack),
    response(Cause::Questions),
    response(Cause::AnswerBytes),
    response(Cause::NonsenseQuestion),
    response(Cause::NonsenseVerdict),
    response(Cause::Contradiction),
    response(Cause::Engine),
];

impl Cause {
    /// The cause of a run's failure.
    #[must_use]
    pub fn of(failure: &Failure) -> Self {
        match failure {
            Failure::NoInstance => Self::NoInstance,
            Failure::Start(_) => Self::Start,
            Failure::Trap(_) => Self::Trap,
            Failure::Time => Self::Time,
            Failure::Memory => Self::Memory,
            Failure::Table => Self::Table,
            Failure::Stack => Self::Stack,
            Failure::Question(departure) => match departure {
                Departure::Nonsense(_) => Self::NonsenseQuestion,
                Departure::Questions => Self::Questions,
                Departure::AnswerBytes => Self::AnswerBytes,
                Departure::Differs { .. } | Departure::Exceeds { .. } => Self::Contradiction,
                // Of a run beside another one, of whose failure nobody hears.
                Departure::Unknown { .. } | Departure::Waits => Self::Engine,
            },
            Failure::Verdict(_) => Self::NonsenseVerdict,
            Failure::Impure => Self::Contradiction,
            Failure::Engine(_) => Self::Engine,
        }
    }

    /// The words for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MissingArtefact => "missing artefact",
            Self::WrongDigest => "wrong digest",
            Self::DamagedArtefact => "damaged artefact",
            Self::Ungranted => "ungranted import",
            Self::BadSettings => "bad settings",
            Self::NoInstance => "no free instance",
            Self::Start => "no start",
            Self::Trap => "trap",
            Self::Time => "time limit",
            Self::Memory => "memory limit",
            Self::Table => "table limit",
            Self::Stack => "stack limit",
            Self::Questions => "question quota",
            Self::AnswerBytes => "answer quota",
            Self::NonsenseQuestion => "nonsense question",
            Self::NonsenseVerdict => "nonsense verdict",
            Self::Contradiction => "contradiction",
            Self::Engine => "engine fault",
        }
    }
}

#[cfg(test)]
mod tests;
