//! Leave to go on, as a type: who fails and decides has no way to come by it.

use std::sync::Arc;

use crate::question::Text;
use crate::{Class, Error, Failure, Reply, Verdict};

/// Leave for the request, or the response, to go on to the next policy. It is given by a verdict
/// that says so, by not being concerned, and by the failure of an [`Observer`]; by nothing else.
#[derive(Debug)]
pub struct Leave(());

/// A verdict that is no leave.
#[derive(Debug)]
pub(crate) enum Turn<'a> {
    Forward(&'a Text),
    Reply(&'a Reply),
}

impl Leave {
    /// Asks a verdict.
    pub(crate) fn ask(verdict: &Verdict) -> Result<Self, Turn<'_>> {
        match verdict {
            Verdict::Proceed => Ok(Self(())),
            Verdict::Forward(chosen) => Err(Turn::Forward(chosen)),
            Verdict::Reply(reply) => Err(Turn::Reply(reply)),
        }
    }

    /// Of a policy that the request does not concern, and that therefore did not run.
    pub(crate) fn unconcerned() -> Self {
        Self(())
    }
}

/// What a class is when the policy fails: two types that have nothing in common.
#[derive(Debug)]
pub enum Standing {
    /// Of class `security` or `traffic`.
    Guard(Guard),
    /// Of class `observe`.
    Observer(Observer),
}

/// A policy without whose verdict nothing goes on. Its failure is an error of the exchange, and
/// cannot be anything else:
///
/// ```compile_fail,E0308
/// use std::sync::Arc;
/// use tollgate_chain::{Failure, Guard, Leave};
///
/// fn passed_over(guard: Guard, policy: &Arc<str>) -> Leave {
///     guard.fails(policy, &Failure::Time)
/// }
/// ```
#[derive(Debug)]
pub struct Guard(());

/// A policy that looks on: nobody relies on its verdict, and its failure is passed over.
///
/// ```
/// use tollgate_chain::{Leave, Observer};
///
/// fn passed_over(observer: Observer) -> Leave {
///     observer.fails()
/// }
/// ```
#[derive(Debug)]
pub struct Observer(());

impl Class {
    /// What the class is when the policy fails.
    #[must_use]
    pub fn standing(self) -> Standing {
        match self {
            Self::Security | Self::Traffic => Standing::Guard(Guard(())),
            Self::Observe => Standing::Observer(Observer(())),
        }
    }
}

impl Guard {
    /// The error by which the exchange ends, closed.
    #[must_use]
    pub fn fails(self, policy: &Arc<str>, failure: &Failure) -> Error {
        Error::Plugin { policy: Arc::clone(policy), failure: failure.clone() }
    }
}

impl Observer {
    /// Leave to go on without it.
    #[must_use]
    pub fn fails(self) -> Leave {
        Leave(())
    }
}
